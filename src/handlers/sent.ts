// What a turn sends, as its `turn.committed` says it. Shared by the runtime, which sends, and by replay,
// which finds out again what would have been sent.

import type { MessageKind } from "../chain/event-types.ts";
import type { Value } from "../chain/value.ts";

/** To an actor; or on a channel, whose other end follows from the channel. */
export type Sent =
  | { to: string; body: Uint8Array }
  | { channel: string; body: Uint8Array; close: boolean };

/** The bytes themselves are in the guest's call, or in its result. */
export function describeSent(sent: Sent): Value {
  const bytes = sent.body.length;
  if ("to" in sent) return { to: sent.to, bytes };
  return { channel: sent.channel, bytes, close: sent.close };
}

/** `channel-accept` of WIT, as a value. */
export interface Accept {
  accepted: boolean;
  message: readonly [Uint8Array] | null;
}

/** What the guest decided on an opening, where it has accepted; undefined for all other turns. */
export function acceptance(kind: MessageKind, result: Value): Accept | undefined {
  if (kind !== "channel-open") return undefined;
  const [accept] = (result ?? []) as unknown as readonly Accept[];
  return accept?.accepted === true ? accept : undefined;
}

/** The first message on a channel that the turn accepts: what the guest says with its acceptance. */
export function greetingOf(kind: MessageKind, params: readonly Value[], result: Value): Sent[] {
  const [body] = acceptance(kind, result)?.message ?? [];
  const [channel] = params;
  if (body === undefined || typeof channel !== "string") return [];
  return [{ channel, body, close: false }];
}
