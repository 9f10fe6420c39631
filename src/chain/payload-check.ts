// A payload against the event that names it: what it says of other events must lie before it.

import { TheaterError } from "../lib/errors.ts";
import type { EventType } from "./event-types.ts";
import type { Event } from "./event.ts";
import { decodePayload, type Payload } from "./payload.ts";

export interface CheckedPayload {
  readonly fields: Payload<EventType>;
  /** Positions whose payloads it says are erased. */
  readonly erases: readonly number[];
}

/** Decodes strictly. Throws `bad-block` with a sentence for what does not fit. */
export function checkPayload(event: Event, block: Uint8Array): CheckedPayload {
  const { type, seq, about } = event;
  if (type === "payload.erased") {
    const fields = decodePayload(type, block);
    const { seqs: erases } = fields;
    return erases.every((position) => position < seq) ? { fields, erases } : refuse(REFERS_AHEAD);
  }
  const fields = decodePayload(type, block);
  const said: Readonly<Record<string, unknown>> = fields;
  if (type === "message.received" && said.kind !== about) {
    return refuse("The payload's kind is not the one that the event is about.");
  }
  const refersAhead = [said.message, said.intent, said.toSeq].some(
    (position) => Number(position) >= seq,
  );
  return refersAhead ? refuse(REFERS_AHEAD) : { fields, erases: [] };
}

const REFERS_AHEAD = "The payload refers to an event that is not before it.";

function refuse(sentence: string): never {
  throw new TheaterError("bad-block", sentence);
}
