// Runs the turns of one actor, one at a time, in the order of the mailbox.
//
// Never `blockConcurrencyWhile` around a turn: it deadlocks with host callbacks and resets the object
// after 30 s (measured). The queue is ours, so chain reads and control do not stand in it.

import { TheaterError } from "../../lib/errors.ts";
import type { Idempotency } from "../mail/idempotency.ts";
import { failBirth, SHUTDOWN_REASON } from "../lifecycle.ts";
import { closeLostTurn } from "./lost-turn.ts";
import type { Mailbox, Waiting } from "../mail/mailbox.ts";
import type { Deferred } from "../mail/deferred.ts";
import type { Outbox } from "../mail/outbox.ts";
import { TurnMail } from "../mail/turn-mail.ts";
import { INIT, Turn } from "./turn.ts";
import type { Message, TurnParts, TurnRecord } from "./turn-parts.ts";

interface RunnerParts extends Omit<TurnParts, "onEnd" | "mail"> {
  mailbox: Mailbox;
  outbox: Outbox;
  idempotency: Idempotency;
  deferred: Deferred;
  /** Whenever it is seen that the actor does not run. */
  halted: () => void;
  /** After every recorded end. */
  settled: () => void;
}

/** Lives that may end with the same send, or readings of its content that may find it lost. */
const TRIES_MAX = 3;
const NOTHING: ReadonlyMap<string, unknown> = new Map();
/** Codes of content that is gone or damaged. */
const LOST: ReadonlySet<string> = new Set(["host-failure", "content-corrupt"]);

export class Runner {
  readonly #parts: RunnerParts;
  #current: Turn | undefined;
  #isRunning = false;
  #line: Promise<void> | undefined;
  /** Callers of `between`: while there is one, no turn begins. */
  #holds = 0;

  constructor(parts: RunnerParts) {
    this.#parts = parts;
  }

  /** As `run`, for those who do not wait. */
  start(): void {
    void this.run().catch(() => undefined);
  }

  /** Runs what waits, if nothing runs. Resolves when the line is empty or the actor may not go on. */
  async run(): Promise<void> {
    if (!this.#isRunning) {
      this.#isRunning = true;
      this.#line = this.#drain();
    }
    await this.#line;
  }

  /** Does `work` when no turn is running and before another begins. `cut`: why the running one ends now. */
  async between<T>(work: () => T, cut?: string): Promise<T> {
    this.#holds++;
    try {
      if (cut !== undefined) this.#current?.cut(cut);
      await this.#line?.catch(() => undefined);
      return work();
    } finally {
      this.#holds--;
    }
  }

  get #mayBegin(): boolean {
    return this.#holds === 0 && this.#parts.cell.status === "running";
  }

  async #drain(): Promise<void> {
    const { mailbox, cell } = this.#parts;
    try {
      while (this.#mayBegin) {
        closeLostTurn(this.#parts);
        const waiting = mailbox.next();
        if (waiting === undefined) return;
        if (!(await this.#runOne(waiting))) return;
      }
      if (cell.status === "running") return;
      this.#refuseRequests();
      this.#parts.halted();
    } finally {
      // In the same step as the look at the line: what comes later starts anew.
      this.#isRunning = false;
    }
  }

  /** False if the line must stand still: a send could not be run, and nothing may overtake it. */
  async #runOne(waiting: Waiting): Promise<boolean> {
    const { content, mailbox, settled } = this.#parts;
    try {
      if (waiting.isOld && this.#isPoisoned(waiting)) return true;
      const given = mailbox.read(waiting.message);
      const params = await content.resolve(given.params);
      if (!this.#mayBegin) {
        mailbox.putBack(waiting); // stopped while the store took its time
        return true;
      }
      const message: Message = { ...given, params: params as Message["params"] };
      const mail = new TurnMail(message, this.#parts);
      const onEnd = (end: TurnRecord): void => this.#record(message, end, mail);
      this.#current = new Turn({ ...this.#parts, mail, onEnd }, message);
      waiting.done(await this.#current.run());
    } catch (thrown) {
      return this.#unrecorded(waiting, thrown);
    } finally {
      this.#current = undefined;
      this.#parts.deferred.claim(NOTHING);
    }
    settled();
    return true;
  }

  /**
   * Counts a try, and closes the turn of a send that has been tried too often: whatever it is that ends
   * each life with it, or keeps it from being read, nothing behind it would ever run.
   */
  #isPoisoned({ message: { seq }, done }: Waiting): boolean {
    const { journal, mailbox } = this.#parts;
    if (seq === null) return false;
    const tries = journal.transaction(() => mailbox.countTry(seq));
    if (tries <= TRIES_MAX) return false;
    const turn = journal.lastTurn() + 1;
    const event = journal.transaction(() => {
      const fields = { message: seq, kind: "host", code: "crash-loop" } as const;
      const closed = journal.append({ type: "turn.failed", about: "", turn, fields });
      mailbox.settle(seq);
      const received = journal.payload(seq, "message.received");
      if (received?.kind === "lifecycle") failBirth(this.#parts);
      return { seq: closed.seq, cid: closed.cid };
    });
    const reason = `its turn was begun ${TRIES_MAX} times and never ended`;
    done({ kind: "failed", failure: "host", code: "crash-loop", message: reason, event });
    return true;
  }

  /** The end of the turn is not on disk. What it flushed before may be, and then it is closed as lost. */
  #unrecorded(waiting: Waiting, thrown: unknown): boolean {
    const { mailbox } = this.#parts;
    // Acknowledged, so it stays first in line, and the alarm tries again: for ever where the store does
    // not answer, and a few times where what it answers will not change.
    const isLost = thrown instanceof TheaterError && LOST.has(thrown.code);
    if (waiting.message.seq !== null) {
      mailbox.putBack({ ...waiting, isOld: waiting.isOld || isLost });
    }
    try {
      const lost = closeLostTurn(this.#parts);
      if (lost !== undefined) {
        waiting.done(lost);
        return true;
      }
    } catch {
      // Storage still refuses: the turn stays open, and is closed before the next one begins.
    }
    waiting.failed(thrown);
    return waiting.message.seq === null;
  }

  /** Inside the transaction that ends the turn: what becomes true together with it. */
  #record({ seq, key, about }: Message, end: TurnRecord, mail: TurnMail): void {
    const { cell, journal, mailbox, outbox, idempotency } = this.#parts;
    if (cell.get("openTurn") != null) cell.set("openTurn", null);
    if (seq !== null) mailbox.settle(seq);
    if (key !== null) idempotency.keep("request", key, end.seq);
    if (end.committed) outbox.add(end.sends, { turn: end.turn, cause: end.seq });
    if (end.committed) mail.commit(end);
    if (end.data !== null) {
      const fields = { reason: SHUTDOWN_REASON, by: null, data: end.data };
      journal.append({ type: "actor.stopped", about: "", turn: 0, fields });
      cell.set("status", "stopped");
      cell.set("reason", SHUTDOWN_REASON);
    } else if (about === INIT && !end.committed) {
      failBirth(this.#parts);
    }
  }

  /** Nobody waits for an actor that does not run. Sends were acknowledged and keep their place. */
  #refuseRequests(): void {
    const { cell, mailbox } = this.#parts;
    const { status } = cell;
    for (const { failed } of mailbox.takeRequests()) {
      failed(
        new TheaterError("wrong-state", `The actor is ${status}: start it first.`, { status }),
      );
    }
  }
}
