// Idempotency keys: a repetition with the same key and body gets the recorded outcome of the first.
//
// A key is kept from the transaction that records its outcome. Refusals before that are not kept, so a
// caller who was told "busy" may try again with the same key.

import { sha256 } from "../../chain/hash.ts";
import type { MessageKind } from "../../chain/event-types.ts";
import { concat, toHex } from "../../lib/bytes.ts";
import { isActorId } from "../../chain/actor-id.ts";
import { TheaterError } from "../../lib/errors.ts";
import type { IdempotencyKey, LifecycleChange } from "../protocol.ts";

const KEPT_MS = 24 * 3_600_000;
/**
 * The newest key of an actor stays: its turn may go on after any time, and a request that it repeats then
 * must not run again. That is one row for each actor that ever asked.
 */
const FOR_EVER = Number.MAX_SAFE_INTEGER;
/** Keys of one actor; a full table refuses new keys rather than forgetting old ones early. */
const KEYS_MAX = 10_000;
/** In place of the digest of a body that was erased. */
const ERASED = "";

export type Route = "send" | "request" | "http" | "revert" | "upgrade" | LifecycleChange;

/** Who asks without a token. The keys of all of them are counted apart, so that they take nobody else's room. */
export const PUBLIC = "public";

/** Where a key of a message whose turn has ended is kept. */
export function keyRoute(kind: MessageKind): Route {
  return kind === "http" || kind === "http-middleware" ? "http" : "request";
}

const MESSAGES: ReadonlySet<Route> = new Set(["send", "request", "http"]);

/** A key with the digest of the body it came with: hex of sha256. */
export interface MessageKey extends IdempotencyKey {
  digest: string;
}

export class Idempotency {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** The seq of the event that holds the outcome. Throws `key-reused` for another body, `busy` when full. */
  find(route: Route, given: MessageKey): number | undefined {
    const { principal, key, digest } = given;
    const [row] = this.#sql
      .exec<{ digest: string; seq: number; expires: number; answer: number | null }>(
        "SELECT digest, seq, expires, answer FROM idempotency WHERE principal = ? AND route = ? AND key = ?",
        principal,
        route,
        key,
      )
      .toArray();
    if (row === undefined || row.expires <= Date.now()) {
      if (isActorId(principal)) this.#refuseSuperseded(route, { principal, key });
      else if (MESSAGES.has(route)) this.#refuseWhenFull(principal === PUBLIC);
      return undefined;
    }
    if (row.digest === digest) return row.answer ?? row.seq;
    if (row.digest === ERASED) {
      throw new TheaterError(
        "wrong-state",
        "What this Idempotency-Key did was done once and is erased: use a new key.",
        { seq: row.seq },
      );
    }
    throw keyReused(given);
  }

  /**
   * An actor asks one thing at a time, under keys that count up (<actor>/<turn>/<call>): one row for each
   * actor is enough. A key before the kept one is a late duplicate to which nobody listens, or the actor
   * was set back and is about to do again what it has done.
   */
  #refuseSuperseded(route: Route, { principal, key }: IdempotencyKey): void {
    const [row] = this.#sql
      .exec<{ key: string }>(
        "SELECT key FROM idempotency WHERE principal = ? AND route = ?",
        principal,
        route,
      )
      .toArray();
    if (row === undefined || !isBefore(key, row.key)) return;
    const message = "The actor that asks has asked something later before: it was set back.";
    throw new TheaterError("chain-fork", message, { key, last: row.key });
  }

  #refuseWhenFull(isPublic: boolean): void {
    const [row] = this.#sql
      .exec<{ kept: number }>(
        "SELECT count(*) AS kept FROM idempotency WHERE expires > ? AND principal LIKE ?",
        Date.now(),
        isPublic ? PUBLIC : "token:%",
      )
      .toArray();
    if ((row?.kept ?? 0) < KEYS_MAX) return;
    throw new TheaterError(
      "busy",
      `This actor holds ${KEYS_MAX} idempotency keys of the last 24 hours: try later.`,
    );
  }

  /**
   * In the transaction that erases the events: a body's digest has no salt, so it goes with the body. The
   * key stays and is refused, or a repetition would act again.
   */
  forget(seqs: readonly number[]): void {
    this.#sql.exec(
      `UPDATE idempotency SET digest = ?1
       WHERE seq IN (SELECT value FROM json_each(?2)) OR answer IN (SELECT value FROM json_each(?2))`,
      ERASED,
      JSON.stringify(seqs),
    );
  }

  /** In the transaction that records the outcome. */
  keep(route: Route, { principal, key, digest }: MessageKey, seq: number): void {
    const now = Date.now();
    this.#sql.exec("DELETE FROM idempotency WHERE expires <= ?", now);
    if (isActorId(principal)) {
      this.#sql.exec("DELETE FROM idempotency WHERE principal = ? AND route = ?", principal, route);
    }
    this.#sql.exec(
      "INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, ?, ?, ?, NULL)",
      principal,
      route,
      key,
      digest,
      seq,
      expiryOf(principal),
    );
  }

  /** In the transaction that settles a request which its turn left open: `seq` is what says so. */
  settle({ principal, key }: IdempotencyKey, seq: number): void {
    this.#sql.exec(
      "UPDATE idempotency SET answer = ?, expires = ? WHERE principal = ? AND route = 'request' AND key = ?",
      seq,
      expiryOf(principal),
      principal,
      key,
    );
  }
}

const expiryOf = (principal: string): number =>
  isActorId(principal) ? FOR_EVER : Date.now() + KEPT_MS;

/**
 * `cause`: the CID of the event of the asking actor that the message comes from. A repetition comes from the
 * same; an actor that was set back may use its keys again, and never for the same event.
 */
export function messageKey(
  { principal, key }: IdempotencyKey,
  body: Uint8Array,
  cause: Uint8Array = new Uint8Array(0),
): MessageKey {
  return { principal, key, digest: toHex(sha256(concat([cause, body]))) };
}

export function keyReused({ principal, key }: IdempotencyKey): TheaterError {
  if (isActorId(principal)) {
    const message = "The actor that asks has asked something else in this place: it was set back.";
    return new TheaterError("chain-fork", message, { key });
  }
  const message = "This Idempotency-Key came with another body before: use a new key.";
  return new TheaterError("key-reused", message);
}

/** Whether the turn and call in one call id are before those in another. */
function isBefore(key: string, other: string): boolean {
  const [, turn = 0, call = 0] = key.split("/").map(Number);
  const [, otherTurn = 0, otherCall = 0] = other.split("/").map(Number);
  return turn < otherTurn || (turn === otherTurn && call < otherCall);
}
