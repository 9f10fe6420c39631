// Runs the turns of one actor, one at a time, in the order of the mailbox.
//
// Never `blockConcurrencyWhile` around a turn: it deadlocks with host callbacks and resets the object
// after 30 s (measured). The queue is ours, so chain reads and control do not stand in it.

import type { Failure } from "../../chain/event-types.ts";
import { TheaterError } from "../../lib/errors.ts";
import { withoutLinks } from "../../executor/wit-links.ts";
import { parametersType } from "../../handlers/signatures.ts";
import { failBirth } from "../lifecycle.ts";
import { closeOpenTurn, readInterrupted } from "./interrupted.ts";
import type { Waiter, Waiting } from "../mail/mailbox.ts";
import type { OpenTurn } from "../record/cell.ts";
import type { History } from "../record/history.ts";
import type { Channels } from "../mail/channels.ts";
import type { Deferred } from "../mail/deferred.ts";
import { TurnMail } from "../mail/turn-mail.ts";
import type { Connections } from "../sockets/connections.ts";
import { isRead, Reads, type Read } from "./reads.ts";
import { Batch } from "./batch.ts";
import { BatchSize } from "./batch-size.ts";
import { Turn, type Place, type TurnEnd } from "./turn.ts";
import { writeEnd, type EndParts } from "./write-end.ts";
import type { Interrupted, Message, TurnParts, TurnRecord, TurnVersion } from "./turn-parts.ts";

interface RunnerParts extends Omit<TurnParts, "onEnd" | "mail" | keyof TurnVersion>, EndParts {
  /** What a turn that begins now runs on. Resumed turns too: nothing changes it while one is open. */
  version: () => TurnVersion;
  history: History;
  deferred: Deferred;
  channels: Channels;
  connections: Connections;
  /** Whenever it is seen that the actor does not run. */
  halted: () => void;
  /** After every recorded end. */
  settled: () => void;
}

/** Lives that may end with the same send, or readings of its content that may find it lost. */
const TRIES_MAX = 3;
const NOTHING: ReadonlyMap<string, unknown> = new Map();
const UNRESUMABLE = {
  failure: "lost",
  code: "unresumable",
  message: "the turn was cut off after it had acted on the outside",
} as const;
/** Codes of content that is gone or damaged. */
const LOST: ReadonlySet<string> = new Set(["host-failure", "content-corrupt"]);

export class Runner {
  readonly #parts: RunnerParts;
  /** The turn that is running, or those that change nothing and run side by side. */
  #current: readonly Pick<Turn, "cut">[] = [];
  #isRunning = false;
  #line: Promise<void> | undefined;
  /** Callers of `between`: while there is one, no turn begins. */
  #holds = 0;
  /** Why the running turn ends now, for one that is about to go on. */
  #cut: string | undefined;
  /** Who waits for the open turn: nobody after a crash, but a repetition may ask for it. */
  #left: Waiter[] = [];

  readonly #reads: Reads;
  readonly #size = new BatchSize();

  constructor(parts: RunnerParts) {
    this.#parts = parts;
    const { journal, mailbox } = parts;
    const begin = (message: Message, place: Place): Turn => {
      const turn = this.#makeTurn(message, { place });
      this.#current = [...this.#current, turn];
      return turn;
    };
    this.#reads = new Reads({ journal, mailbox, begin, mayBegin: () => this.#mayBegin });
  }

  /** As `run`, for those who do not wait. */
  start(): void {
    void this.run().catch(() => undefined);
  }

  /** Runs what waits, if nothing runs. Resolves when the line is empty or the actor may not go on. */
  async run(): Promise<void> {
    this.#reads.join();
    if (!this.#isRunning) {
      this.#isRunning = true;
      this.#line = this.#drain();
    }
    await this.#line;
  }

  /** Does `work` when no turn is running; none begins before it is done. `cut`: why the running one ends now. */
  async between<T>(work: () => T | Promise<T>, cut?: string): Promise<T> {
    this.#holds++;
    try {
      this.#cut = cut ?? this.#cut;
      if (cut !== undefined) for (const turn of this.#current) turn.cut(cut);
      await this.run().catch(() => undefined); // also where an open turn has still to go on
      return await work();
    } finally {
      if (cut !== undefined) this.#cut = undefined;
      this.#holds--;
    }
  }

  /** Whether a turn is running now. */
  get isTurning(): boolean {
    return this.#current.length > 0;
  }

  /** The end of the open turn, for a caller who has come back for it. */
  async endOfOpenTurn(): Promise<TurnEnd> {
    const { promise, resolve: done, reject: failed } = Promise.withResolvers<TurnEnd>();
    this.#left.push({ done, failed });
    this.start();
    return await promise;
  }

  get #mayBegin(): boolean {
    return this.#holds === 0 && this.#parts.cell.status === "running";
  }

  async #drain(): Promise<void> {
    const { mailbox, cell } = this.#parts;
    try {
      for (;;) {
        const open = cell.get("openTurn");
        if (open != null) {
          if (await this.#goOn(open)) continue;
          return;
        }
        this.#parts.channels.sweep();
        if (!this.#mayBegin) break;
        this.#fireTimers();
        const waiting = mailbox.next();
        if (waiting === undefined) return;
        if (isRead(waiting)) await this.#runReads(waiting);
        else if (!(await this.#runSome(waiting))) return;
      }
      if (cell.status === "running") return;
      this.#refuseRequests();
      this.#parts.halted();
    } finally {
      // In the same step as the look at the line: what comes later starts anew.
      this.#isRunning = false;
    }
  }

  /** Between turns. What does not fire now is for the alarm to try again. */
  #fireTimers(): void {
    try {
      this.#parts.timers.fire();
    } catch {
      // Storage refused the transaction: they are as due as before.
    }
  }

  /** Goes on with an interrupted turn. False if that is for the alarm to try again. */
  async #goOn(open: OpenTurn): Promise<boolean> {
    const { cell, journal, mailbox, content } = this.#parts;
    mailbox.drop(open.message);
    try {
      const over = this.#whyOver(open);
      if (over !== undefined) {
        this.#tell(closeOpenTurn(this.#parts, open, over));
        this.#parts.settled();
        return true;
      }
      const { key, waiting, deadlineMs } = open;
      const late = deadlineMs === undefined ? {} : { deadlineMs };
      const given = { ...mailbox.messageAt(open.message), key, waiting, ...late };
      const type = parametersType(given.about);
      const params = await withoutLinks(type, given.params, (link) => content.get(link));
      const again = { ...open, resumed: open.resumed + 1 };
      const interrupted = await readInterrupted(this.#parts, again);
      if (this.#whyOver(open) !== undefined) return true; // since then: it is closed at the next look
      journal.transaction(() => cell.set("openTurn", again)); // counted before it can end this life too
      const end = await this.#runTurn(
        { ...given, params: params as Message["params"] },
        interrupted,
      );
      this.#tell(end);
    } catch (thrown) {
      return this.#stuck(open, thrown);
    }
    this.#parts.settled();
    return true;
  }

  /** Why an open turn does not go on. */
  #whyOver({
    resumed,
    deadlineMs = Infinity,
  }: OpenTurn): { failure: Failure; code: string; message: string } | undefined {
    const { status } = this.#parts.cell;
    if (this.#cut !== undefined) {
      return { failure: "cut", code: this.#cut, message: `the turn was cut off: ${this.#cut}` };
    }
    if (status !== "running" && status !== "paused") return UNRESUMABLE;
    if (deadlineMs <= Date.now()) {
      return { failure: "cut", code: "deadline", message: "the deadline passed meanwhile" };
    }
    if (resumed < TRIES_MAX) return undefined;
    const message = `the turn was begun ${TRIES_MAX + 1} times and never ended`;
    return { failure: "host", code: "crash-loop", message };
  }

  /** The open turn could not even be begun again: for good, or until the store answers. */
  #stuck(open: OpenTurn, thrown: unknown): boolean {
    const isLost =
      thrown instanceof TheaterError && (LOST.has(thrown.code) || thrown.code === "wrong-state");
    try {
      if (isLost) this.#tell(closeOpenTurn(this.#parts, open, UNRESUMABLE));
      if (isLost) return true;
    } catch {
      // Storage refuses too: the turn stays open.
    }
    const message = "The turn has acted and could not be ended yet: ask again with the same key.";
    const unknown = new TheaterError("outcome-unknown", message);
    for (const { failed } of this.#left.splice(0)) failed(unknown);
    return false;
  }

  #tell(end: TurnEnd): void {
    for (const { done } of this.#left.splice(0)) done(end);
  }

  async #runTurn(message: Message, interrupted?: Interrupted): Promise<TurnEnd> {
    try {
      const turn = this.#makeTurn(message, { interrupted });
      this.#current = [turn];
      const begunMs = Date.now();
      const end = await turn.run();
      this.#size.note(1, turn.door.wasCalled ? 0 : 1, Date.now() - begunMs);
      return end;
    } finally {
      this.#turnOver();
    }
  }

  #makeTurn(message: Message, how: ConstructorParameters<typeof Turn>[2]): Turn {
    const parts = { ...this.#parts, ...this.#parts.version() };
    const mail = new TurnMail(message, parts);
    const onEnd = (end: TurnRecord): void => writeEnd(this.#parts, message, end, mail);
    return new Turn({ ...parts, mail, onEnd }, message, how);
  }

  #turnOver(): void {
    this.#current = [];
    this.#parts.deferred.claim(NOTHING);
    this.#parts.channels.turnOver();
  }

  async #runReads(first: Read): Promise<void> {
    try {
      await this.#reads.run(first);
    } finally {
      this.#turnOver();
    }
    this.#parts.settled();
  }

  /** As `#runOne`, with others behind it if they may go together. */
  async #runSome(first: Waiting): Promise<boolean> {
    const taken = this.#size.take(this.#parts.mailbox, first);
    if (taken.length === 0) return await this.#runOne(first);
    const batch = new Batch(
      {
        ...this.#parts,
        version: this.#parts.version(),
        makeTurn: (message, place) => this.#makeTurn(message, { place }),
        mayBegin: () => this.#mayBegin,
        unrecorded: (waiting, thrown) => this.#unrecorded(waiting, thrown),
      },
      taken,
    );
    this.#current = [batch];
    const begunMs = Date.now();
    try {
      const goesOn = await batch.run();
      this.#size.note(taken.length, batch.ended, Date.now() - begunMs);
      this.#parts.settled();
      return goesOn;
    } finally {
      this.#turnOver();
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
      waiting.done(await this.#runTurn(message));
    } catch (thrown) {
      return this.#unrecorded(waiting, thrown);
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
      this.#parts.ended(turn, { committed: false, failure: { kind: "host", code: "crash-loop" } });
      return { seq: closed.seq, cid: closed.cid };
    });
    const reason = `its turn was begun ${TRIES_MAX} times and never ended`;
    done({ kind: "failed", failure: "host", code: "crash-loop", message: reason, event });
    this.#parts.settled();
    return true;
  }

  /** The end of the turn is not on disk. What it flushed before may be, and then it goes on from there. */
  #unrecorded(waiting: Waiting, thrown: unknown): boolean {
    const { mailbox, cell } = this.#parts;
    if (cell.get("openTurn") != null) {
      this.#left.push(waiting);
      return true;
    }
    // Acknowledged, so it stays first in line, and the alarm tries again: for ever where the store does
    // not answer, and a few times where what it answers will not change.
    const isLost = thrown instanceof TheaterError && LOST.has(thrown.code);
    if (waiting.message.seq !== null) {
      mailbox.putBack({ ...waiting, isOld: waiting.isOld || isLost });
    }
    waiting.failed(thrown);
    return waiting.message.seq === null;
  }

  /** Nobody waits for an actor that does not run. Sends were acknowledged and keep their place. */
  #refuseRequests(): void {
    const { cell, mailbox } = this.#parts;
    const { status } = cell;
    for (const { failed } of mailbox.takeRequests(status === "paused")) {
      failed(
        new TheaterError("wrong-state", `The actor is ${status}: start it first.`, { status }),
      );
    }
  }
}
