// Sealed runs of a chain in R2: each is one object, a CAR of events with their payloads as an export has
// them, named by its own hash. Invariant: an object is never overwritten. Erasing a payload means another
// object without it, and the old one deleted.
//
// An object is read in ranges, from where its stretches say, and never held as a whole.

import { concat, equalBytes, toHex } from "../lib/bytes.ts";
import { ensureTheaterError, TheaterError } from "../lib/errors.ts";
import { carBlockLength, carHeader, readCar, readCarBlocks, writeChainCar } from "./car.ts";
import type { CarBlock } from "./car.ts";
import { decodeEvent, type Event } from "./event.ts";
import { hasher, sha256 } from "./hash.ts";
import { matchesAbout, READ_BYTES_MAX, READ_ROWS_MAX } from "./ledger.ts";
import type { LedgerEntry, ReadRange } from "./ledger.ts";
import { stretchOf, StretchWriter, type Stretch } from "./stretches.ts";
import { Link } from "./value.ts";

/** Bytes of one range: a page of ordinary events is one or two of them. */
const RANGE_BYTES = 1024 * 1024;

/** Events `first`…`last` of an actor, and the name of the object that holds them. */
export interface Segment {
  readonly first: number;
  readonly last: number;
  readonly key: string;
  /** Where in the object they are: see StretchWriter. */
  readonly stretches: string;
}

/** An event as it stands in an object; shares memory with the range that it came in. */
interface Found {
  readonly event: Event;
  readonly block: Uint8Array;
  /** Null where it was erased. */
  readonly payload: Uint8Array | null;
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
    const key = keyOf(actor, tail.seq, digest);
    // R2 computes the sha256 itself and refuses bytes that were damaged on their way.
    await this.#bucket.put(key, file, { onlyIf: { etagDoesNotMatch: "*" }, sha256: digest });
    if (await this.#holds(key, file)) {
      const stretches = stretchWriter();
      for (const { seq, block, payload } of entries) {
        stretches.add(seq, lengthOf({ block, payload: payload.block }));
      }
      return { first: head.seq, last: tail.seq, key, stretches: stretches.text };
    }
    await this.#bucket.delete(key);
    const message = "R2 did not give back the segment that it was given: seal it again.";
    throw new TheaterError("unavailable", message, { key });
  }

  /**
   * The wanted events of one segment, as `Ledger.read` gives them. Throws `unavailable` where R2 does not
   * answer, `chain-broken` where the object is not there, or is not a run of events at those positions;
   * hashes and links are a verifier's to check.
   */
  async page(actor: string, segment: Segment, range: ReadRange): Promise<LedgerEntry[]> {
    const { from, types = [], about } = range;
    const limit = Math.min(range.limit, READ_ROWS_MAX);
    const isFiltered = types.length > 0 || about !== undefined;
    const end = isFiltered ? segment.last : Math.min(segment.last, from + limit - 1);
    const to = Math.min(range.to ?? end, end);
    const page: LedgerEntry[] = [];
    let bytes = 0;
    for await (const found of this.#found(actor, segment, { from, to })) {
      if (types.length > 0 && !types.includes(found.event.type)) continue;
      if (about !== undefined && !matchesAbout(found.event.about, about)) continue;
      bytes += found.block.length + (found.payload?.length ?? 0);
      if (page.length > 0 && bytes > READ_BYTES_MAX) break;
      page.push(entryOf(found));
      if (page.length === limit) break;
    }
    return page;
  }

  /** The events `from`…`to` of a segment, all by default. Throws as `page` does. */
  async *read(
    actor: string,
    segment: Segment,
    { from = segment.first, to = segment.last }: { from?: number; to?: number } = {},
  ): AsyncGenerator<LedgerEntry> {
    for await (const found of this.#found(actor, segment, { from, to })) yield entryOf(found);
  }

  /**
   * Every event of a segment, read from the object's start, without a look at its stretches, which are
   * written to `stretches` anew. Throws as `page` does, and `chain-broken` at the end where the object does not have the hash that names it.
   */
  async *inspect(
    actor: string,
    segment: Segment,
    stretches: StretchWriter,
  ): AsyncGenerator<LedgerEntry> {
    const hash = hasher();
    for await (const found of this.#walk(actor, segment, undefined, (bytes) =>
      hash.update(bytes),
    )) {
      stretches.add(found.event.seq, lengthOf(found));
      yield entryOf(found);
    }
    if (keyOf(actor, segment.last, hash.digest()) === segment.key) return;
    throw damaged(actor, segment, segment.first, "does not have the hash that names it");
  }

  /** Deletes what else was ever written for this segment: a try that was repeated, or what is erased. */
  async clean(actor: string, { last, key }: Segment): Promise<void> {
    const { objects } = await this.#bucket.list({ prefix: placeOf(actor, last) });
    const others = objects.map((object) => object.key).filter((other) => other !== key);
    if (others.length > 0) await this.#bucket.delete(others);
  }

  async *#found(
    actor: string,
    segment: Segment,
    range: { from: number; to: number },
  ): AsyncGenerator<Found> {
    if (range.from > range.to) return;
    for await (const found of await this.#begun(actor, segment, range)) {
      const { seq } = found.event;
      if (seq >= range.from) yield found;
      if (seq >= range.to) return;
    }
  }

  /** Begins where the stretches say or, where no event of theirs is there, at the object's start. */
  async #begun(
    actor: string,
    segment: Segment,
    range: { from: number; to: number },
  ): Promise<AsyncGenerator<Found>> {
    const stretch = stretchOf(segment.stretches, range);
    if (stretch !== undefined) {
      const walk = this.#walk(actor, segment, stretch);
      // If it is not the stretches that are wrong, reading from the start throws the same.
      const first = await walk.next().catch(() => undefined);
      if (first?.done === false) return resumed(first.value, walk);
    }
    return this.#walk(actor, segment);
  }

  /** The events from the stretch on to the object's end, each at its position. */
  async *#walk(
    actor: string,
    segment: Segment,
    stretch?: Stretch,
    onRange?: (bytes: Uint8Array) => void,
  ): AsyncGenerator<Found> {
    let next = stretch?.seq ?? segment.first;
    let found: Found | undefined;
    try {
      for await (const { link, bytes } of this.#blocks(actor, segment, stretch, onRange)) {
        if (found !== undefined && equalBytes(link.digest, found.event.payload.digest)) {
          yield { ...found, payload: bytes };
          found = undefined;
          continue;
        }
        if (found !== undefined) yield found;
        const event = eventOf(bytes);
        if (event?.seq !== next || event.actor !== actor) {
          throw damaged(actor, segment, next, "has something else at this event's place");
        }
        found = { event, block: bytes, payload: null };
        next++;
      }
    } catch (thrown) {
      const { code, evidence } = ensureTheaterError(thrown);
      if (code !== "chain-broken" || evidence?.["reason"] === DAMAGED) throw thrown;
      throw damaged(actor, segment, next, `cannot be read (${String(evidence?.["problem"])})`);
    }
    if (found !== undefined) yield found;
    if (next !== segment.last + 1) throw damaged(actor, segment, next, "ends too early");
  }

  async *#blocks(
    actor: string,
    segment: Segment,
    stretch: Stretch | undefined,
    onRange: ((bytes: Uint8Array) => void) | undefined,
  ): AsyncGenerator<CarBlock> {
    const ranges = this.#ranges(actor, segment, stretch, onRange);
    yield* stretch === undefined ? (await readCar(ranges)).blocks : readCarBlocks(ranges);
  }

  /** Ranges one after another to the object's end, the first of them not beyond `end`. */
  async *#ranges(
    actor: string,
    segment: Segment,
    { at, end = Number.POSITIVE_INFINITY }: Pick<Stretch, "at" | "end"> = { at: 0, end: undefined },
    onRange: (bytes: Uint8Array) => void = () => undefined,
  ): AsyncGenerator<Uint8Array> {
    for (let offset = at; ;) {
      const wanted = offset < end ? end - offset : RANGE_BYTES;
      const length = Math.min(wanted, RANGE_BYTES);
      const range = await this.#get(segment.key, { offset, length });
      if (range === undefined) throw damaged(actor, segment, segment.first, "is not in R2");
      onRange(range.bytes);
      yield range.bytes;
      offset += range.bytes.length;
      if (offset >= range.size || range.bytes.length === 0) return;
    }
  }

  /** Whether the object has exactly these bytes. */
  async #holds(key: string, file: Uint8Array): Promise<boolean> {
    for (let offset = 0; offset < file.length;) {
      const range = await this.#get(key, { offset, length: RANGE_BYTES });
      if (range?.size !== file.length || range.bytes.length === 0) return false;
      const end = offset + range.bytes.length;
      if (!equalBytes(range.bytes, file.subarray(offset, end))) return false;
      offset = end;
    }
    return true;
  }

  /** A range as a whole: a stream that a reader leaves early is an error in the platform's log. */
  async #get(
    key: string,
    range: { offset: number; length: number },
  ): Promise<{ bytes: Uint8Array; size: number } | undefined> {
    try {
      const object = await this.#bucket.get(key, { range });
      return object === null ? undefined : { bytes: await object.bytes(), size: object.size };
    } catch (thrown) {
      // A range behind the end is refused, here and there with another error.
      const head = await this.#bucket.head(key).catch(() => null);
      if (head !== null && head.size <= range.offset) {
        return { bytes: new Uint8Array(), size: head.size };
      }
      const { message: cause } = ensureTheaterError(thrown);
      const message = "R2 did not answer for a sealed part of this chain: try again.";
      throw new TheaterError("unavailable", message, { key, cause });
    }
  }
}

const DAMAGED = "segment-damaged";

/** For the events of an object from its first on. */
export function stretchWriter(): StretchWriter {
  return new StretchWriter(carHeader(new Link("dag-cbor", new Uint8Array(32))).length);
}

async function* resumed(first: Found, rest: AsyncGenerator<Found>): AsyncGenerator<Found> {
  yield first;
  yield* rest;
}

function placeOf(actor: string, last: number): string {
  return `segment/${actor}/${last}/`;
}

function keyOf(actor: string, last: number, digest: Uint8Array): string {
  return `${placeOf(actor, last)}${toHex(digest)}.car`;
}

function lengthOf({ block, payload }: Pick<Found, "block" | "payload">): number {
  return carBlockLength(block.length) + (payload === null ? 0 : carBlockLength(payload.length));
}

async function carOf(entries: readonly LedgerEntry[], last: Uint8Array): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const blocks = entries.map(({ block, payload }) => ({ block, payload: payload.block }));
  for await (const chunk of writeChainCar(new Link("dag-cbor", last), blocks)) chunks.push(chunk);
  return concat(chunks);
}

/** Undefined for a block that is no event. */
function eventOf(block: Uint8Array): Event | undefined {
  try {
    return decodeEvent(block);
  } catch {
    return undefined;
  }
}

function entryOf({ event, block, payload }: Found): LedgerEntry {
  const { actor, seq, parent, turn, type, about, time } = event;
  return {
    actor,
    seq,
    cid: sha256(block),
    parent: parent === null ? null : parent.digest,
    turn,
    type,
    about,
    time,
    block: block.slice(),
    payload: { digest: event.payload.digest, block: payload?.slice() ?? null },
  };
}

function damaged(actor: string, segment: Segment, seq: number, what: string): TheaterError {
  const { first, last, key } = segment;
  const message = `Restore the archived segment ${first} to ${last} from a backup: it ${what}.`;
  return new TheaterError("chain-broken", message, { actor, seq, reason: DAMAGED, key });
}
