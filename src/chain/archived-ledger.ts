// The ledger with its archive: reads go on in R2 where D1's rows end, and the reader does not notice.
//
// Rule: rows first, then whether they are sealed. Events only ever move from D1 to R2, so a run that was
// sealed in between is found in the archive, and never in neither.

import { pageOf, type Archive, type Segment } from "./archive.ts";
import type { D1Segments } from "./d1-segments.ts";
import type { ErasedPayload, Ledger, LedgerEntry, ReadRange } from "./ledger.ts";

/** Segments of one actor that a search by time looks through: 8,000 events or 8 MB each. */
const SEARCHED_MAX = 10_000;

export class ArchivedLedger implements Ledger {
  readonly #rows: Ledger;
  readonly #segments: D1Segments;
  readonly #archive: Archive;

  constructor(rows: Ledger, segments: D1Segments, archive: Archive) {
    this.#rows = rows;
    this.#segments = segments;
    this.#archive = archive;
  }

  append(entries: readonly LedgerEntry[]): Promise<void> {
    return this.#rows.append(entries);
  }

  head(actor: string): Promise<{ seq: number; cid: Uint8Array } | null> {
    return this.#rows.head(actor);
  }

  erase(actor: string, payloads: readonly ErasedPayload[]): Promise<void> {
    return this.#rows.erase(actor, payloads);
  }

  async read(actor: string, range: ReadRange): Promise<LedgerEntry[]> {
    const { to = Number.MAX_SAFE_INTEGER } = range;
    for (let { from } = range; ;) {
      const rows = await this.#rows.read(actor, { ...range, from });
      if (from > to || rows[0]?.seq === from) return rows;
      const [segment] = await this.#segments.from(actor, from, 1);
      if (segment === undefined) return rows;
      const page = await this.#page(actor, segment, { ...range, from, to });
      if (page.length > 0) return page;
      from = segment.last + 1;
    }
  }

  /** The wanted events of one segment. */
  async #page(
    actor: string,
    segment: Segment,
    range: ReadRange & { to: number },
  ): Promise<LedgerEntry[]> {
    try {
      return await pageOf(this.#archive.read(actor, segment, range.from), range);
    } catch (thrown) {
      // A payload was erased meanwhile, and the segment moved to another object.
      const [moved] = await this.#segments.from(actor, range.from, 1);
      if (moved === undefined || moved.key === segment.key) throw thrown;
      return await pageOf(this.#archive.read(actor, moved, range.from), range);
    }
  }

  async seqAt(actor: string, time: number, range: { from: number; to: number }): Promise<number> {
    const found = await this.#rows.seqAt(actor, time, range);
    const segments = await this.#segments.from(actor, range.from, SEARCHED_MAX);
    const unsealed = (segments.at(-1)?.last ?? -1) + 1;
    // Time never runs backwards: where an unsealed event is before `time`, all sealed ones are.
    if (segments.length === 0 || found > Math.max(unsealed, range.from)) {
      return Math.min(found, range.to + 1);
    }
    let [low, high] = [0, segments.length];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const first = await this.#timeOfFirst(actor, segments[middle]);
      if (first < time) low = middle + 1;
      else high = middle;
    }
    // The segment before the first that begins at `time` or later may end with such events.
    const before = segments[low - 1];
    const from = Math.max(range.from, before?.first ?? range.from);
    if (before === undefined) return Math.min(from, range.to + 1);
    for await (const entry of this.#archive.read(actor, before, from)) {
      if (entry.time >= time) return Math.min(entry.seq, range.to + 1);
    }
    return Math.min(before.last + 1, range.to + 1);
  }

  async #timeOfFirst(actor: string, segment: Segment | undefined): Promise<number> {
    if (segment === undefined) return Number.POSITIVE_INFINITY;
    for await (const { time } of this.#archive.read(actor, segment, segment.first)) return time;
    return Number.POSITIVE_INFINITY;
  }
}
