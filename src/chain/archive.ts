// Sealed runs of a chain in R2: each is one object, a CAR of events with their payloads as an export has
// them, named by its own hash. Invariant: an object is never overwritten. Erasing a payload means another
// object without it, and the old one deleted.

import { concat, equalBytes, toHex } from "../lib/bytes.ts";
import { ensureTheaterError, TheaterError } from "../lib/errors.ts";
import { readCar, writeChainCar } from "./car.ts";
import { decodeEvent } from "./event.ts";
import { sha256 } from "./hash.ts";
import {
  matchesAbout,
  READ_BYTES_MAX,
  READ_ROWS_MAX,
  sizeOf,
  type LedgerEntry,
  type ReadRange,
} from "./ledger.ts";
import { Link } from "./value.ts";

/** Events `first`…`last` of an actor, and the name of the object that holds them. */
export interface Segment {
  readonly first: number;
  readonly last: number;
  readonly key: string;
}

export class Archive {
  readonly #bucket: R2Bucket;

  constructor(bucket: R2Bucket) {
    this.#bucket = bucket;
  }

  /**
   * Writes a run and reads it back. The same run again is no error. Throws `unavailable` where R2 gave
   * other bytes than it took; that object is deleted, so that a repetition can write it.
   */
  async put(actor: string, entries: readonly LedgerEntry[]): Promise<Segment> {
    const [head, tail] = [entries[0], entries.at(-1)];
    if (head === undefined || tail === undefined) {
      throw new TheaterError("internal", "a segment has at least one event");
    }
    const file = await carOf(entries, tail.cid);
    const digest = sha256(file);
    const key = `${placeOf(actor, tail.seq)}${toHex(digest)}.car`;
    // R2 computes the sha256 itself and refuses bytes that were damaged on their way.
    await this.#bucket.put(key, file, { onlyIf: { etagDoesNotMatch: "*" }, sha256: digest });
    const stored = await this.#get(key);
    if (stored !== undefined && equalBytes(stored, file)) {
      return { first: head.seq, last: tail.seq, key };
    }
    await this.#bucket.delete(key);
    const message = "R2 did not give back the segment that it was given: seal it again.";
    throw new TheaterError("unavailable", message, { key });
  }

  /**
   * The events of a segment from `from` on. Throws `unavailable` where R2 does not answer, `chain-broken` where the object is not there, or is
   * not a run of events at those positions; hashes and links are a verifier's to check.
   */
  async *read(actor: string, segment: Segment, from: number): AsyncGenerator<LedgerEntry> {
    const file = await this.#get(segment.key);
    if (file === undefined) throw damaged(actor, segment, segment.first, "is not in R2");
    let next = segment.first;
    let entry: LedgerEntry | undefined;
    for await (const { link, bytes } of (await readCar(wholly(file))).blocks) {
      if (entry !== undefined && equalBytes(link.digest, entry.payload.digest)) {
        if (entry.seq >= from) yield withPayload(entry, bytes.slice());
        entry = undefined;
        continue;
      }
      if (entry !== undefined && entry.seq >= from) yield entry;
      entry = entryOf(bytes.slice());
      if (entry?.seq !== next || entry.actor !== actor) {
        throw damaged(actor, segment, next, "has something else at this event's place");
      }
      next++;
    }
    if (entry !== undefined && entry.seq >= from) yield entry;
    if (next !== segment.last + 1) throw damaged(actor, segment, next, "ends too early");
  }

  /** The whole object: a stream that a reader leaves early is an error in the platform's log. */
  async #get(key: string): Promise<Uint8Array | undefined> {
    try {
      return await (await this.#bucket.get(key))?.bytes();
    } catch (thrown) {
      const { message: cause } = ensureTheaterError(thrown);
      const message = "R2 did not answer for a sealed part of this chain: try again.";
      throw new TheaterError("unavailable", message, { key, cause });
    }
  }

  /** Deletes what else was ever written for this segment: a try that was repeated, or what is erased. */
  async clean(actor: string, { last, key }: Segment): Promise<void> {
    const { objects } = await this.#bucket.list({ prefix: placeOf(actor, last) });
    const others = objects.map((object) => object.key).filter((other) => other !== key);
    if (others.length > 0) await this.#bucket.delete(others);
  }
}

/** The entries of a stream that a reader of `range` wants, as `Ledger.read` gives them. */
export async function pageOf(
  entries: AsyncIterable<LedgerEntry>,
  { limit, to = Number.MAX_SAFE_INTEGER, types = [], about }: ReadRange,
): Promise<LedgerEntry[]> {
  const page: LedgerEntry[] = [];
  let bytes = 0;
  for await (const entry of entries) {
    if (entry.seq > to || page.length >= Math.min(limit, READ_ROWS_MAX)) break;
    if (types.length > 0 && !types.includes(entry.type)) continue;
    if (about !== undefined && !matchesAbout(entry.about, about)) continue;
    bytes += sizeOf(entry);
    if (page.length > 0 && bytes > READ_BYTES_MAX) break;
    page.push(entry);
  }
  return page;
}

async function* wholly(file: Uint8Array): AsyncGenerator<Uint8Array> {
  yield file;
}

function placeOf(actor: string, last: number): string {
  return `segment/${actor}/${last}/`;
}

async function carOf(entries: readonly LedgerEntry[], last: Uint8Array): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const blocks = entries.map(({ block, payload }) => ({ block, payload: payload.block }));
  for await (const chunk of writeChainCar(new Link("dag-cbor", last), blocks)) chunks.push(chunk);
  return concat(chunks);
}

/** Undefined for a block that is no event. */
function entryOf(block: Uint8Array): LedgerEntry | undefined {
  try {
    const { actor, seq, parent, turn, type, about, time, payload } = decodeEvent(block);
    return {
      actor,
      seq,
      cid: sha256(block),
      parent: parent === null ? null : parent.digest,
      turn,
      type,
      about,
      time,
      block,
      payload: { digest: payload.digest, block: null },
    };
  } catch {
    return undefined;
  }
}

function withPayload(entry: LedgerEntry, block: Uint8Array): LedgerEntry {
  return { ...entry, payload: { digest: entry.payload.digest, block } };
}

function damaged(actor: string, segment: Segment, seq: number, what: string): TheaterError {
  const { first, last, key } = segment;
  const message = `Restore the archived segment ${first} to ${last} from a backup: it ${what}.`;
  return new TheaterError("chain-broken", message, { actor, seq, reason: "segment-damaged", key });
}
