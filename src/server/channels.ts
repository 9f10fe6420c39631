// The way into a channel for those who are no actors: an upgrade to a WebSocket. What is said on it is between
// visitor and actor; docs/websockets.md says how.

import { TheaterError } from "../lib/errors.ts";
import { readHandshake, upgradeResponse } from "./handshake.ts";
import { problem } from "./problem.ts";
import type { Route } from "./route.ts";

const channel: Route = {
  method: "GET",
  path: "/v1/actors/:id/channel",
  summary: "Open a WebSocket for a channel: its first message opens the channel",
  success: [{ status: 101, description: "A WebSocket." }],
  refusals: ["bad-request", "wrong-state", "missing-handler", "busy", "unavailable"],
  async serve({ request, actors, principal, param }) {
    const handshake = readHandshake(request);
    if (!handshake.isUpgrade) {
      throw new TheaterError("bad-request", "Ask with `Upgrade: websocket`.");
    }
    const opened = await actors.openSocket(param("id"), { isChannel: true, principal });
    return opened.ok ? upgradeResponse(opened.value, handshake) : problem(opened.error);
  },
};

export const channelRoutes: readonly Route[] = [channel];
