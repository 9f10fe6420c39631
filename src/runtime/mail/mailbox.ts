// What waits for a turn. Sends are on disk: the mailbox is the message events that have no turn yet.
// Requests wait in memory: they are not acknowledged, and the caller sees it if they are lost.

import { isActorId } from "../../chain/actor-id.ts";
import { exportFor } from "../../handlers/exports.ts";
import { equalBytes } from "../../lib/bytes.ts";
import { assert, TheaterError } from "../../lib/errors.ts";
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
  /** When it came in line, ms since the epoch. */
  sinceMs: number;
}

export interface Waiter {
  done: (end: TurnEnd) => void;
  failed: (thrown: unknown) => void;
}

export class Mailbox {
  readonly #sql: SqlStorage;
  readonly #queue: Waiting[] = [];
  #journal: Journal | undefined;
  #inBatch = 0;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  get length(): number {
    return this.#queue.length + this.#inBatch;
  }

  /** Messages that were taken out and whose turns may come back: they fill the mailbox as if they were in line. */
  set inBatch(count: number) {
    this.#inBatch = count;
  }

  /** Puts the sends that an earlier life of the object left behind back in line. */
  open(journal: Journal): void {
    this.#journal = journal;
    const query = `SELECT seq FROM mailbox JOIN event USING (seq) ORDER BY about <> 'lifecycle', seq`;
    const rows = this.#sql.exec<{ seq: number }>(query).toArray();
    const sinceMs = Date.now();
    for (const message of rows) this.#queue.push({ ...NOBODY, message, isOld: true, sinceMs });
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
    this.#queue.push({ message, isOld: false, sinceMs: Date.now(), ...waiter });
  }

  /** As `put`, but nothing else has its turn before it: what an http request goes on with. */
  putNext(message: Message, waiter: Waiter): void {
    this.#queue.unshift({ message, isOld: false, sinceMs: Date.now(), ...waiter });
  }

  /** Puts the send that was just appended at `seq` in line; `isInit`: before what came ahead of it. */
  putSend(seq: number, isInit = false): void {
    const waiting = { ...NOBODY, message: { seq }, isOld: false, sinceMs: Date.now() };
    if (isInit) this.#queue.unshift(waiting);
    else this.#queue.push(waiting);
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

  /** The first in line, which stays there. */
  get first(): Waiting | undefined {
    return this.#queue[0];
  }

  /** Takes messages from the front for as long as they are such, `max` at most. */
  takeWhile<W extends Waiting>(isSuch: (waiting: Waiting) => waiting is W, max: number): W[] {
    const taken: W[] = [];
    for (let next = this.#queue[0]; taken.length < max; next = this.#queue[0]) {
      if (next === undefined || !isSuch(next)) break;
      taken.push(next);
      this.#queue.shift();
    }
    return taken;
  }

  /** Puts a message back at the front: its turn could not be recorded. */
  putBack(waiting: Waiting): void {
    this.#queue.unshift(waiting);
  }

  /** As `putBack`, in their order. A request whose caller has stopped waiting meanwhile is told so instead. */
  putAllBack(all: readonly Waiting[]): void {
    const nowMs = Date.now();
    const isLate = ({ message }: Waiting): boolean =>
      "deadlineMs" in message && (message.deadlineMs ?? Infinity) <= nowMs;
    this.#queue.unshift(...all.filter((waiting) => !isLate(waiting)));
    for (const waiting of all) if (isLate(waiting)) waiting.failed(tooSlow());
  }

  /** Takes out a message whose turn has been closed for it. */
  drop(seq: number): void {
    const at = this.#queue.findIndex(({ message }) => message.seq === seq);
    if (at >= 0) this.#queue.splice(at, 1);
  }

  /** Since when the request of an actor under this key stands in line, ms since the epoch; undefined: it does not. */
  queuedMs(callId: string): number | undefined {
    return this.#queue[this.#placeOf(callId)]?.sinceMs;
  }

  /**
   * Answers the request of an actor under this key at `deadlineMs`, if its turn has not begun by then. Returns
   * what calls that off.
   */
  expireQueued(callId: string, deadlineMs: number | undefined): () => void {
    if (deadlineMs === undefined) return () => undefined;
    const expire = (): void => this.takeQueued(callId)?.failed(tooSlow());
    const timer = setTimeout(expire, Math.max(0, deadlineMs - Date.now()));
    return () => clearTimeout(timer);
  }

  /** Takes out the request under this key, if its turn has not begun. */
  takeQueued(callId: string): Waiting | undefined {
    const at = this.#placeOf(callId);
    return at < 0 ? undefined : this.#queue.splice(at, 1)[0];
  }

  /** Whether an actor waits for the turn of a message here. */
  get holdsCalls(): boolean {
    return this.#queue.some((waiting) => callIdOf(waiting) !== null);
  }

  #placeOf(callId: string): number {
    return this.#queue.findIndex((waiting) => callIdOf(waiting) === callId);
  }

  /** Takes out the requests; sends stay, and with `keepsFrames` what came on a WebSocket: nobody waits for an answer to it. */
  takeRequests(keepsFrames: boolean): Waiting[] {
    const isTaken = ({ message }: Waiting): boolean =>
      message.seq === null && !(keepsFrames && "kind" in message && message.kind === "websocket");
    const requests = this.#queue.filter(isTaken);
    const rest = this.#queue.filter((waiting) => !isTaken(waiting));
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

  /**
   * Whether message `n` of a peer, from its event `cause`, was taken before. Throws `chain-fork` where the
   * peer must have forgotten what it sent: it sends `n` only as long as it has not heard that `n` arrived,
   * and nothing behind it before. So a number below the last one, or the last one from another event, says
   * that it was set back; taken for a repetition, its message would be lost without a word.
   */
  wasReceived(peer: string, n: number, cause: Uint8Array): boolean {
    const [row] = this.#sql
      .exec<{ received: number; cause: ArrayBuffer | null }>(
        "SELECT received, cause FROM peer WHERE actor = ?",
        peer,
      )
      .toArray();
    if (row === undefined || n > row.received) return false;
    if (n === row.received && row.cause !== null && equalBytes(new Uint8Array(row.cause), cause)) {
      return true;
    }
    const message = `The receiver has had message ${row.received} of this actor, and not this message ${n}: the actor was set back to an earlier state.`;
    throw new TheaterError("chain-fork", message, { n, received: row.received });
  }

  /** In the transaction that appends the message event. */
  noteReceived(peer: string, n: number, cause: Uint8Array): void {
    this.#sql.exec(
      `INSERT INTO peer (actor, received, cause) VALUES (?1, ?2, ?3)
       ON CONFLICT DO UPDATE SET received = excluded.received, cause = excluded.cause`,
      peer,
      n,
      cause,
    );
  }
}

function tooSlow(): TheaterError {
  const message = "The deadline passed before the turn began: nothing was done.";
  return new TheaterError("too-slow", message);
}

/** The keys of actors are call ids, so there is one message under each. */
function callIdOf({ message }: Waiting): string | null {
  const key = "key" in message ? message.key : null;
  return key !== null && isActorId(key.principal) ? key.key : null;
}

const nobody = (): void => undefined;
const NOBODY: Waiter = { done: nobody, failed: nobody };
