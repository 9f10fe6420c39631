// `theater/guest/websockets`: the actor's WebSockets by their connections and paths. What is said leaves when the turn
// has succeeded, in its order, or never.

import * as host from "theater:edge/websockets";

/** A text frame, or a binary one. */
export type SocketData = string | Uint8Array;

const wit = (data: SocketData): host.SocketMessage =>
  typeof data === "string" ? { tag: "text", val: data } : { tag: "binary", val: data };

/**
 * Sends to every connection that is open on `path`, written as in `sockets` of `defineHttpActor`; without it to all.
 * Returns to how many. Throws where it is over a limit.
 */
export function broadcast(data: SocketData, path: string | null = null): number {
  return host.broadcast(path, wit(data));
}

/** Sends to one connection. Throws where it is not open, or over a limit. */
export function send(connection: number, data: SocketData): void {
  host.send(connection, wit(data));
}

/** Closes a connection: with 1000, or a code of your own from 3000 to 4999. Throws where it is not open. */
export function close(connection: number, code = 1000, reason = ""): void {
  host.close(connection, code, reason);
}

/** The connections that are open, on `path` or on all paths, oldest first. */
export function connections(path: string | null = null): number[] {
  return [...host.connections(path)].map(Number);
}
