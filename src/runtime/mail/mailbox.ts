// What waits for a turn. Sends are on disk: the mailbox is the message events that have no turn yet.
// Requests wait in memory: they are not acknowledged, and the caller sees it if they are lost.

import { exportFor } from "../../handlers/exports.ts";
import { assert } from "../../lib/errors.ts";
import type { Journal } from "../record/journal.ts";
import type { Message } from "../turn/turn-parts.ts";
import type { TurnEnd } from "../turn/turn.ts";

/**
 * One message in line, and who wants to know how its turn ended. A send is on disk, so only its place in
 * the chain waits here: a thousand large ones would not fit in memory.
 */
export interface Waiting extends Waiter {
  message: Message | { seq: number };
  /** Whether an earlier life left it behind: then this may not be the first time that it is tried. */
  isOld: boolean;
}

export interface Waiter {
  done: (end: TurnEnd) => void;
  failed: (thrown: unknown) => void;
}

export class Mailbox {
  readonly #sql: SqlStorage;
  readonly #queue: Waiting[] = [];
  #journal: Journal | undefined;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  get length(): number {
    return this.#queue.length;
  }

  /** Puts the sends that an earlier life of the object left behind back in line. */
  open(journal: Journal): void {
    this.#journal = journal;
    const rows = this.#sql.exec<{ seq: number }>("SELECT seq FROM mailbox ORDER BY seq").toArray();
    for (const message of rows) this.#queue.push({ ...NOBODY, message, isOld: true });
  }

  /** The message itself, from the chain where only its place is known. */
  read(message: Message | { seq: number }): Message {
    return "params" in message ? message : this.messageAt(message.seq);
  }

  /** A message whose turn has not ended, as the chain has it. */
  messageAt(seq: number): Message {
    const journal = this.#journal;
    assert(journal !== undefined, "the mailbox is open");
    const fields = journal.payload(seq, "message.received");
    // Its payload cannot be erased before its turn has ended.
    assert(fields !== undefined && fields.seed !== null, `message ${seq} is in the journal`);
    const { id, kind, from, cause, params, seed } = fields;
    const about = exportFor(kind, params);
    assert(about !== undefined, `a message of kind ${kind} has an export that takes it`);
    const message = { id, kind, about, from, cause, seed, seq };
    // A send was answered when it was admitted: its turn has no key.
    return { ...message, params: params as Message["params"], key: null, waiting: [] };
  }

  put(message: Message, waiter: Waiter): void {
    this.#queue.push({ message, isOld: false, ...waiter });
  }

  /** Puts the send that was just appended at `seq` in line. */
  putSend(seq: number): void {
    this.#queue.push({ ...NOBODY, message: { seq }, isOld: false });
  }

  /** Counts that the turn of a send is begun once more; returns how often it has been. In a transaction. */
  countTry(seq: number): number {
    const [row] = this.#sql
      .exec<{ tries: number }>(
        "UPDATE mailbox SET tries = tries + 1 WHERE seq = ? RETURNING tries",
        seq,
      )
      .toArray();
    return row?.tries ?? 0;
  }

  next(): Waiting | undefined {
    return this.#queue.shift();
  }

  /** Puts a message back at the front: its turn could not be recorded. */
  putBack(waiting: Waiting): void {
    this.#queue.unshift(waiting);
  }

  /** Takes out a message whose turn has been closed for it. */
  drop(seq: number): void {
    const at = this.#queue.findIndex(({ message }) => message.seq === seq);
    if (at >= 0) this.#queue.splice(at, 1);
  }

  /** Takes out the requests; sends stay. */
  takeRequests(): Waiting[] {
    const requests = this.#queue.filter(({ message }) => message.seq === null);
    const rest = this.#queue.filter(({ message }) => message.seq !== null);
    this.#queue.splice(0, this.#queue.length, ...rest);
    return requests;
  }

  /** In the transaction that appends the message event. */
  admit(seq: number, channel: string | null = null): void {
    this.#sql.exec("INSERT INTO mailbox (seq, channel) VALUES (?, ?)", seq, channel);
  }

  /** Messages of a channel that wait for their turn or for the end of it. */
  waitingOn(channel: string): number {
    const query = "SELECT count(*) AS waiting FROM mailbox WHERE channel = ?";
    return this.#sql.exec<{ waiting: number }>(query, channel).one().waiting;
  }

  /** Whether the send that was appended at `seq` waits for its turn or for the end of it. */
  holds(seq: number): boolean {
    return this.#sql.exec("SELECT 1 FROM mailbox WHERE seq = ?", seq).toArray().length > 0;
  }

  /** Whether a send waits for its turn or for the end of it. */
  get holdsSends(): boolean {
    return this.#sql.exec("SELECT 1 FROM mailbox LIMIT 1").toArray().length > 0;
  }

  /** In the transaction that ends its turn. */
  settle(seq: number): void {
    this.#sql.exec("DELETE FROM mailbox WHERE seq = ?", seq);
  }

  /** How far the messages of a peer have come; 0 before the first. */
  receivedFrom(peer: string): number {
    const [row] = this.#sql
      .exec<{ received: number }>("SELECT received FROM peer WHERE actor = ?", peer)
      .toArray();
    return row?.received ?? 0;
  }

  /** In the transaction that appends the message event. */
  noteReceived(peer: string, n: number): void {
    this.#sql.exec(
      "INSERT INTO peer (actor, received) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET received = excluded.received",
      peer,
      n,
    );
  }
}

const nobody = (): void => undefined;
export const NOBODY: Waiter = { done: nobody, failed: nobody };
