// The whole chain as its object knows it: what is sealed is read from the archive, the rest from the
// journal. The journal alone is for what a turn needs, because a turn does not wait for R2.

import type { Archive, Segment } from "../../chain/archive.ts";
import { cidText } from "../../chain/cid.ts";
import { READ_ROWS_MAX, type LedgerEntry } from "../../chain/ledger.ts";
import { Link } from "../../chain/value.ts";
import { assert } from "../../lib/errors.ts";
import type { Journal } from "./journal.ts";
import type { ChainEntry } from "../protocol.ts";

const COLUMNS = "first, last, key, stretches";

/** As SQLite gives it. */
type SegmentRow = { first: number; last: number; key: string; stretches: string };

export class History {
  readonly #sql: SqlStorage;
  readonly #journal: Journal;
  readonly #archive: Archive;

  constructor(sql: SqlStorage, journal: Journal, archive: Archive) {
    this.#sql = sql;
    this.#journal = journal;
    this.#archive = archive;
  }

  /** The last event that is sealed; -1 before the first segment. */
  get sealed(): number {
    const query = "SELECT max(last) AS last FROM segment";
    const [row] = this.#sql.exec<{ last: number | null }>(query).toArray();
    return row?.last ?? -1;
  }

  /** Segments that D1 was told of. */
  get segments(): Segment[] {
    const query = `SELECT ${COLUMNS} FROM segment WHERE in_ledger = 1 ORDER BY last`;
    return this.#sql.exec<SegmentRow>(query).toArray();
  }

  /** The segment with the sealed event `seq`. */
  segmentOf(seq: number): Segment {
    const query = `SELECT ${COLUMNS} FROM segment WHERE last >= ? ORDER BY last LIMIT 1`;
    const [row] = this.#sql.exec<SegmentRow>(query, seq).toArray();
    assert(row !== undefined, `event ${seq} is sealed`);
    return row;
  }

  /** As the journal's `entries`; a page also ends with its segment. */
  async entries(from: number, limit: number): Promise<LedgerEntry[]> {
    if (from > this.sealed) return this.#journal.entries(from, limit);
    const { actor } = this.#journal;
    for (let segment = this.segmentOf(from); ;) {
      try {
        return await this.#archive.page(actor, segment, { from, limit });
      } catch (thrown) {
        // A payload was erased meanwhile, and the segment moved to another object.
        const moved = this.segmentOf(from);
        if (moved.key === segment.key) throw thrown;
        segment = moved;
      }
    }
  }

  /** The events `from`…`to`, wherever they are, a page of them in memory at a time. */
  async *events(from: number, to: number): AsyncGenerator<LedgerEntry> {
    for (let next = from; next <= to;) {
      const page = await this.entries(next, Math.min(READ_ROWS_MAX, to - next + 1));
      assert(page.length > 0, `event ${next} is in the chain`);
      yield* page;
      next += page.length;
    }
  }

  async chainEntries(from: number, limit: number): Promise<ChainEntry[]> {
    return (await this.entries(from, limit)).map(({ seq, cid, block, payload }) => ({
      seq,
      cid: cidText(new Link("dag-cbor", cid)),
      block,
      payload: payload.block,
    }));
  }

  /** The sealed ones of these events, by position; each segment is read from the first of them to the last. */
  async sealedOf(seqs: readonly number[]): Promise<Map<number, LedgerEntry>> {
    const { sealed } = this;
    const found = new Map<number, LedgerEntry>();
    const wanted = Map.groupBy(
      seqs.filter((seq) => seq <= sealed),
      (seq) => this.segmentOf(seq).last,
    );
    const { actor } = this.#journal;
    for (const [last, own] of wanted) {
      const range = { from: Math.min(...own), to: Math.max(...own) };
      for await (const entry of this.#archive.read(actor, this.segmentOf(last), range)) {
        if (own.includes(entry.seq)) found.set(entry.seq, entry);
      }
    }
    return found;
  }
}
