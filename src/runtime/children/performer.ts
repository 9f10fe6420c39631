// Carries out what the policy has decided: gives each order until the child has acknowledged it, in this life of the
// object or in another.
//
// Invariant: without an answer nothing is noted, except that a child whose object answers nothing for
// UNREACHABLE_MS_MAX is given up, on record, and its kill stays owed: it ends as unreachable, or could not start.

import { ensureTheaterError, TheaterError } from "../../lib/errors.ts";
import type { Action, Observation } from "../../supervision/execute.ts";
import type { Deadlocks } from "../mail/deadlocks.ts";
import type { ActorRpc } from "../protocol.ts";
import type { Journal } from "../record/journal.ts";
import type { Value } from "../../chain/value.ts";
import type { ChildRow, ChildRows } from "./child-rows.ts";
import { UNREACHABLE, type Exits } from "./exits.ts";
import { answersAtAll, give, isFinal, kindOf, observed, settleKill } from "./give-order.ts";
import type { OwedKill, OwedKills } from "./owed-kills.ts";
import { Silence } from "./silence.ts";

type Order = Exclude<Action, { do: "end" }>;

interface PerformerParts {
  journal: Journal;
  rows: ChildRows;
  exits: Exits;
  owed: OwedKills;
  deadlocks: Deadlocks;
  peer: (id: string) => ActorRpc;
  /** How long an object may be silent, ms. */
  unreachableMs: number;
  /** Composes the genesis of a child of the manifest, and notes it as a row. */
  conceive: (name: string) => Promise<ChildRow>;
  /** Puts what is too large for a payload aside, and then calls `write`. */
  keep: (value: Value, write: () => void) => Promise<void>;
  /** Tells the policy, in a transaction. */
  see: (observation: Observation) => void;
  /** After it. */
  settled: () => void;
}

export class Performer {
  readonly #parts: PerformerParts;
  readonly #performing = new Set<string>();
  readonly #silence: Silence;

  constructor(parts: PerformerParts) {
    this.#parts = parts;
    this.#silence = new Silence(parts.unreachableMs);
  }

  /** Does what is in flight, or owed, and not being done. */
  act(actions: readonly Action[]): void {
    this.#silence.keep(new Set(actions.map(({ operation }) => operation)));
    for (const action of actions) {
      if (action.do !== "end") this.#once(action.operation, () => this.#perform(action));
    }
    for (const kill of this.#parts.owed.all) {
      const operation = `owed/${kill.actor}/${kill.incarnation}`;
      this.#once(operation, () => this.#settleKill(kill, operation));
    }
  }

  #once(operation: string, work: () => Promise<void>): void {
    if (this.#performing.has(operation)) return;
    this.#performing.add(operation);
    void work().finally(() => this.#performing.delete(operation));
  }

  /** Gives one order. Without an answer the alarm has it given again. */
  async #perform(action: Order): Promise<void> {
    const { rows, journal, deadlocks, peer, unreachableMs } = this.#parts;
    const { child, operation } = action;
    this.#silence.begin(operation);
    let row: ChildRow | undefined;
    try {
      row = rows.byName(child) ?? (await this.#conceived(action));
      // More than one try before it is given up.
      const given = { action, row, peer, parent: journal.actor, patienceMs: unreachableMs / 2 };
      await this.#note(action, row, await deadlocks.ordering(row.actor, () => give(given)));
    } catch (thrown) {
      if (!(await this.#noteSilence(action, row, thrown))) return;
    }
    this.#parts.settled();
  }

  async #note(
    action: Order,
    row: ChildRow,
    obeyed: Awaited<ReturnType<typeof give>>,
  ): Promise<void> {
    const { rows, journal, exits, keep, see } = this.#parts;
    const { child, incarnation } = action;
    const note = (): void =>
      journal.transaction(() => {
        if (obeyed.saw !== "unborn") rows.noteBorn(child); // it has answered
        if (obeyed.saw === "stopped") exits.noteStopped(row, incarnation, obeyed);
        if (obeyed.saw === "started") this.#settleStarts(row, incarnation);
        see(observed({ child, incarnation }, obeyed));
      });
    const data = obeyed.saw === "stopped" ? (obeyed.notice?.data ?? null) : null;
    if (data === null) note();
    else await keep(data, note);
  }

  /** False where nothing follows from it yet. */
  async #noteSilence(action: Order, row: ChildRow | undefined, thrown: unknown): Promise<boolean> {
    const { journal, see } = this.#parts;
    const { child, incarnation } = action;
    const { code, message } = ensureTheaterError(thrown);
    if (action.do === "start" && isFinal(thrown)) {
      const detail = `${code}: ${message}`;
      const seen = { saw: "start-failed", child, incarnation, kind: kindOf(code), detail } as const;
      journal.transaction(() => see(seen));
    } else if (action.do !== "start" && code === "not-found") {
      const seen = { saw: "stopped", child, incarnation } as const; // it was never born
      journal.transaction(() => see(seen));
    } else if (row !== undefined && (await this.#isGivenUp(action, row))) {
      this.#giveUp(action, row);
    } else {
      return false;
    }
    return true;
  }

  /** One that may take for ever, to end or to begin, is given up only where its object answers nothing else either. */
  async #isGivenUp(action: Order, { actor }: ChildRow): Promise<boolean> {
    const { peer, unreachableMs } = this.#parts;
    const { operation } = action;
    const isPatient = action.do !== "kill";
    if (isPatient && (await answersAtAll(peer(actor), unreachableMs))) {
      this.#silence.heard(operation);
      return false;
    }
    return this.#silence.isTooLong(operation);
  }

  /** Whether an order to start has arrived nobody knows: such a child has not started, and must not run either. */
  #giveUp(action: Order, row: ChildRow): void {
    const { journal, exits, owed, see, unreachableMs } = this.#parts;
    const { child, incarnation } = action;
    journal.transaction(() => {
      owed.add(row, incarnation);
      if (action.do === "start") {
        const detail = `${UNREACHABLE}: its object has not answered for ${unreachableMs} ms`;
        see({ saw: "start-failed", child, incarnation, kind: "host", detail });
      } else {
        exits.note(row, incarnation, { head: null, reason: UNREACHABLE });
        see({ saw: "stopped", child, incarnation });
      }
    });
  }

  /** In a transaction: a later start has been obeyed, so those that were given up before it never will be. */
  #settleStarts({ actor, exited }: ChildRow, incarnation: number): void {
    const { owed } = this.#parts;
    for (const kill of owed.all) {
      const isStart = kill.actor === actor && kill.incarnation > exited;
      if (isStart && kill.incarnation < incarnation) owed.settle(kill);
    }
  }

  async #settleKill(kill: OwedKill, operation: string): Promise<void> {
    const { journal, exits, owed, peer } = this.#parts;
    try {
      const obeyed = await settleKill({ kill, operation, peer, parent: journal.actor });
      journal.transaction(() => {
        const isOwed = owed.all.some(
          ({ actor, incarnation }) => actor === kill.actor && incarnation === kill.incarnation,
        );
        owed.settle(kill);
        if (isOwed && obeyed.saw === "stopped") exits.noteLate(kill.actor, obeyed);
      });
    } catch (thrown) {
      if (ensureTheaterError(thrown).code !== "not-found") return; // the alarm has it given again
      journal.transaction(() => owed.settle(kill));
    }
  }

  async #conceived(action: Order): Promise<ChildRow> {
    if (action.do === "start") return await this.#parts.conceive(action.child);
    throw new TheaterError("not-found", "This actor has no such child.");
  }
}
