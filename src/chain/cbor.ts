// The strict DAG-CBOR profile of the chain: one value has one encoding, one block has one reading.
// Public codecs accept more than they should (unsorted keys, floats, invalid UTF-8), so that one block
// with one hash could show two auditors different things. Hence a codec of our own, and the rule that
// a reader hashes the bytes it received and never a re-encoding.

import { fromUtf8, toUtf8 } from "../lib/bytes.ts";
import { TheaterError } from "../lib/errors.ts";
import { readArgument, readByte, readBytes, refusal, type Reader } from "./cbor-reader.ts";
import { compareKeys, utf8Length } from "./key-order.ts";
import { Link, type Value } from "./value.ts";

/** More than any block of the chain needs; bounds what a reader must hold to check one. */
export const BLOCK_BYTES_MAX = 1024 * 1024;
/** Arrays and maps inside each other; keeps recursion far from the stack's end on every platform. */
export const DEPTH_MAX = 64;
/** UTF-8 bytes of a map key. Keys come from the format and from WIT, never from data. */
const KEY_BYTES_MAX = 255;

/** Where bytes and texts of more than `above` bytes go instead of into the block. */
export interface Spill {
  readonly above: number;
  put(content: Uint8Array): Link;
}

const DIGEST_BYTES = 32;
/** What stands before a digest in a link: byte string of 37, identity multibase, CIDv1, codec, sha2-256 of 32. */
const LINK_CODECS = { "dag-cbor": 0x71, raw: 0x55 } as const;
const LINK_BYTES = 4 + 5 + DIGEST_BYTES;
const SHORT_TEXT = 128; // below this a loop over the characters beats TextEncoder
const HEAD_BYTES_MAX = 9;
const TWO_32 = 2 ** 32;
const OWN_PROPERTY = { enumerable: true, configurable: true, writable: true };
const UINT64_MAX = 0xffff_ffff_ffff_ffffn;

// Encoding is synchronous and never calls itself through a callback, so one buffer serves all of it.
let buffer = new Uint8Array(4096);
let end = 0;
let spill: Spill | undefined;

/**
 * The one encoding of `value`. Throws `bad-block` for what the profile cannot hold (lone surrogates,
 * numbers that are not safe integers, -0, undefined, class instances, depth, keys) and `too-large`
 * above BLOCK_BYTES_MAX. With `spillTo`, long bytes and texts become links to what `put` returns.
 */
export function encode(value: Value, spillTo?: Spill): Uint8Array {
  end = 0;
  spill = spillTo;
  writeValue(value, 0);
  if (end > BLOCK_BYTES_MAX) throw tooLarge();
  return buffer.slice(0, end);
}

function writeValue(value: Value, depth: number): void {
  switch (typeof value) {
    case "string":
      writeText(value);
      return;
    case "number":
      if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
        throw unfit(`the number ${Object.is(value, -0) ? "-0" : value} is not a safe integer`);
      }
      if (value >= 0) writeHead(0x00, value);
      else writeHead(0x20, -1 - value);
      return;
    case "bigint":
      if (value >= 0n) writeLongHead(0x00, value);
      else writeLongHead(0x20, -1n - value);
      return;
    case "boolean":
      writeHead(0xe0, value ? 21 : 20);
      return;
    case "object":
      writeObject(value, depth);
      return;
    case "undefined":
    case "function":
    case "symbol":
      throw unfit(`there is no place for a value of type ${typeof value}`);
  }
}

function writeObject(value: Value & (object | null), depth: number): void {
  if (value === null) {
    writeHead(0xe0, 22);
  } else if (value instanceof Uint8Array) {
    if (spill !== undefined && value.length > spill.above) writeLink(spill.put(value));
    else writeBytes(0x40, value);
  } else if (value instanceof Link) {
    writeLink(value);
  } else {
    if (depth === DEPTH_MAX) throw unfit(`values nest deeper than ${DEPTH_MAX} levels`);
    if (Array.isArray(value)) {
      writeHead(0x80, value.length);
      // Not for-of: a hole in the array must be seen as undefined and refused.
      for (let i = 0; i < value.length; i++) writeValue(value[i], depth + 1);
    } else {
      writeMap(value as { readonly [key: string]: Value }, depth + 1);
    }
  }
}

function writeMap(map: { readonly [key: string]: Value }, depth: number): void {
  const prototype: unknown = Object.getPrototypeOf(map);
  if (prototype !== Object.prototype && prototype !== null) {
    throw unfit("only plain objects can be maps");
  }
  const keys = Object.keys(map);
  for (let i = 1; i < keys.length; i++) {
    if (compareKeys(keys[i - 1] ?? "", keys[i] ?? "") > 0) {
      keys.sort(compareKeys);
      break;
    }
  }
  writeHead(0xa0, keys.length);
  for (const key of keys) {
    if (key === "" || utf8Length(key) > KEY_BYTES_MAX) {
      throw unfit(`a map key has between 1 and ${KEY_BYTES_MAX} bytes`);
    }
    writeText(key);
    const value = map[key];
    if (value === undefined) throw unfit("there is no place for undefined");
    writeValue(value, depth);
  }
}

function writeText(text: string): void {
  const start = end;
  if (text.length <= SHORT_TEXT) {
    writeHead(0x60, text.length);
    reserve(text.length);
    let i = 0;
    for (; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit >= 0x80) break;
      buffer[end++] = unit;
    }
    if (i === text.length) return;
    end = start;
  }
  if (!text.isWellFormed()) throw unfit("a text holds half of a surrogate pair");
  const bytes = fromUtf8(text);
  if (spill !== undefined && bytes.length > spill.above) writeLink(spill.put(bytes));
  else writeBytes(0x60, bytes);
}

function writeBytes(major: number, bytes: Uint8Array): void {
  writeHead(major, bytes.length);
  reserve(bytes.length);
  buffer.set(bytes, end);
  end += bytes.length;
}

function writeLink(link: Link): void {
  if (link.digest.length !== DIGEST_BYTES) throw unfit("a link holds a digest of 32 bytes");
  reserve(LINK_BYTES);
  buffer.set([0xd8, 42, 0x58, 37, 0x00, 0x01, LINK_CODECS[link.codec], 0x12, 0x20], end);
  buffer.set(link.digest, end + LINK_BYTES - DIGEST_BYTES);
  end += LINK_BYTES;
}

/** `argument` is a safe integer ≥ 0. */
function writeHead(major: number, argument: number): void {
  reserve(HEAD_BYTES_MAX);
  if (argument < 24) {
    buffer[end++] = major | argument;
  } else if (argument < 0x100) {
    buffer[end++] = major | 24;
    buffer[end++] = argument;
  } else if (argument < 0x1_0000) {
    buffer[end++] = major | 25;
    buffer[end++] = argument >>> 8;
    buffer[end++] = argument;
  } else if (argument < TWO_32) {
    buffer[end++] = major | 26;
    writeUint32(argument);
  } else {
    buffer[end++] = major | 27;
    writeUint32(Math.floor(argument / TWO_32));
    writeUint32(argument % TWO_32);
  }
}

function writeLongHead(major: number, argument: bigint): void {
  if (argument <= BigInt(Number.MAX_SAFE_INTEGER)) {
    writeHead(major, Number(argument));
    return;
  }
  if (argument > UINT64_MAX) throw unfit("an integer has more than 64 bits");
  reserve(HEAD_BYTES_MAX);
  buffer[end++] = major | 27;
  writeUint32(Number(argument >> 32n));
  writeUint32(Number(argument & 0xffff_ffffn));
}

function writeUint32(value: number): void {
  buffer[end++] = value >>> 24;
  buffer[end++] = value >>> 16;
  buffer[end++] = value >>> 8;
  buffer[end++] = value;
}

function reserve(count: number): void {
  if (end + count <= buffer.length) return;
  if (end + count > BLOCK_BYTES_MAX + HEAD_BYTES_MAX) throw tooLarge();
  const grown = new Uint8Array(Math.max(2 * buffer.length, end + count));
  grown.set(buffer.subarray(0, end));
  buffer = grown;
}

function tooLarge(): TheaterError {
  return new TheaterError("too-large", `Keep a block below ${BLOCK_BYTES_MAX} bytes.`);
}

function unfit(problem: string): TheaterError {
  return new TheaterError("bad-block", `Record only what the chain format can hold: ${problem}.`);
}

/**
 * Scans and reads a block in one pass. Whatever `encode` would have written otherwise is refused with
 * `bad-block`, so that decode(x) = v implies encode(v) = x. `inlineBytesMax` bounds each byte string and text.
 */
export function decode(bytes: Uint8Array, inlineBytesMax: number = BLOCK_BYTES_MAX): Value {
  const reader: Reader = { bytes, inlineBytesMax, at: 0 };
  if (bytes.length > BLOCK_BYTES_MAX) throw refusal(reader, "the block is too large");
  const value = readValue(reader, 0);
  if (reader.at !== bytes.length) throw refusal(reader, "bytes follow the value");
  return value;
}

function readValue(reader: Reader, depth: number): Value {
  const first = readByte(reader);
  switch (first >> 5) {
    case 0:
      return readArgument(reader, first);
    case 1: {
      const argument = readArgument(reader, first);
      // -1 - (2^53 - 1) is exact but not safe: from there on, bigints.
      return argument === Number.MAX_SAFE_INTEGER || typeof argument === "bigint"
        ? -1n - BigInt(argument)
        : -1 - argument;
    }
    case 2:
      // A copy through the constructor: slice() of a Node Buffer would share its memory.
      return new Uint8Array(readBytes(reader, first));
    case 3:
      return readText(reader, first);
    case 4:
      return readArray(reader, first, depth);
    case 5:
      return readMap(reader, first, depth);
    case 6:
      return readLink(reader, first);
    default:
      if (first === 0xf4) return false;
      if (first === 0xf5) return true;
      if (first === 0xf6) return null;
      throw refusal(reader, "floats, undefined and other simple values have no place");
  }
}

function readArray(reader: Reader, first: number, depth: number): Value {
  const count = readCount(reader, first, depth);
  const array: Value[] = [];
  for (let i = 0; i < count; i++) array.push(readValue(reader, depth + 1));
  return array;
}

function readMap(reader: Reader, first: number, depth: number): Value {
  const count = readCount(reader, first, depth);
  const map: { [key: string]: Value } = {};
  let previous: Uint8Array | undefined;
  for (let i = 0; i < count; i++) {
    const keyFirst = readByte(reader);
    if (keyFirst >> 5 !== 3) throw refusal(reader, "a map key is not text");
    const start = reader.at;
    const key = readText(reader, keyFirst);
    const length = reader.at - start - (keyFirst === 0x78 ? 1 : 0);
    if (length === 0 || length > KEY_BYTES_MAX) throw refusal(reader, "a key is empty or too long");
    const bytes = reader.bytes.subarray(reader.at - length, reader.at);
    if (previous !== undefined && !precedes(previous, bytes)) {
      throw refusal(reader, "map keys are not in order, or not unique");
    }
    previous = bytes;
    const value = readValue(reader, depth + 1);
    // An assignment to this name would set the prototype instead of a property.
    if (key !== "__proto__") map[key] = value;
    else Object.defineProperty(map, key, { ...OWN_PROPERTY, value });
  }
  return map;
}

function precedes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return a.length < b.length;
  for (let i = 0; i < a.length; i++) {
    const [x = 0, y = 0] = [a[i], b[i]];
    if (x !== y) return x < y;
  }
  return false;
}

function readLink(reader: Reader, first: number): Link {
  if (first !== 0xd8 || readByte(reader) !== 42) throw refusal(reader, "the only tag is 42");
  const { bytes, at } = reader;
  const codec = bytes[at + 4];
  const fits =
    at + LINK_BYTES - 2 <= bytes.length &&
    bytes[at] === 0x58 &&
    bytes[at + 1] === 37 &&
    bytes[at + 2] === 0x00 &&
    bytes[at + 3] === 0x01 &&
    (codec === LINK_CODECS["dag-cbor"] || codec === LINK_CODECS.raw) &&
    bytes[at + 5] === 0x12 &&
    bytes[at + 6] === 0x20;
  if (!fits) throw refusal(reader, "a link is not a CIDv1 of the two codecs with a sha2-256");
  reader.at += LINK_BYTES - 2;
  const digest = new Uint8Array(bytes.subarray(reader.at - DIGEST_BYTES, reader.at));
  return new Link(codec === LINK_CODECS.raw ? "raw" : "dag-cbor", digest);
}

function readText(reader: Reader, first: number): string {
  const bytes = readBytes(reader, first);
  if (bytes.length <= 24) {
    let text = "";
    for (const byte of bytes) {
      if (byte >= 0x80) return decodeText(reader, bytes);
      text += String.fromCharCode(byte);
    }
    return text;
  }
  return decodeText(reader, bytes);
}

function decodeText(reader: Reader, bytes: Uint8Array): string {
  try {
    return toUtf8(bytes);
  } catch {
    throw refusal(reader, "a text is not valid UTF-8");
  }
}

function readCount(reader: Reader, first: number, depth: number): number {
  const count = readArgument(reader, first);
  if (depth === DEPTH_MAX) throw refusal(reader, `values nest deeper than ${DEPTH_MAX} levels`);
  // Each item takes a byte at least, so a false count cannot make a reader reserve much.
  if (count > reader.bytes.length - reader.at) throw refusal(reader, "the block ends too early");
  return Number(count);
}
