// Runs the turns of one actor, one at a time, in the order of the mailbox.
//
// Never `blockConcurrencyWhile` around a turn: it deadlocks with host callbacks and resets the object
// after 30 s (measured). The queue is ours, so chain reads and control do not stand in it.

import { TheaterError } from "../lib/errors.ts";
import { resolveContent } from "./content.ts";
import { SHUTDOWN_REASON } from "./lifecycle.ts";
import type { Mailbox, Waiting } from "./mailbox.ts";
import type { Outbox } from "./outbox.ts";
import { INIT, Turn, type TurnEnd } from "./turn.ts";
import type { Message, TurnParts, TurnRecord } from "./turn-parts.ts";

export interface RunnerParts extends Omit<TurnParts, "onEnd"> {
  mailbox: Mailbox;
  outbox: Outbox;
  /** In every transaction that leaves something to be done later. */
  arm: () => void;
  /** After every recorded end. */
  settled: () => void;
}

export class Runner {
  readonly #parts: RunnerParts;
  #current: Turn | undefined;
  #turn: Promise<TurnEnd> | undefined;
  #loop = Promise.resolve();
  #isDraining = false;

  constructor(parts: RunnerParts) {
    this.#parts = parts;
  }

  /** Runs what waits, if nothing runs. Resolves when the line is empty or the actor is not running. */
  run(): Promise<void> {
    if (!this.#isDraining) this.#loop = this.#drain();
    return this.#loop;
  }

  /** Resolves when no turn is running. */
  async idle(): Promise<void> {
    await this.#turn?.catch(() => undefined);
  }

  /** Ends the running turn from outside; it closes as `cut`. */
  cut(code: string): void {
    this.#current?.cut(code);
  }

  async #drain(): Promise<void> {
    const { cell, mailbox } = this.#parts;
    // Set and cleared in the same step as the line is looked at: a message that is put in line afterwards
    // finds nobody draining, and starts it again.
    this.#isDraining = true;
    try {
      while (cell.get("status") === "running") {
        const waiting = mailbox.next();
        if (waiting === undefined) return;
        if (!(await this.#tryOne(waiting))) return;
      }
      this.#refuseRequests();
    } finally {
      this.#isDraining = false;
    }
  }

  /** False if the line must wait: a send was acknowledged, so it stays first until its turn is recorded. */
  async #tryOne(waiting: Waiting): Promise<boolean> {
    try {
      await this.#runOne(waiting);
      return true;
    } catch (thrown) {
      waiting.failed(thrown);
      if (waiting.message.seq === null) return true;
      this.#parts.mailbox.putBack(waiting); // the alarm tries again
      return false;
    }
  }

  /** Nobody waits for an actor that does not run. Sends were acknowledged and keep their place. */
  #refuseRequests(): void {
    const { cell, mailbox } = this.#parts;
    const status = cell.get("status") ?? "failed";
    for (const { failed } of mailbox.takeRequests()) {
      failed(
        new TheaterError("wrong-state", `The actor is ${status}: start it first.`, { status }),
      );
    }
  }

  async #runOne(waiting: Waiting): Promise<void> {
    const params = await resolveContent(this.#parts.content, waiting.message.params);
    const message: Message = { ...waiting.message, params: params as Message["params"] };
    const turn = new Turn({ ...this.#parts, onEnd: (end) => this.#record(waiting, end) }, message);
    this.#current = turn;
    this.#turn = turn.run();
    try {
      waiting.done(await this.#turn);
    } finally {
      this.#current = undefined;
      this.#turn = undefined;
    }
    this.#parts.settled();
  }

  /** Inside the transaction that ends the turn: what becomes true together with it. */
  #record(waiting: Waiting, end: TurnRecord): void {
    const { cell, journal, mailbox, outbox, arm } = this.#parts;
    const { message } = waiting;
    if (cell.get("openTurn") != null) cell.set("openTurn", null);
    if (message.seq !== null) mailbox.settle(message.seq);
    waiting.record(end);
    if (end.committed) outbox.add(end.sends, { turn: end.turn, cause: end.seq });
    if (end.data !== null) {
      const fields = { reason: SHUTDOWN_REASON, by: null, data: end.data };
      journal.append({ type: "actor.stopped", about: "", turn: 0, fields });
      cell.set("status", "stopped");
      cell.set("reason", SHUTDOWN_REASON);
    } else if (message.about === INIT && !end.committed) {
      // An actor that could not begin has no state to go on from.
      const fields = { reason: "init-failed", by: null, data: null };
      journal.append({ type: "actor.stopped", about: "", turn: 0, fields });
      cell.set("status", "failed");
      cell.set("reason", "init-failed");
    }
    arm();
  }
}
