// Which runs of which chains are sealed, in D1. Invariants, kept by the triggers of
// migrations/0001-ledger.sql: segments are contiguous from seq 0, never leave, and only their object changes;
// an event leaves only when a segment covers it.

import { toHex } from "../lib/bytes.ts";
import type { Segment } from "./archive.ts";

const SELECT_FROM = `
  SELECT first, last, r2_key AS key, stretches FROM segment
  WHERE actor = ?1 AND last >= ?2 ORDER BY last LIMIT ?3`;

const INSERT = `
  INSERT INTO segment (actor, first, last, last_cid, r2_key, stretches)
  VALUES (?1, ?2, ?3, unhex(?4), ?5, ?6)
  ON CONFLICT (actor, last) DO UPDATE
  SET r2_key = excluded.r2_key, stretches = excluded.stretches`;

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
      .all<{ first: number; last: number; key: string; stretches: string }>();
    return results;
  }

  /** The last event that is sealed; -1 before the first segment. */
  async sealed(actor: string): Promise<number> {
    const query = "SELECT coalesce(max(last), -1) AS last FROM segment WHERE actor = ?1";
    return (await this.#db.prepare(query).bind(actor).first<number>("last")) ?? -1;
  }

  /** In one transaction: the run is sealed, and its rows are gone. The same again is no error. */
  async seal(actor: string, segment: Segment, lastCid: Uint8Array): Promise<void> {
    const { first, last, key, stretches } = segment;
    await this.#db.batch([
      this.#db.prepare(INSERT).bind(actor, first, last, toHex(lastCid), key, stretches),
      this.#db
        .prepare("DELETE FROM event WHERE actor = ?1 AND seq BETWEEN ?2 AND ?3")
        .bind(actor, first, last),
    ]);
  }

  /** The segment is in another object now. Nothing happens where D1 does not know it (yet). */
  async move(actor: string, { last, key, stretches }: Segment): Promise<void> {
    await this.#db
      .prepare("UPDATE segment SET r2_key = ?3, stretches = ?4 WHERE actor = ?1 AND last = ?2")
      .bind(actor, last, key, stretches)
      .run();
  }
}
