// A chain as text, one event per line. `block` and `payload` are what was hashed; `event` and `fields`
// in it are for people and never needed to verify. Their spelling is DAG-JSON's, except that integers
// beyond 2^53 are decimal strings, because JSON readers would silently round them.

import { fromBase64, toBase64 } from "../lib/bytes.ts";
import { TheaterError } from "../lib/errors.ts";
import { cidText } from "./cid.ts";
import { decodeEvent } from "./event.ts";
import { decodePayload } from "./payload.ts";
import { BLOCK_BYTES_MAX } from "./cbor.ts";
import { Link, type Value } from "./value.ts";

/** Longer than any line that `toLine` writes: 1 MiB of control characters is six times as long in JSON. */
export const LINE_LENGTH_MAX = 12 * BLOCK_BYTES_MAX;

/** One event with its payload, as a listing gives it; `payload` is null where erased or withheld. */
export interface Line {
  readonly seq: number;
  /** Text form of the event's CID. */
  readonly cid: string;
  readonly block: Uint8Array;
  readonly payload: Uint8Array | null;
}

export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };

/** One line, without the line break. Blocks that cannot be read are passed on with `event` or `fields` null. */
export function toLine(line: Line): string {
  const { seq, cid, block, payload } = line;
  return JSON.stringify({
    seq,
    cid,
    block: toBase64(block),
    payload: payload && toBase64(payload),
    event: readable(block, payload),
  });
}

/**
 * Reads a line back; `event` is ignored. Throws `bad-request` where it is not of this shape. Whether
 * CID, block and payload are any good is for the verifier to say, with the position of the event.
 */
export function parseLine(text: string): Line {
  if (text.length > LINE_LENGTH_MAX) throw malformed("it is too long");
  const { seq, cid, block, payload } = parseObject(text);
  if (!Number.isSafeInteger(seq) || Number(seq) < 0) throw malformed("seq is not a position");
  if (typeof cid !== "string") throw malformed("cid is not text");
  const blockBytes = bytesOf(block);
  if (blockBytes === undefined) throw malformed("block is not base64");
  const payloadBytes = payload === null ? null : bytesOf(payload);
  if (payloadBytes === undefined) throw malformed("payload is neither null nor base64");
  return { seq: Number(seq), cid, block: blockBytes, payload: payloadBytes };
}

/** An event as people read it: links as {"/": "b…"}, the payload's fields decoded as `fields`. */
function readable(block: Uint8Array, payload: Uint8Array | null): Json {
  try {
    const event = decodeEvent(block);
    const fields = payload && readableFields(() => decodePayload(event.type, payload));
    return { ...event, parent: toJson(event.parent), payload: toJson(event.payload), fields };
  } catch (error) {
    return nullForBadBlock(error);
  }
}

function readableFields(read: () => Value): Json {
  try {
    return toJson(read());
  } catch (error) {
    return nullForBadBlock(error);
  }
}

/** A listing shows altered blocks too: finding them is the reader's business. */
function nullForBadBlock(error: unknown): null {
  if (error instanceof TheaterError && error.code === "bad-block") return null;
  throw error;
}

/** A value in JSON: links {"/": "b…"}, bytes {"/": {"bytes": base64 without padding}}, bigints as strings. */
export function toJson(value: Value): Json {
  if (typeof value === "bigint") return value.toString();
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Uint8Array) return { "/": { bytes: toBase64(value).replace(/=+$/, "") } };
  if (value instanceof Link) return { "/": cidText(value) };
  if (Array.isArray(value)) return value.map(toJson);
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, toJson(field)]));
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null) return { ...parsed };
  } catch {
    // falls through: the same refusal as for JSON that is no object
  }
  throw malformed("it is not a JSON object");
}

function bytesOf(base64: unknown): Uint8Array | undefined {
  return typeof base64 === "string" ? fromBase64(base64) : undefined;
}

function malformed(problem: string): TheaterError {
  return new TheaterError("bad-request", `Give one line of a chain listing: ${problem}.`);
}
