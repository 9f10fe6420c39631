// Which exported function takes a message, by the message's kind.

import type { MessageKind } from "../chain/event-types.ts";
import type { Value } from "../chain/value.ts";

const CLIENT = "theater:simple/message-server-client";

export const INIT = "theater:simple/actor#init";
export const HANDLE_SEND = `${CLIENT}#handle-send`;
export const HANDLE_REQUEST = `${CLIENT}#handle-request`;
export const HANDLE_CHANNEL_OPEN = `${CLIENT}#handle-channel-open`;
export const HANDLE_CHANNEL_MESSAGE = `${CLIENT}#handle-channel-message`;
export const HANDLE_CHANNEL_CLOSE = `${CLIENT}#handle-channel-close`;

/** Called by an upgrade, not by a message. */
export const MIGRATE = "theater:edge/upgrade#migrate";

const HTTP = "theater:simple/http-handlers";

export const HANDLE_HTTP = `${HTTP}#handle-request`;
export const HANDLE_MIDDLEWARE = `${HTTP}#handle-middleware`;
export const HANDLE_SOCKET_OPEN = `${HTTP}#handle-websocket-connect`;
export const HANDLE_SOCKET_MESSAGE = `${HTTP}#handle-websocket-message`;
const HANDLE_SOCKET_CLOSE = `${HTTP}#handle-websocket-disconnect`;

const HANDLE_TIMER = "theater:edge/timers-client#handle-timer";

const EXPORTS: Readonly<Partial<Record<MessageKind, string>>> = {
  lifecycle: INIT,
  send: HANDLE_SEND,
  request: HANDLE_REQUEST,
  timer: HANDLE_TIMER,
  channel: HANDLE_CHANNEL_MESSAGE,
  "channel-open": HANDLE_CHANNEL_OPEN,
  "channel-close": HANDLE_CHANNEL_CLOSE,
  http: HANDLE_HTTP,
  "http-middleware": HANDLE_MIDDLEWARE,
  "http-read": HANDLE_HTTP,
  "http-stream": HANDLE_HTTP,
  websocket: HANDLE_SOCKET_MESSAGE,
  "websocket-open": HANDLE_SOCKET_OPEN,
  "websocket-close": HANDLE_SOCKET_CLOSE,
};

/** Whether the turn of such a message changes nothing and asks nobody: more than that fails it. */
export const isReadOnly = (kind: MessageKind): boolean => kind === "http-read";

/** Whether the response to such a message leaves while its turn runs. */
export const isStreamed = (kind: MessageKind): boolean => kind === "http-stream";

const SUPERVISOR = "theater:simple/supervisor-handlers";

/**
 * `interface#function`; undefined for a kind that this version does not serve. Kinds that several functions
 * take are told apart by the form of the message's parameters.
 */
export function exportFor(kind: MessageKind, params: Value): string | undefined {
  return kind === "child-notice" ? noticeExport(params) : EXPORTS[kind];
}

function noticeExport(params: Value): string {
  const [, what] = params as readonly Value[];
  if (what === undefined) return `${SUPERVISOR}#handle-child-external-stop`;
  const isError = typeof what === "object" && what !== null && "error-type" in what;
  return `${SUPERVISOR}#handle-child-${isError ? "error" : "exit"}`;
}
