// CAR, version 1: a file of blocks behind their CIDs, which public IPLD tools read. A chain as a CAR has
// the head as its root and is in reading order: each event, its payload unless missing, the next event;
// then raw blocks. So it is written and checked as a stream, with the memory of one block.

import { concat } from "../lib/bytes.ts";
import { TheaterError } from "../lib/errors.ts";
import { decode, encode } from "./cbor.ts";
import { cidText, linkBytes, linkOfBytes, LINK_BYTES } from "./cid.ts";
import { sha256 } from "./hash.ts";
import type { RawBlock } from "./payload.ts";
import { isMap } from "./payload-fields.ts";
import { Link } from "./value.ts";

/** The largest block that a reader takes: the largest content of a store. */
const CAR_BLOCK_BYTES_MAX = 32 * 1024 * 1024;
/** Events leave in chunks of about this size: one per event would cost a stream more than the events do. */
const CHUNK_BYTES = 64 * 1024;
const HEADER_BYTES_MAX = 256;
const VARINT_BYTES_MAX = 4; // 2^28 and so above CAR_BLOCK_BYTES_MAX

export interface CarBlock {
  /** What the file says. Whether the bytes have this hash is for the reader to check. */
  readonly link: Link;
  /** Exactly the bytes in the file; shares memory with the chunk that they came in. */
  readonly bytes: Uint8Array;
}

export interface CarFile {
  readonly root: Link;
  /** To be read once, in order. Throws `chain-broken` with the byte `at` which the file stops making sense. */
  readonly blocks: AsyncGenerator<CarBlock>;
}

export function carHeader(root: Link): Uint8Array {
  const header = encode({ roots: [root], version: 1 });
  return concat([varint(header.length), header]);
}

/** Of a block with its length and CID before it. */
export function carBlockLength(bytes: number): number {
  return varint(LINK_BYTES + bytes).length + LINK_BYTES + bytes;
}

export function carBlock(link: Link, bytes: Uint8Array): Uint8Array {
  return concat([varint(LINK_BYTES + bytes.length), linkBytes(link), bytes]);
}

/**
 * A chain, or a run of it, as a CAR. Every CID is computed here from the bytes. Throws `chain-broken` at
 * the end, so that the stream breaks off, if the last event turns out not to be `root`.
 */
export async function* writeChainCar(
  root: Link,
  events: AsyncIterable<ChainBlocks> | Iterable<ChainBlocks>,
  content: AsyncIterable<RawBlock> | Iterable<RawBlock> = [],
): AsyncGenerator<Uint8Array> {
  let parts = [carHeader(root)];
  let bytes = 0;
  let last: Link | undefined;
  for await (const { block, payload } of events) {
    last = new Link("dag-cbor", sha256(block));
    parts.push(carBlock(last, block));
    if (payload !== null) parts.push(carBlock(new Link("dag-cbor", sha256(payload)), payload));
    bytes += block.length + (payload?.length ?? 0);
    if (bytes < CHUNK_BYTES) continue;
    yield concat(parts);
    [parts, bytes] = [[], 0];
  }
  const [expected, found] = [cidText(root), last === undefined ? null : cidText(last)];
  if (found !== expected) {
    const message = "Export the chain again: it did not end with the event that was its head.";
    throw new TheaterError("chain-broken", message, { expected, found });
  }
  yield concat(parts);
  for await (const { digest, bytes: raw } of content) yield carBlock(new Link("raw", digest), raw);
}

/** The blocks of one event; `payload` is null where erased or withheld. */
export interface ChainBlocks {
  readonly block: Uint8Array;
  readonly payload: Uint8Array | null;
}

/** Opens a CAR with one root. Throws `chain-broken` where it does not begin like one. */
export async function readCar(chunks: AsyncIterable<Uint8Array>): Promise<CarFile> {
  const input = new Input(chunks);
  const length = await readVarint(input);
  if (length === undefined || length > HEADER_BYTES_MAX || !(await input.has(length))) {
    throw unreadable(input, "it has no header");
  }
  return { root: rootOf(input, input.take(length)), blocks: readBlocks(input) };
}

/** As `CarFile.blocks`, of a file whose chunks are given from the beginning of a block on. */
export function readCarBlocks(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<CarBlock> {
  return readBlocks(new Input(chunks));
}

async function* readBlocks(input: Input): AsyncGenerator<CarBlock> {
  try {
    for (;;) {
      const length = await readVarint(input);
      if (length === undefined) return;
      if (length < LINK_BYTES || length > LINK_BYTES + CAR_BLOCK_BYTES_MAX) {
        throw unreadable(input, "a block is too short or too long");
      }
      // No `await` for what is already here: a chain has millions of blocks.
      if (!input.holds(length) && !(await input.has(length))) {
        throw unreadable(input, "it ends within a block");
      }
      const link = linkOfBytes(input.take(LINK_BYTES));
      if (link === undefined) {
        throw unreadable(input, "a CID is not one of version 1, dag-cbor or raw, sha2-256");
      }
      yield { link, bytes: input.take(length - LINK_BYTES) };
    }
  } finally {
    await input.close();
  }
}

/** The bytes of a stream, some at a time. */
class Input {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #bytes: Uint8Array = new Uint8Array();
  #at = 0;
  #before = 0;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** How many bytes have been taken. */
  get position(): number {
    return this.#before + this.#at;
  }

  holds(count: number): boolean {
    return this.#bytes.length - this.#at >= count;
  }

  /** Waits until so many bytes are here; false if the stream ends before. */
  async has(count: number): Promise<boolean> {
    if (this.holds(count)) return true;
    const parts = [this.#bytes.subarray(this.#at)];
    let missing = count - (this.#bytes.length - this.#at);
    while (missing > 0) {
      const next = await this.#chunks.next();
      if (next.done === true) break;
      parts.push(next.value);
      missing -= next.value.length;
    }
    this.#before = this.position;
    this.#at = 0;
    this.#bytes = concat(parts);
    return missing <= 0;
  }

  /** Only what `holds` or `has` said is here. */
  take(count: number): Uint8Array {
    const start = this.#at;
    this.#at += count;
    return this.#bytes.subarray(start, this.#at);
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Uint8Array.of(...bytes, rest);
}

/** Undefined at the end of the file. */
async function readVarint(input: Input): Promise<number | undefined> {
  let [value, unit] = [0, 1];
  for (let count = 0; count < VARINT_BYTES_MAX; count++, unit *= 0x80) {
    if (!input.holds(1) && !(await input.has(1))) {
      if (count === 0) return undefined;
      throw unreadable(input, "it ends within a length");
    }
    const [byte = 0] = input.take(1);
    value += (byte & 0x7f) * unit;
    if (byte >= 0x80) continue;
    if (byte === 0 && count > 0) throw unreadable(input, "a length is not in its shortest form");
    return value;
  }
  throw unreadable(input, "a length is too long");
}

function rootOf(input: Input, header: Uint8Array): Link {
  let map;
  try {
    map = decode(header);
  } catch {
    throw unreadable(input, "its header is not canonical");
  }
  const { roots, version, ...rest } = isMap(map) ? map : {};
  const [root, ...others] = Array.isArray(roots) ? roots : [];
  const isKnown = version === 1 && others.length === 0 && Object.keys(rest).length === 0;
  if (isKnown && root instanceof Link && root.codec === "dag-cbor") return root;
  throw unreadable(input, "its header is not version 1 with one root");
}

function unreadable(input: Input, problem: string): TheaterError {
  return new TheaterError(
    "chain-broken",
    `Give a whole CAR file of a chain: ${problem}, at byte ${input.position}.`,
    { problem, at: input.position },
  );
}
