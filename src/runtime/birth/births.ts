// Idempotency keys of births, in D1: before an actor exists there is no object that could keep its key.

import { sha256 } from "../../chain/hash.ts";
import { concat, equalBytes, fromUtf8 } from "../../lib/bytes.ts";
import { TheaterError } from "../../lib/errors.ts";
import type { IdempotencyKey } from "../protocol.ts";

const KEPT_MS = 24 * 3_600_000;

export class Births {
  readonly #db: D1Database;

  constructor(db: D1Database) {
    this.#db = db;
  }

  /**
   * The genesis that belongs to the key: the given one, or that of an earlier call with the same key.
   * Throws `key-reused` where the earlier call asked for something else (`digest` differs).
   */
  async claim(
    { principal, key }: IdempotencyKey,
    digest: Uint8Array,
    genesis: Uint8Array,
  ): Promise<Uint8Array> {
    const now = Date.now();
    const [, , found] = await this.#db.batch<{
      digest: ArrayLike<number>;
      genesis: ArrayLike<number>;
    }>([
      this.#db.prepare("DELETE FROM birth WHERE expires_ms <= ?1").bind(now),
      this.#db
        .prepare("INSERT INTO birth VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING")
        .bind(principal, key, digest, genesis, now + KEPT_MS),
      this.#db
        .prepare("SELECT digest, genesis FROM birth WHERE principal = ?1 AND key = ?2")
        .bind(principal, key),
    ]);
    const row = found?.results[0];
    if (row === undefined || !equalBytes(Uint8Array.from(row.digest), digest)) {
      const message = "This Idempotency-Key started another actor before: use a new key.";
      throw new TheaterError("key-reused", message);
    }
    return Uint8Array.from(row.genesis);
  }

  /** Forgets the digest of what was asked for: its initial state was erased. The key stays taken. */
  async forget(genesis: Uint8Array): Promise<void> {
    // A scan, but only of the keys of one day.
    await this.#db.prepare("UPDATE birth SET digest = x'' WHERE genesis = ?1").bind(genesis).run();
  }
}

/** Digest of what a birth was asked with; each part is told from its absence and from its neighbours. */
export function askedFor(parts: readonly (Uint8Array | string | null)[]): Uint8Array {
  const none = Uint8Array.of(0);
  return sha256(
    concat(
      parts.map((part) => {
        if (part === null) return none;
        return concat([Uint8Array.of(1), sha256(typeof part === "string" ? fromUtf8(part) : part)]);
      }),
    ),
  );
}
