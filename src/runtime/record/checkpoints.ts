// The newest checkpoint of each actor, in D1: whoever signs has to come through here, so that two lives of
// one object never sign two histories.
//
// Invariant: an actor's signed size never shrinks, and one size has one root.

import { equalBytes, fromHex, toHex } from "../../lib/bytes.ts";
import { TheaterError } from "../../lib/errors.ts";

export interface Published {
  size: number;
  root: Uint8Array;
  /** The signed note. */
  note: string;
}

const PUBLISH = `
  INSERT INTO checkpoint (actor, size, root, note, published_ms)
  SELECT ?1, ?2, unhex(?3), ?4, ?5
  WHERE NOT EXISTS (SELECT 1 FROM checkpoint WHERE actor = ?1 AND size >= ?2)
  ON CONFLICT (actor) DO UPDATE SET size = excluded.size, root = excluded.root, note = excluded.note,
    published_ms = excluded.published_ms
  WHERE excluded.size > checkpoint.size`;

export class Checkpoints {
  readonly #db: D1Database;

  constructor(db: D1Database) {
    this.#db = db;
  }

  /**
   * Publishes `next` unless the ledger knows a newer one. Returns what stands there now. Throws
   * `chain-fork` if another root was signed for the same size.
   */
  async publish(actor: string, next: Published): Promise<Published> {
    const [, found] = await this.#db.batch<{ size: number; root: string; note: string }>([
      this.#db.prepare(PUBLISH).bind(actor, next.size, toHex(next.root), next.note, Date.now()),
      this.#db
        .prepare("SELECT size, lower(hex(root)) AS root, note FROM checkpoint WHERE actor = ?1")
        .bind(actor),
    ]);
    const row = found?.results[0];
    const root = fromHex(row?.root ?? "");
    if (row === undefined || root === undefined) {
      throw new TheaterError("unavailable", "The ledger did not take the checkpoint: try again.");
    }
    if (row.size === next.size && !equalBytes(root, next.root)) {
      const message =
        "Another history of this actor was signed before: compare the two, and trust neither.";
      throw new TheaterError("chain-fork", message, {
        size: next.size,
        expected: row.root,
        found: toHex(next.root),
      });
    }
    return { size: row.size, root, note: row.note };
  }
}
