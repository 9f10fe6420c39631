// The ledger with its archive: reads go on in R2 where D1's rows end, and the reader does not notice.
//
// Rule: rows first, then whether they are sealed. Events only ever move from D1 to R2, so a run that was
// sealed in between is found in the archive, and never in neither.

import { assert } from "../lib/errors.ts";
import type { Archive, Segment } from "./archive.ts";
import type { D1Segments } from "./d1-segments.ts";
import type { ErasedPayload, Ledger, LedgerEntry, ReadRange } from "./ledger.ts";

/** Events that a search by time reads in a row: as many small ones as one stretch has. */
const SCANNED_MAX = 256;

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
      const page = await this.#page(actor, segment, { ...range, from });
      if (page.length > 0) return page;
      from = segment.last + 1;
    }
  }

  /** The wanted events of one segment. */
  async #page(actor: string, segment: Segment, range: ReadRange): Promise<LedgerEntry[]> {
    try {
      return await this.#archive.page(actor, segment, range);
    } catch (thrown) {
      // A payload was erased meanwhile, and the segment moved to another object.
      const [moved] = await this.#segments.from(actor, range.from, 1);
      if (moved === undefined || moved.key === segment.key) throw thrown;
      return await this.#archive.page(actor, moved, range);
    }
  }

  async seqAt(actor: string, time: number, range: { from: number; to: number }): Promise<number> {
    const { from, to } = range;
    const found = await this.#rows.seqAt(actor, time, range);
    const sealed = await this.#segments.sealed(actor);
    // Time never runs backwards: where an unsealed event is before `time`, all sealed ones are.
    if (sealed < from || found > Math.max(sealed + 1, from)) return Math.min(found, to + 1);
    // Binary search. All events before `low` are before `time`; the one at `high` is not, or not sealed.
    // First at `low`: a page that goes on behind another begins where its events are.
    let [low, high] = [from, Math.min(sealed, to) + 1];
    for (let probe = low; low < high;) {
      const page = await this.#sealedAt(actor, probe, probe === low ? SCANNED_MAX : 1);
      const later = page.find((entry) => entry.time >= time);
      if (later !== undefined && later.seq > probe) return Math.min(later.seq, high);
      if (later === undefined) low = (page.at(-1)?.seq ?? probe) + 1;
      else high = probe;
      probe = high - low <= SCANNED_MAX ? low : Math.floor((low + high) / 2);
    }
    return Math.min(low, high);
  }

  async #sealedAt(actor: string, from: number, limit: number): Promise<LedgerEntry[]> {
    const [segment] = await this.#segments.from(actor, from, 1);
    assert(segment !== undefined, `event ${from} is sealed`);
    return await this.#page(actor, segment, { from, limit });
  }
}
