// The handshake of a WebSocket (RFC 6455 section 4) as far as it is ours: who asks, and which subprotocol is taken.
//
// Rule: browsers can give a WebSocket no Authorization, so a token may come as a subprotocol beside the one that is
// spoken. It never comes in the URL, which ends up in logs, and it is never answered nor passed on.

import { fromBase64, toUtf8 } from "../lib/bytes.ts";
import { assert, TheaterError } from "../lib/errors.ts";
import type { Upgraded } from "../runtime/sockets/upgrade-request.ts";
import { eventHeader } from "./problem.ts";
import type { SiteAddress } from "./site-address.ts";
import { siteResponse } from "./site-response.ts";

/** In front of the token in base64url, as one of the subprotocols that a client offers. */
const BEARER = "theater.bearer.";
const PROTOCOLS = "sec-websocket-protocol";

export interface Handshake {
  isUpgrade: boolean;
  /** From the header of that name, or for an upgrade from the subprotocols. */
  authorization: string | null;
  /** Without what belongs to the handshake. */
  headers: readonly (readonly [name: string, value: string])[];
  /** The one that is taken, the first that was offered; null where none was. */
  protocol: string | null;
}

/** Who asks. Throws `bad-request` for an upgrade that cannot be answered. */
export function authorizationOf(request: Request): string | null {
  return isUpgradeOf(request)
    ? readHandshake(request).authorization
    : request.headers.get("authorization");
}

function isUpgradeOf({ headers }: Request): boolean {
  return headers.get("upgrade")?.toLowerCase() === "websocket";
}

/** Throws `bad-request` for an upgrade that cannot be answered. */
export function readHandshake(request: Request): Handshake {
  const { method, headers } = request;
  const isUpgrade = isUpgradeOf(request);
  const authorization = headers.get("authorization");
  if (!isUpgrade) return { isUpgrade, authorization, headers: [...headers], protocol: null };
  if (method !== "GET") {
    throw new TheaterError("bad-request", "A WebSocket is opened with GET.");
  }
  const offered = (headers.get(PROTOCOLS) ?? "")
    .split(",")
    .map((each) => each.trim())
    .filter((each) => each !== "");
  const spoken = offered.filter((each) => !each.startsWith(BEARER));
  const bearer = offered.find((each) => each.startsWith(BEARER));
  if (bearer !== undefined && spoken.length === 0) {
    const message = `Offer another subprotocol beside ${BEARER}…: the one that is answered, as "theater".`;
    throw new TheaterError("bad-request", message);
  }
  return {
    isUpgrade,
    authorization: authorization ?? (bearer === undefined ? null : `Bearer ${tokenOf(bearer)}`),
    headers: [
      ...[...headers].filter(([name]) => !name.startsWith("sec-websocket-")),
      ...(spoken.length === 0 ? [] : [[PROTOCOLS, spoken.join(", ")] as const]),
    ],
    protocol: spoken[0] ?? null,
  };
}

/** Of what is no base64url of a text: nothing that is a token. */
function tokenOf(protocol: string): string {
  const base64 = protocol.slice(BEARER.length).replaceAll("-", "+").replaceAll("_", "/");
  const bytes = fromBase64(base64.padEnd(Math.ceil(base64.length / 4) * 4, "="));
  try {
    return bytes === undefined ? "" : toUtf8(bytes);
  } catch {
    return "";
  }
}

export function upgradeResponse(
  upgraded: Upgraded,
  { protocol }: Handshake,
  address?: SiteAddress,
): Response {
  if ("reply" in upgraded) {
    assert(address !== undefined, "only a middleware answers in place of an upgrade");
    return siteResponse(upgraded.reply, "GET", address);
  }
  const { webSocket, event } = upgraded;
  const headers = new Headers(event === null ? {} : eventHeader(event));
  if (protocol !== null) headers.set(PROTOCOLS, protocol);
  return new Response(null, { status: 101, webSocket, headers });
}
