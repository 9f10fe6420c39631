// Requests whose turns ended without an answer. Each is a row until a later turn answers or cancels it, its
// deadline passes, or the actor stops; whichever it is, one event says so, and the caller gets that event.
//
// Invariant: a request is settled once, in the transaction that appends its `request.settled`. Callers who
// wait are told after that transaction, never in it.

import type { Settlement } from "../../chain/event-types.ts";
import type { Value } from "../../chain/value.ts";
import { assert, TheaterError } from "../../lib/errors.ts";
import { RecordedError } from "../answers.ts";
import type { EventRef } from "../protocol.ts";
import type { Journal } from "../record/journal.ts";
import type { Idempotency, MessageKey } from "./idempotency.ts";

/** Requests of one actor that wait for an answer, those in line included. */
const OUTSTANDING_MAX = 10_000;
/** Requests settled in one transaction. */
const ROUND_MAX = 256;

export interface Reply {
  reply: Uint8Array;
  event: EventRef;
}

/** What a turn left open. */
interface Opened {
  /** As the guest knows it. */
  id: string;
  /** Seq of its `message.received`, and of the `turn.committed` that gave no answer. */
  message: number;
  end: number;
  /** The deadline, ms since the epoch. */
  dueMs: number;
  /** From the end of the turn to then. */
  waitMs: number;
  key: MessageKey | null;
}

interface Settled {
  outcome: Settlement;
  reply: Uint8Array | null;
  event: EventRef;
}

/** A caller in memory. */
export interface Waiter {
  promise: Promise<Reply>;
  /** Whether `promise` is or will be resolved: somebody settled the request. */
  isSettled: () => boolean;
  drop: () => void;
}

interface Waiting {
  settle: (settled: Settled) => void;
}

export class Deferred {
  readonly #sql: SqlStorage;
  readonly #journal: Journal;
  readonly #idempotency: Idempotency;
  readonly #waiting = new Map<string, Set<Waiting>>();
  /** Settled in a transaction that may still be undone. */
  readonly #fresh = new Map<string, Settled>();
  /** What the running turn has answered: real at its commit, and until then not to be settled by others. */
  #claimed: ReadonlyMap<string, unknown> = new Map();
  /** Of the open rows; read again after each change, so that an actor that defers nothing pays nothing. */
  #known: { count: number; due: number | null } | undefined;

  constructor(sql: SqlStorage, journal: Journal, idempotency: Idempotency) {
    this.#sql = sql;
    this.#journal = journal;
    this.#idempotency = idempotency;
  }

  /** After a transaction that was undone. */
  forget(): void {
    this.#known = undefined;
  }

  get count(): number {
    return this.#open.count;
  }

  /** When the next deadline passes, ms; undefined if nothing is open. */
  get nextDueMs(): number | undefined {
    return this.#open.due ?? undefined;
  }

  get #open(): { count: number; due: number | null } {
    this.#known ??= this.#sql
      .exec<{ count: number; due: number | null }>(
        "SELECT count(*) AS count, min(due) AS due FROM deferred",
      )
      .one();
    return this.#known;
  }

  /** The ids of open requests, oldest first. */
  list(): string[] {
    if (this.count === 0) return [];
    const query = "SELECT id FROM deferred WHERE due > ? ORDER BY message";
    return this.#sql
      .exec<{ id: string }>(query, Date.now())
      .toArray()
      .map(({ id }) => id);
  }

  isOpen(id: string): boolean {
    if (this.count === 0) return false;
    const query = "SELECT 1 FROM deferred WHERE id = ? AND due > ?";
    return this.#sql.exec(query, id, Date.now()).toArray().length > 0;
  }

  /** The answers of the turn that runs now; those of the one before are forgotten. */
  claim(answers: ReadonlyMap<string, unknown>): void {
    this.#claimed = answers;
  }

  /** In the transaction that commits the turn of the request. */
  open({ id, message, end, dueMs, waitMs, key }: Opened): void {
    this.#known = undefined;
    this.#sql.exec(
      "INSERT INTO deferred VALUES (?, ?, ?, ?, ?, ?, ?)",
      id,
      message,
      end,
      dueMs,
      waitMs,
      key?.principal ?? null,
      key?.key ?? null,
    );
  }

  /** In a transaction: by the turn `turn`, or, with 0, by nobody's. What is not open stays as it is. */
  settle(id: string, outcome: Settlement, reply: Uint8Array | null, turn: number): void {
    const [row] = this.#sql
      .exec<{ message: number; principal: string | null; key: string | null }>(
        "DELETE FROM deferred WHERE id = ? RETURNING message, principal, key",
        id,
      )
      .toArray();
    if (row === undefined) return;
    this.#known = undefined;
    const { message, principal, key } = row;
    const fields = { message, turn, outcome, reply: reply === null ? null : [reply] };
    const { seq, cid } = this.#journal.append({
      type: "request.settled",
      about: "",
      turn: 0,
      fields,
    });
    if (principal !== null && key !== null) this.#idempotency.settle({ principal, key }, seq);
    this.#fresh.set(id, { outcome, reply, event: { seq, cid } });
  }

  /** After a transaction: tells those who wait, unless it was undone. */
  wake(): void {
    if (this.#fresh.size === 0) return;
    const fresh = [...this.#fresh];
    this.#fresh.clear();
    this.#known = undefined;
    for (const [id, settled] of fresh) {
      if (this.#sql.exec("SELECT 1 FROM deferred WHERE id = ?", id).toArray().length > 0) continue;
      for (const waiting of this.#waiting.get(id) ?? []) waiting.settle(settled);
      this.#waiting.delete(id);
    }
  }

  /** Settles what is past its deadline. */
  expire(): Promise<void> {
    return Promise.resolve().then(() => {
      if (this.count === 0) return;
      const now = Date.now();
      this.#rebase(now);
      const due = this.nextDueMs;
      if (due === undefined || due > now) return;
      this.#settleAll("expired", "SELECT id FROM deferred WHERE due <= ? ORDER BY due", now);
    });
  }

  /** A deadline that is further away than it ever was is of a clock that has been put back: the wait begins anew. */
  #rebase(nowMs: number): void {
    const query = "UPDATE deferred SET due = ?1 + wait WHERE due > ?1 + wait";
    if (this.#sql.exec(query, nowMs).rowsWritten > 0) this.#known = undefined;
  }

  /** Nobody is left who could answer. */
  abandon(): void {
    if (this.count > 0) this.#settleAll("stopped", "SELECT id FROM deferred ORDER BY message");
  }

  #settleAll(outcome: Settlement, query: string, ...bindings: number[]): void {
    const ids = this.#sql
      .exec<{ id: string }>(query, ...bindings)
      .toArray()
      .map(({ id }) => id)
      .filter((id) => !this.#claimed.has(id));
    for (let first = 0; first < ids.length; first += ROUND_MAX) {
      const round = ids.slice(first, first + ROUND_MAX);
      this.#journal.transaction(() => {
        for (const id of round) this.settle(id, outcome, null, 0);
      });
      this.wake();
    }
  }

  /** A caller of the request `id`, from before its turn on. */
  expect(id: string): Waiter {
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    let isSettled = false;
    const waiting: Waiting = {
      settle: (settled) => {
        isSettled = true;
        try {
          resolve(replyOf(settled));
        } catch (refusal) {
          reject(refusal);
        }
      },
    };
    const all = this.#waiting.get(id) ?? new Set();
    this.#waiting.set(id, all.add(waiting));
    const drop = (): void => {
      all.delete(waiting);
      if (all.size === 0 && this.#waiting.get(id) === all) this.#waiting.delete(id);
    };
    promise.catch(() => undefined); // whoever dropped it does not want to know
    return { promise, isSettled: () => isSettled, drop };
  }

  /** Another caller, who came back with the key: the request that the turn which ended at `end` left open. */
  async attach(end: number): Promise<Reply> {
    const [row] = this.#sql
      .exec<{ id: string }>("SELECT id FROM deferred WHERE end = ?", end)
      .toArray();
    assert(row !== undefined, "a request without an answer is open, or its key names the answer");
    return await this.expect(row.id).promise;
  }
}

/** The answer, or what became of the request, thrown with the event that says so. */
export function replyOf({ outcome, reply, event }: Settled): Reply {
  switch (outcome) {
    case "answered":
      assert(reply !== null, "an answer is bytes");
      return { reply, event };
    case "cancelled":
      throw new RecordedError({
        code: "guest-error",
        message: "The actor gave up the request.",
        event,
      });
    case "expired": {
      const message = "The actor did not answer before the deadline (limits.reply_ms).";
      throw new RecordedError({ code: "too-slow", message, event });
    }
    case "stopped": {
      const message = "The actor was stopped before it answered: ask again when it runs.";
      throw new RecordedError({ code: "wrong-state", message, event });
    }
  }
}

/** The bytes in a recorded `reply`, which is an option. */
export function bytesOf(reply: Value): Uint8Array | null {
  const [bytes] = (reply ?? []) as readonly Value[];
  return bytes instanceof Uint8Array ? bytes : null;
}

/** Throws `busy` where one more could not be left open. `inLine`: messages that may become one. */
export function checkOutstanding(open: number, inLine: number): void {
  if (open + inLine < OUTSTANDING_MAX) return;
  throw new TheaterError("busy", `${open} requests wait for an answer already: ask again later.`);
}
