// Which exported function takes a message, by the message's kind.

import type { MessageKind } from "../chain/event-types.ts";

const CLIENT = "theater:simple/message-server-client";

export const INIT = "theater:simple/actor#init";
export const HANDLE_SEND = `${CLIENT}#handle-send`;
export const HANDLE_REQUEST = `${CLIENT}#handle-request`;

const HANDLE_TIMER = "theater:edge/timers-client#handle-timer";

const EXPORTS: Readonly<Partial<Record<MessageKind, string>>> = {
  lifecycle: INIT,
  send: HANDLE_SEND,
  request: HANDLE_REQUEST,
  timer: HANDLE_TIMER,
};

/** `interface#function`; undefined for a kind that this version does not serve. */
export function exportFor(kind: MessageKind): string | undefined {
  return EXPORTS[kind];
}
