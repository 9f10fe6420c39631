// What an actor says on its WebSockets: `theater:edge/websockets`, and the two functions of http-framework. All of it
// is local: it leaves with the commit of the turn.

import type { Value } from "../chain/value.ts";
import { err, isOk, returned, type HandlerAnswer, type HostFunction } from "./handler.ts";
import { frameOf, readMessage, type Frame } from "./socket-message.ts";

export const WEBSOCKETS = "theater:edge/websockets";
const FRAMEWORK = "theater:simple/http-framework";

/** One connection; `server`: the only one that it may belong to. */
export interface ConnectionRef {
  id: number;
  server?: number;
}

/** The actor's connections as one turn sees them. Answers are of the WIT types of the functions. */
export interface Sockets {
  send(to: ConnectionRef, frame: Frame): HandlerAnswer;
  close(connection: ConnectionRef, why: { code: number; reason: string }): HandlerAnswer;
  /** `path` as it was enabled; null: all of them. */
  broadcast(path: string | null, frame: Frame): HandlerAnswer;
  list(path: string | null): readonly number[];
}

type Operation = (sockets: Sockets, args: readonly Value[]) => HandlerAnswer;

function local(operation: Operation): HostFunction {
  return {
    effect: "local",
    call: ({ services }, args) => Promise.resolve(operation(services.sockets, args)),
    // In a turn that goes on: what was to leave with its commit is to leave with it again.
    again: ({ services }, args, recorded) => {
      if (isOk(recorded)) operation(services.sockets, args);
      return Promise.resolve();
    },
  };
}

const NORMAL = { code: 1000, reason: "" };

const id = (value: Value | undefined): number => Number(value);
const optional = (value: Value | undefined): string | null =>
  value == null ? null : ((value as readonly [string])[0] ?? null);

export const socketFunctions: Readonly<Record<string, HostFunction>> = {
  [`${FRAMEWORK}#send-websocket-message`]: local((sockets, [server, connection, message]) => {
    const to = { id: id(connection), server: id(server) };
    const read = readMessage(message ?? null);
    if (read === "close") return sockets.close(to, NORMAL);
    return "problem" in read ? err(read.problem) : sockets.send(to, read.frame);
  }),
  [`${FRAMEWORK}#close-websocket`]: local((sockets, [server, connection]) =>
    sockets.close({ id: id(connection), server: id(server) }, NORMAL),
  ),
  [`${WEBSOCKETS}#broadcast`]: local((sockets, [path, message]) =>
    sockets.broadcast(optional(path), frameOf(message ?? null)),
  ),
  [`${WEBSOCKETS}#send`]: local((sockets, [connection, message]) =>
    sockets.send({ id: id(connection) }, frameOf(message ?? null)),
  ),
  [`${WEBSOCKETS}#close`]: local((sockets, [connection, code, reason]) =>
    sockets.close({ id: id(connection) }, { code: id(code), reason: reason as string }),
  ),
  [`${WEBSOCKETS}#connections`]: local((sockets, [path]) =>
    returned([...sockets.list(optional(path))]),
  ),
};
