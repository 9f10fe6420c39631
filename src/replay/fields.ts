// The fields of recorded events, decoded once however often they are looked at.

import type { EventType, Payloads } from "../chain/event-types.ts";
import { decodePayload } from "../chain/payload.ts";
import type { Seen } from "../chain/verify.ts";
import { TheaterError } from "../lib/errors.ts";
import type { RecordedEvent } from "./recorded-turn.ts";

type Fields<T extends EventType> = Payloads[T] & { readonly salt: Uint8Array };

const decoded = new WeakMap<RecordedEvent, unknown>();

/** An event that a verifier has decoded already. */
export function recordedAs({ event, fields }: Seen, payload: Uint8Array | null): RecordedEvent {
  const { seq, turn, type, about, time } = event;
  const recorded = { seq, turn, type, about, time, payload };
  if (fields !== null) decoded.set(recorded, fields);
  return recorded;
}

/** Throws `wrong-state` where the payload was erased, and `bad-block` for bytes that are no payload of that type. */
export function fieldsOf<T extends EventType>(event: RecordedEvent, type: T): Fields<T> {
  const known = decoded.get(event);
  if (known !== undefined && event.type === type) return known as Fields<T>;
  const { seq, payload } = event;
  if (payload === null) {
    const message = `Event ${seq} was erased: its turn cannot be run again.`;
    throw new TheaterError("wrong-state", message, { seq, reason: "erased" });
  }
  const fields = decodePayload(type, payload);
  if (event.type === type) decoded.set(event, fields);
  return fields;
}
