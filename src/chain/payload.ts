// Payloads: the erasable half of an event. Each has a salt that is kept nowhere else, so that once the
// block is deleted nobody can find out its content by trying guesses against the digest in the event.

import { TheaterError } from "../lib/errors.ts";
import { decode, encode } from "./cbor.ts";
import { EVENT_TYPES, type EventType, type Payloads } from "./event-types.ts";
import { sha256 } from "./hash.ts";
import {
  INLINE_BYTES_MAX,
  PAYLOAD_FIELDS,
  isMap,
  problemOfFields,
  type Guard,
} from "./payload-fields.ts";
import { Link, type Value } from "./value.ts";

const SALT_BYTES = 16;

/** Content that was too long for the payload: a raw block, and the digest that the payload names. */
export interface RawBlock {
  readonly digest: Uint8Array;
  readonly bytes: Uint8Array;
}

export interface EncodedPayload {
  readonly block: Uint8Array;
  readonly digest: Uint8Array;
  /** To be stored before the event that names them is; may share memory with the given fields. */
  readonly raw: readonly RawBlock[];
}

/** A decoded payload. Long bytes and texts are still links to raw blocks; WIT says which they were. */
export type Payload<T extends EventType> = Payloads[T] & { readonly salt: Uint8Array };

const salt: Guard<Uint8Array> = (value): value is Uint8Array =>
  value instanceof Uint8Array && value.length === SALT_BYTES;

/** Guards and canonical key order, made once: sorting keys for every payload would be a third of its cost. */
const SHAPES = new Map(
  EVENT_TYPES.map((type) => {
    const guards: Readonly<Record<string, Guard<unknown>>> = { ...PAYLOAD_FIELDS[type], salt };
    const empty = Object.fromEntries(Object.keys(guards).map((key) => [key, null]));
    return [type, { guards, keys: Object.keys(decode(encode(empty)) ?? {}) }];
  }),
);

/**
 * The block of a payload. `salt` is 16 fresh random bytes. Throws `bad-block` for missing, extra or
 * malformed fields and `too-large` above 1 MiB (raw blocks not counted).
 */
export function encodePayload<T extends EventType>(
  type: T,
  fields: Payloads[T],
  salt: Uint8Array,
): EncodedPayload {
  const { guards, keys } = shapeOf(type);
  const given: Readonly<Record<string, Value>> = { ...fields, salt };
  const problem = problemOfFields(given, guards);
  if (problem !== undefined) throw misfit(type, problem);
  const map: Record<string, Value> = {};
  for (const key of keys) map[key] = given[key] ?? null;
  const raw: RawBlock[] = [];
  const put = (bytes: Uint8Array): Link => {
    const digest = sha256(bytes);
    raw.push({ digest, bytes });
    return new Link("raw", digest);
  };
  const block = encode(map, { above: INLINE_BYTES_MAX, put });
  return { block, digest: sha256(block), raw };
}

/** Reads a payload strictly: exactly the fields of its type, a salt, no long content inline; else `bad-block`. */
export function decodePayload<T extends EventType>(type: T, block: Uint8Array): Payload<T> {
  const map = decode(block, INLINE_BYTES_MAX);
  if (!isMap(map)) throw misfit(type, "the payload is not a map");
  const problem = problemOfFields(map, shapeOf(type).guards);
  if (problem !== undefined) throw misfit(type, problem);
  return map as unknown as Payload<T>; // the guards have just checked exactly this
}

function shapeOf(type: EventType): {
  guards: Readonly<Record<string, Guard<unknown>>>;
  keys: string[];
} {
  const shape = SHAPES.get(type);
  if (shape === undefined) throw misfit(type, "the type is unknown");
  return shape;
}

function misfit(type: string, problem: string): TheaterError {
  const message = `Give a ${type} payload exactly the fields of docs/chain-format.md: ${problem}.`;
  return new TheaterError("bad-block", message, { problem });
}
