// Seals old runs of the chain: out of D1 and out of the journal, into one object in R2. It only ever moves
// events; the chain does not know of it. Every step can be repeated, and each starts only when the one
// before is done for good:
//   the end of the run is noted → written to R2 and read back → D1 swaps the rows for a segment, in one
//   transaction → so does the journal → whatever else was written for this segment is deleted.
//
// It works from the alarm, when the ledger is fed, so no turn ever waits for it.

import type { Archive, Segment } from "../../chain/archive.ts";
import type { D1Segments } from "../../chain/d1-segments.ts";
import { sizeOf, READ_ROWS_MAX, type LedgerEntry } from "../../chain/ledger.ts";
import { assert } from "../../lib/errors.ts";
import { stateSaid } from "../../chain/recorded-state.ts";
import type { Cell } from "./cell.ts";
import type { History } from "./history.ts";
import type { Journal } from "./journal.ts";
import { TILE_WIDTH, type TreeKeeper } from "./tree-keeper.ts";

/** Events before the head that are never sealed: what people read most, and what guests may ask for. */
export const SEAL_EVENTS = 10_000;
/** A segment is written as a whole, from the object's memory. */
const SEGMENT_EVENTS_MAX = 8_192;
const SEGMENT_BYTES_MAX = 8_000_000;
/** Genesis, actor.started and the message of init: what every life of the object begins with. */
const FIRST_EVENTS = 3;

/** As SQLite gives it. */
type StrangerRow = {
  first: number;
  last: number;
  key: string;
  stretches: string;
  last_cid: ArrayBuffer;
};

interface SealerParts {
  sql: SqlStorage;
  journal: Journal;
  cell: Cell;
  tree: TreeKeeper;
  history: History;
  archive: Archive;
  segments: D1Segments;
  /** See SEAL_EVENTS. */
  sealEvents: number;
  /** The highest seq that the ledger holds. */
  acknowledged(this: void): number;
}

/** Whether it says what the state is; an erased payload may have said it. */
const says = (type: string, payload: Uint8Array | null): boolean =>
  stateSaid({ type, payload }) !== undefined;

export class Sealer {
  readonly #parts: SealerParts;
  #running: Promise<void> | undefined;

  constructor(parts: SealerParts) {
    this.#parts = parts;
  }

  /** The run that is on its way: what of it is erased meanwhile must wait until it is sealed. */
  get planned(): { first: number; last: number } | undefined {
    const last = this.#parts.cell.get("sealing") ?? null;
    return last === null ? undefined : { first: this.#parts.history.sealed + 1, last };
  }

  get isPending(): boolean {
    return this.#due() !== undefined || this.#strangers().length > 0;
  }

  /** Seals whatever is old enough. Throws what R2 or D1 threw; a repetition goes on where it ended. */
  async run(): Promise<void> {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    await this.#running;
  }

  async #run(): Promise<void> {
    await this.#introduce();
    for (let due = this.#due(); due !== undefined; due = this.#due()) await this.#seal(due);
  }

  #due(): { first: number; last: number } | undefined {
    const { journal, history, sealEvents, acknowledged } = this.#parts;
    if (this.planned !== undefined) return this.planned;
    const first = history.sealed + 1;
    const last = Math.min(journal.head.seq - sealEvents, acknowledged());
    if (last - first + 1 < Math.min(sealEvents, SEGMENT_EVENTS_MAX)) return undefined;
    return { first, last: Math.min(last, first + SEGMENT_EVENTS_MAX - 1) };
  }

  async #seal(due: { first: number; last: number }): Promise<void> {
    const { journal, cell, tree, archive, segments, acknowledged } = this.#parts;
    const entries = this.#collect(due);
    const end = entries.at(-1);
    assert(end !== undefined, "what is due is in the journal");
    tree.advance(end.seq + 1); // from then on the tree does not need the events of full tiles
    journal.transaction(() => {
      cell.set("sealing", end.seq);
      // A later life that knew less would feed D1 with what is sealed there.
      cell.set("acknowledged", acknowledged());
    });
    const segment = await archive.put(journal.actor, entries);
    await segments.seal(journal.actor, segment, end.cid);
    journal.transaction(() => this.#note(segment, entries));
    await archive.clean(journal.actor, segment);
  }

  #collect({ first, last }: { first: number; last: number }): LedgerEntry[] {
    const { journal } = this.#parts;
    const isPlanned = this.planned !== undefined; // then its end is fixed
    const entries: LedgerEntry[] = [];
    let bytes = 0;
    for (let next = first; next <= last;) {
      const page = journal.entries(next, Math.min(READ_ROWS_MAX, last - next + 1));
      assert(page.length > 0, `event ${next} is in the journal`);
      for (const entry of page) {
        bytes += sizeOf(entry);
        if (!isPlanned && entries.length > 0 && bytes > SEGMENT_BYTES_MAX) return entries;
        entries.push(entry);
      }
      next += page.length;
    }
    return entries;
  }

  #note({ first, last, key, stretches }: Segment, entries: readonly LedgerEntry[]): void {
    const { sql, journal, cell } = this.#parts;
    const before = sql
      .exec<{ turn: number; state: number | null }>(
        "SELECT turn, state FROM segment ORDER BY last DESC LIMIT 1",
      )
      .toArray()[0];
    const turn = entries.findLast((entry) => entry.turn > 0)?.turn ?? before?.turn ?? 0;
    const said = entries.findLast(({ type, payload }) => says(type, payload.block));
    const row = [last, first, entries.at(-1)?.cid ?? null, key, stretches, turn];
    sql.exec(
      "INSERT INTO segment VALUES (?, ?, ?, ?, ?, ?, ?, 1)",
      ...row,
      said?.seq ?? before?.state ?? null,
    );
    cell.set("sealing", null);
    // Single rows stay: what every life begins with, what is looked up by position, and the events of the
    // tree's last tile, which is not full. The next sealing takes those that are not needed any more.
    const stays = [
      "SELECT seq FROM mailbox UNION ALL SELECT seq FROM idempotency",
      "SELECT answer FROM idempotency WHERE answer IS NOT NULL", // with a null NOT IN is never true
      "SELECT cause FROM outbox",
      "SELECT value FROM json_each(?)",
    ].join(" UNION ALL ");
    const named = [
      cell.get("openTurn")?.message,
      cell.get("version"),
      journal.endOfTurn(1),
      journal.newestOfTurns(),
    ];
    sql.exec(
      `DELETE FROM event WHERE seq >= ? AND seq < ? AND seq NOT IN (${stays})
         AND type <> 'actor.upgraded'`,
      FIRST_EVENTS,
      Math.floor((last + 1) / TILE_WIDTH) * TILE_WIDTH,
      JSON.stringify(named.filter((seq) => seq !== undefined)),
    );
  }

  /** The ledger went back to an earlier day: it has rows again of what is sealed. */
  redo(): void {
    this.#parts.sql.exec("UPDATE segment SET in_ledger = 0");
  }

  /** Segments that D1 may not know, and holds rows of. */
  #strangers(): (Segment & { lastCid: Uint8Array })[] {
    const query =
      "SELECT first, last, key, stretches, last_cid FROM segment WHERE in_ledger = 0 AND last <= ? ORDER BY last";
    return this.#parts.sql
      .exec<StrangerRow>(query, this.#parts.acknowledged())
      .toArray()
      .map(({ last_cid: cid, ...segment }) => ({ ...segment, lastCid: new Uint8Array(cid) }));
  }

  async #introduce(): Promise<void> {
    const { sql, journal, segments } = this.#parts;
    for (const { lastCid, ...segment } of this.#strangers()) {
      await segments.seal(journal.actor, segment, lastCid);
      sql.exec("UPDATE segment SET in_ledger = 1 WHERE last = ?", segment.last);
    }
  }

  /** Moves the segments of these events to objects without what is erased of them. */
  async forget(seqs: readonly number[]): Promise<void> {
    const { sql, journal, history, archive, segments } = this.#parts;
    await this.#introduce(); // so that D1 has no rows of them either
    for (const last of new Set(seqs.map((seq) => history.segmentOf(seq).last))) {
      const segment = history.segmentOf(last);
      const rows = sql
        .exec<{ seq: number }>(
          "SELECT seq FROM erasure WHERE seq BETWEEN ? AND ?",
          segment.first,
          last,
        )
        .toArray();
      const erased = new Set(rows.map(({ seq }) => seq));
      const entries: LedgerEntry[] = [];
      for await (const entry of archive.read(journal.actor, segment)) {
        const payload = { digest: entry.payload.digest, block: null };
        entries.push(erased.has(entry.seq) ? { ...entry, payload } : entry);
      }
      const moved = await archive.put(journal.actor, entries);
      await segments.move(journal.actor, moved);
      const { key, stretches } = moved;
      sql.exec("UPDATE segment SET key = ?, stretches = ? WHERE last = ?", key, stretches, last);
      await archive.clean(journal.actor, moved);
    }
  }
}
