// How many messages go together. Turns that ask the host for something, or take their time, gain nothing by company
// and delay it: so the number follows from the turns before.

import type { MessageKind } from "../../chain/event-types.ts";
import { Link, type Value } from "../../chain/value.ts";
import type { Mailbox, Waiting } from "../mail/mailbox.ts";
import type { Taken } from "./batch.ts";

/** Messages of one batch. */
const BATCH_MAX = 64;
/** As long as nothing is known of the guest. */
const BATCH_FIRST = 8;
/** What a batch may take, about: the first of it waits for the last, and the neighbours in the isolate for all. */
const BATCH_MS = 50;
/** Bytes of its messages, but for one more. RPC carries 32 MiB. */
const BATCH_BYTES_MAX = 1024 * 1024;

/** All others run alone: what they do may reach beyond their turn, or goes on with the next. */
const TOGETHER: ReadonlySet<MessageKind> = new Set([
  "send",
  "request",
  "timer",
  "channel",
  "channel-close",
  "http",
  "websocket",
  "websocket-open",
  "websocket-close",
]);

export class BatchSize {
  #max = BATCH_FIRST;

  /** After `given` turns, of which `ended` ended together without the host, in `ms`. */
  note(given: number, ended: number, ms: number): void {
    if (ended < given) this.#max = Math.max(1, ended);
    else if (ms <= BATCH_MS) this.#max = Math.min(BATCH_MAX, this.#max * 2);
    // One turn by itself may have waited for its isolate: that says nothing.
    else if (given > 1) this.#max = Math.max(1, Math.floor((given * BATCH_MS) / ms));
  }

  /** Takes from the line what goes together with its first, `first`; nothing where that goes alone. */
  take(mailbox: Mailbox, first: Waiting): Taken[] {
    if (this.#max === 1 || mailbox.first === undefined) return [];
    const message = readable(mailbox, first);
    if (message === undefined) return [];
    const taken = [{ waiting: first, message }];
    let bytes = bytesOf(message.params);
    while (taken.length < this.#max && bytes <= BATCH_BYTES_MAX) {
      const next = mailbox.first;
      const more = next && readable(mailbox, next);
      if (next === undefined || more === undefined) break;
      mailbox.next();
      taken.push({ waiting: next, message: more });
      bytes += bytesOf(more.params);
    }
    return taken.length > 1 ? taken : [];
  }
}

/** The message, if it may go with others. One from an earlier life, which may have ended it, does not. */
function readable(mailbox: Mailbox, { message, isOld }: Waiting): Taken["message"] | undefined {
  if (isOld) return undefined;
  if ("kind" in message && !TOGETHER.has(message.kind)) return undefined;
  try {
    const read = mailbox.read(message);
    return TOGETHER.has(read.kind) && !hasLinks(read.params) ? read : undefined;
  } catch {
    return undefined; // what keeps it from being read shows when it runs alone
  }
}

/** What is in the store has to be brought first, and that takes its time. */
function hasLinks(value: Value | readonly Value[]): boolean {
  if (value === null || typeof value !== "object" || value instanceof Uint8Array) return false;
  if (value instanceof Link) return true;
  return (Array.isArray(value) ? value : Object.values(value)).some((part) =>
    hasLinks(part as Value),
  );
}

/** Wherever they are: the body of an HTTP request, or a frame, is within a record. */
function bytesOf(value: Value | readonly Value[]): number {
  if (typeof value === "string" || value instanceof Uint8Array) return value.length;
  if (value === null || typeof value !== "object") return 0;
  const parts: readonly Value[] = Array.isArray(value) ? value : Object.values(value);
  return parts.reduce<number>((sum, part) => sum + bytesOf(part), 0);
}
