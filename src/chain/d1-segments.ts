// Which runs of which chains are sealed, in D1. Invariants, kept by the triggers of
// migrations/0001-ledger.sql: segments are contiguous from seq 0, never leave, and only their key changes;
// an event leaves only when a segment covers it.

import { toHex } from "../lib/bytes.ts";
import type { Segment } from "./archive.ts";

const SELECT_FROM = `
  SELECT first, last, r2_key AS key FROM segment WHERE actor = ?1 AND last >= ?2 ORDER BY last LIMIT ?3`;

const INSERT = `
  INSERT INTO segment (actor, first, last, last_cid, r2_key) VALUES (?1, ?2, ?3, unhex(?4), ?5)
  ON CONFLICT (actor, last) DO UPDATE SET r2_key = excluded.r2_key`;

export class D1Segments {
  readonly #db: D1Database;

  constructor(db: D1Database) {
    this.#db = db;
  }

  /** The segments that hold `from` or what follows it, in order. */
  async from(actor: string, from: number, limit: number): Promise<Segment[]> {
    const { results } = await this.#db
      .prepare(SELECT_FROM)
      .bind(actor, from, limit)
      .all<{ first: number; last: number; key: string }>();
    return results;
  }

  /** In one transaction: the run is sealed, and its rows are gone. The same again is no error. */
  async seal(actor: string, { first, last, key }: Segment, lastCid: Uint8Array): Promise<void> {
    const rows = "WHERE actor = ?1 AND seq BETWEEN ?2 AND ?3";
    await this.#db.batch([
      this.#db.prepare(INSERT).bind(actor, first, last, toHex(lastCid), key),
      this.#db.prepare(`DELETE FROM payload ${rows}`).bind(actor, first, last),
      this.#db.prepare(`DELETE FROM event ${rows}`).bind(actor, first, last),
    ]);
  }

  /** The segment is in another object now. Nothing happens where D1 does not know it (yet). */
  async move(actor: string, { last, key }: Segment): Promise<void> {
    await this.#db
      .prepare("UPDATE segment SET r2_key = ?3 WHERE actor = ?1 AND last = ?2")
      .bind(actor, last, key)
      .run();
  }
}
