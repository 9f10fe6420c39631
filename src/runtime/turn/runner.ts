// Runs the turns of one actor, one at a time, in the order of the mailbox.
//
// Never `blockConcurrencyWhile` around a turn: it deadlocks with host callbacks and resets the object
// after 30 s (measured). The queue is ours, so chain reads and control do not stand in it.

import type { Failure } from "../../chain/event-types.ts";
import type { Value } from "../../chain/value.ts";
import { TheaterError } from "../../lib/errors.ts";
import { keyRoute, type Idempotency } from "../mail/idempotency.ts";
import { withoutLinks } from "../../executor/wit-links.ts";
import { INIT } from "../../handlers/exports.ts";
import { parametersType } from "../../handlers/signatures.ts";
import { failBirth, SHUTDOWN_REASON } from "../lifecycle.ts";
import { closeOpenTurn, readInterrupted } from "./interrupted.ts";
import type { Mailbox, Waiter, Waiting } from "../mail/mailbox.ts";
import type { OpenTurn } from "../record/cell.ts";
import type { History } from "../record/history.ts";
import type { Channels } from "../mail/channels.ts";
import type { Deferred } from "../mail/deferred.ts";
import type { Outbox } from "../mail/outbox.ts";
import { TurnMail } from "../mail/turn-mail.ts";
import type { Connections } from "../sockets/connections.ts";
import type { Timers } from "../timers/timers.ts";
import { isRead, Reads, type Read } from "./reads.ts";
import { Turn, type Beside, type TurnEnd } from "./turn.ts";
import type {
  EndHook,
  Interrupted,
  Message,
  TurnParts,
  TurnRecord,
  TurnVersion,
} from "./turn-parts.ts";

interface RunnerParts extends Omit<TurnParts, "onEnd" | "mail" | keyof TurnVersion> {
  /** What a turn that begins now runs on. Resumed turns too: nothing changes it while one is open. */
  version: () => TurnVersion;
  mailbox: Mailbox;
  outbox: Outbox;
  history: History;
  idempotency: Idempotency;
  deferred: Deferred;
  channels: Channels;
  connections: Connections;
  /** Whenever it is seen that the actor does not run. */
  halted: () => void;
  timers: Timers;
  /** In the transaction that ends a turn. */
  ended: EndHook;
  /** In the transaction that ends a turn of a guest that shuts itself down, with what it said. */
  shutDown: (data: Value) => void;
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
  #current: readonly Turn[] = [];
  #isRunning = false;
  #line: Promise<void> | undefined;
  /** Callers of `between`: while there is one, no turn begins. */
  #holds = 0;
  /** Why the running turn ends now, for one that is about to go on. */
  #cut: string | undefined;
  /** Who waits for the open turn: nobody after a crash, but a repetition may ask for it. */
  #left: Waiter[] = [];

  readonly #reads: Reads;

  constructor(parts: RunnerParts) {
    this.#parts = parts;
    const { journal, mailbox } = parts;
    const begin = (message: Message, beside: Beside): Turn => {
      const turn = this.#makeTurn(message, { beside });
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
        else if (!(await this.#runOne(waiting))) return;
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
      return await turn.run();
    } finally {
      this.#turnOver();
    }
  }

  #makeTurn(message: Message, how: ConstructorParameters<typeof Turn>[2]): Turn {
    const parts = { ...this.#parts, ...this.#parts.version() };
    const mail = new TurnMail(message, parts);
    const onEnd = (end: TurnRecord): void => this.#record(message, end, mail);
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

  /** Inside the transaction that ends the turn: what becomes true together with it. */
  #record({ seq, key, kind, about }: Message, end: TurnRecord, mail: TurnMail): void {
    const { cell, journal, mailbox, outbox, idempotency, files, timers, site } = this.#parts;
    if (cell.get("openTurn") != null) cell.set("openTurn", null);
    if (seq !== null) mailbox.settle(seq);
    if (key !== null) idempotency.keep(keyRoute(kind), key, end.seq);
    if (end.files.size > 0) files.apply(end.files, end.seq);
    if (end.committed) outbox.add(end.sends, { turn: end.turn, cause: end.seq });
    if (end.committed) timers.apply(end.timers, journal.head);
    if (end.site !== null) site.apply(end.site);
    mail.end(end);
    if (end.data !== null) {
      const fields = { reason: SHUTDOWN_REASON, by: null, data: end.data };
      journal.append({ type: "actor.stopped", about: "", turn: 0, fields });
      cell.set("status", "stopped");
      cell.set("reason", SHUTDOWN_REASON);
      this.#parts.shutDown(end.data);
    } else if (about === INIT && !end.committed) {
      failBirth(this.#parts);
    }
    if (about === INIT && end.committed) cell.set("begun", true);
    this.#parts.ended(end.turn, end);
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
