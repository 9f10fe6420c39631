// The timers of an actor: the only writer of the table `timer`. They change in the transaction that commits
// a turn, and when they fire; and they fire between turns only, so that what a turn cancels does not fire
// behind its back.
//
// Firing is one transaction: the message event, its place in the mailbox, and the next time. So each time
// of a timer becomes one message, whatever ends the object and however often the alarm comes.

import { Link } from "../../chain/value.ts";
import type { Mailbox } from "../mail/mailbox.ts";
import type { Journal } from "../record/journal.ts";
import type { Timer, TimerChange } from "./pending-timers.ts";
import { nextDue, type Plan } from "./plan.ts";

interface TimersParts {
  sql: SqlStorage;
  journal: Journal;
  mailbox: Mailbox;
  /** How many messages the actor takes now; 0 where it does not run. */
  room: () => number;
}

interface Row extends Record<string, SqlStorageValue> {
  name: string;
  plan: string;
  due: number;
  body: ArrayBuffer;
  cause: number;
  cause_digest: ArrayBuffer;
}

export class Timers {
  readonly #parts: TimersParts;
  /** The earliest time; null: there is no timer; undefined: to be read. An actor without timers reads once. */
  #nextDueMs: number | null | undefined;

  constructor(parts: TimersParts) {
    this.#parts = parts;
  }

  /** When the earliest timer is due, ms since the epoch; undefined if there is none. */
  get nextDueMs(): number | undefined {
    if (this.#nextDueMs === undefined) {
      const [row] = this.#parts.sql
        .exec<{ due: number | null }>("SELECT min(due) AS due FROM timer")
        .toArray();
      this.#nextDueMs = row?.due ?? null;
    }
    return this.#nextDueMs ?? undefined;
  }

  /** A transaction was undone. */
  forget(): void {
    this.#nextDueMs = undefined;
  }

  all(): Timer[] {
    return this.#parts.sql
      .exec<Pick<Row, "name" | "plan" | "due">>("SELECT name, plan, due FROM timer")
      .toArray()
      .map(({ name, plan, due }) => ({ name, plan: JSON.parse(plan) as Plan, dueMs: due }));
  }

  /** In the transaction that commits the turn; `cause` is its turn.committed. */
  apply(changes: readonly TimerChange[], cause: { seq: number; digest: Uint8Array }): void {
    if (changes.length === 0) return;
    const { sql } = this.#parts;
    for (const change of changes) {
      sql.exec("DELETE FROM timer WHERE name = ?", change.name);
      if (change.plan === null) continue;
      const { name, plan, dueMs, body } = change;
      sql.exec(
        "INSERT INTO timer (name, plan, due, cause, cause_digest, body) VALUES (?, ?, ?, ?, ?, ?)",
        name,
        JSON.stringify(plan),
        dueMs,
        cause.seq,
        cause.digest,
        body,
      );
    }
    this.#nextDueMs = undefined;
  }

  /** Puts the messages of all timers that are due in line. Call it when no turn is running. */
  fire(): void {
    const { journal, mailbox, sql, room } = this.#parts;
    const { nextDueMs } = this;
    const nowMs = journal.nowMs();
    if (nextDueMs === undefined || nextDueMs > nowMs) return;
    const query = "SELECT * FROM timer WHERE due <= ? ORDER BY due, name LIMIT ?";
    const rows = sql.exec<Row>(query, nowMs, Math.max(0, room())).toArray();
    if (rows.length === 0) return;
    const seqs = journal.transaction(() => rows.map((row) => this.#fireOne(row, nowMs)));
    for (const seq of seqs) mailbox.putSend(seq);
  }

  /** The name of the time is in the message's id, so the chain shows that each came once. */
  #fireOne({ name, plan, due, body, cause, cause_digest: digest }: Row, nowMs: number): number {
    const { journal, mailbox, sql } = this.#parts;
    const { seq } = journal.append({
      type: "message.received",
      about: "timer",
      turn: 0,
      fields: {
        id: `timer/${due}/${name}`,
        kind: "timer",
        from: journal.actor,
        cause: {
          actor: journal.actor,
          seq: cause,
          event: new Link("dag-cbor", new Uint8Array(digest)),
        },
        params: [name, new Uint8Array(body)],
        seed: crypto.getRandomValues(new Uint8Array(32)),
      },
    });
    mailbox.admit(seq);
    const next = nextDue(JSON.parse(plan) as Plan, due, nowMs);
    if (next === undefined) sql.exec("DELETE FROM timer WHERE name = ?", name);
    else sql.exec("UPDATE timer SET due = ? WHERE name = ?", next, name);
    this.#nextDueMs = undefined;
    return seq;
  }
}
