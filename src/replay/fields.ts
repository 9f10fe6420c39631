// The fields of recorded events, decoded once however often they are looked at.

import type { EventType, Payloads } from "../chain/event-types.ts";
import { decodePayload } from "../chain/payload.ts";
import { TheaterError } from "../lib/errors.ts";
import type { RecordedEvent } from "./recorded-turn.ts";

type Fields<T extends EventType> = Payloads[T] & { readonly salt: Uint8Array };

const decoded = new WeakMap<RecordedEvent, unknown>();

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
