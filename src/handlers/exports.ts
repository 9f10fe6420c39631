// Which exported function takes a message, by the message's kind.

import type { MessageKind } from "../chain/event-types.ts";

const CLIENT = "theater:simple/message-server-client";

export const INIT = "theater:simple/actor#init";
export const HANDLE_SEND = `${CLIENT}#handle-send`;
export const HANDLE_REQUEST = `${CLIENT}#handle-request`;
export const HANDLE_CHANNEL_OPEN = `${CLIENT}#handle-channel-open`;
export const HANDLE_CHANNEL_MESSAGE = `${CLIENT}#handle-channel-message`;
export const HANDLE_CHANNEL_CLOSE = `${CLIENT}#handle-channel-close`;

const HANDLE_TIMER = "theater:edge/timers-client#handle-timer";

const EXPORTS: Readonly<Partial<Record<MessageKind, string>>> = {
  lifecycle: INIT,
  send: HANDLE_SEND,
  request: HANDLE_REQUEST,
  timer: HANDLE_TIMER,
  channel: HANDLE_CHANNEL_MESSAGE,
  "channel-open": HANDLE_CHANNEL_OPEN,
  "channel-close": HANDLE_CHANNEL_CLOSE,
};

/** `interface#function`; undefined for a kind that this version does not serve. */
export function exportFor(kind: MessageKind): string | undefined {
  return EXPORTS[kind];
}
