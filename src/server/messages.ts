// Routes of messages: `send` is answered when it is recorded, `request` when its turn has committed.

import { idempotencyKey, readBody } from "./input.ts";
import { MESSAGE_BYTES_MAX } from "./limits.ts";
import { eventHeader, respond } from "./problem.ts";
import { RAW, json } from "./route.ts";
import type { Body, Call, Route } from "./route.ts";
import { accepted } from "./schemas.ts";
import type { MessageInput } from "../runtime/protocol.ts";

const body: Body = {
  description: "The message, which only the actor understands.",
  mediaType: "application/octet-stream",
  bytesMax: MESSAGE_BYTES_MAX,
};

const send: Route = {
  method: "POST",
  path: "/v1/actors/:id/send",
  idempotent: true,
  summary: "Send a message and do not wait for its turn",
  body,
  success: [
    {
      status: 202,
      description: "Recorded; its turn follows.",
      content: json(accepted),
      event: true,
    },
  ],
  refusals: ["key-reused", "wrong-state", "busy", "unavailable", "outcome-unknown"],
  async serve(call) {
    const answer = await call.actors.send(call.param("id"), await readMessage(call));
    return respond(answer, ({ event }) =>
      Response.json({ event }, { status: 202, headers: eventHeader(event) }),
    );
  },
};

const request: Route = {
  method: "POST",
  path: "/v1/actors/:id/request",
  idempotent: true,
  summary: "Send a message and wait for the reply, also one that a later turn gives",
  body,
  success: [{ status: 200, description: "The reply.", content: RAW, event: true }],
  refusals: [
    "key-reused",
    "guest-error",
    "guest-trap",
    "limit-exceeded",
    "host-failure",
    "wrong-state",
    "busy",
    "unavailable",
    "outcome-unknown",
    "too-slow",
  ],
  async serve(call) {
    const answer = await call.actors.request(call.param("id"), await readMessage(call));
    return respond(answer, ({ reply, event }) => {
      const headers = { "content-type": "application/octet-stream", ...eventHeader(event) };
      return new Response(reply, { headers });
    });
  },
};

async function readMessage(call: Call): Promise<MessageInput> {
  const idempotency = idempotencyKey(call);
  const bytes = await readBody(call.request, { name: "message", bytesMax: MESSAGE_BYTES_MAX });
  return {
    body: bytes,
    from: "external",
    ...(idempotency === undefined ? {} : { idempotency }),
  };
}

export const messageRoutes: readonly Route[] = [send, request];
