// Keeps an actor's children as its policy says. The policy itself is src/supervision, pure; here what
// happens is given to it, what it decides is written down, and what follows is done.
//
// Invariants: a decision, the end that caused it and the plan that follows are one transaction; an order is
// given only after that, and again after every crash, until it is acknowledged.

import type { Value } from "../../chain/value.ts";
import { TheaterError } from "../../lib/errors.ts";
import { advance, inFlight, isToBoot, type Input } from "../../supervision/advance.ts";
import { findChild, NEW_SUPERVISOR, type Supervisor } from "../../supervision/children.ts";
import type { EndKind, Step } from "../../supervision/plan.ts";
import type { SupervisorSpec } from "../../supervision/spec.ts";
import type { Decision, Trigger } from "../../supervision/trigger.ts";
import type { Deadlocks } from "../mail/deadlocks.ts";
import type { ActorRpc } from "../protocol.ts";
import type { Journal } from "../record/journal.ts";
import { SteadyClock } from "../timers/steady-clock.ts";
import type { ChildRow, ChildRows } from "./child-rows.ts";
import { Exits } from "./exits.ts";
import { evidenceOf } from "./give-order.ts";
import type { Notice } from "./orders.ts";
import { OwedKills } from "./owed-kills.ts";
import { Performer } from "./performer.ts";

interface KeeperParts {
  sql: SqlStorage;
  journal: Journal;
  rows: ChildRows;
  spec: SupervisorSpec;
  peer: (id: string) => ActorRpc;
  deadlocks: Deadlocks;
  /** See Performer. */
  unreachableMs: number;
  /** Whether the actor may have children running: it runs itself, or is paused. */
  mayRun: () => boolean;
  /** The turn that is running and has acted, if there is one. */
  openTurn: () => number | undefined;
  /** Puts what is too large for a payload aside, and then calls `write`. */
  keep: (value: Value, write: () => void) => Promise<void>;
  /** Composes the genesis of a child of the manifest, and notes it as a row. */
  conceive: (name: string) => Promise<ChildRow>;
  /** In the transaction that records an end that nobody here ordered: tells the guest, if it wants to know. */
  tellGuest: (row: ChildRow, notice: Notice) => void;
  /** In the transaction that ends the supervisor itself. */
  onEnd: (kind: EndKind, reason: string) => void;
  /** After a transaction that left something to do. */
  settled: () => void;
}

/** How often one looks who waits for its children to end: moves of the policy and what is due wake it besides. */
const LOOK_MS_MAX = 5_000;

export class Keeper {
  readonly #parts: KeeperParts;
  readonly #owed: OwedKills;
  readonly #exits: Exits;
  readonly #performer: Performer;
  readonly #clock = new SteadyClock();
  #waiting: (() => void)[] = [];
  /** How many are in `ending`. */
  #orders = 0;
  /** The row `supervisor`, once it was read. */
  #known: { supervisor: Supervisor; wakeMs: number | undefined } | undefined;

  constructor(parts: KeeperParts) {
    this.#parts = parts;
    this.#owed = new OwedKills(parts.sql);
    this.#exits = new Exits(parts);
    this.#performer = new Performer({
      ...parts,
      owed: this.#owed,
      exits: this.#exits,
      see: (observation) => void this.#step({ observation }),
      settled: () => this.#settle(),
    });
  }

  get state(): Supervisor {
    return this.#row.supervisor;
  }

  /** When the policy wants to be asked again, ms since the epoch by the machine's clock. */
  get wakeMs(): number | undefined {
    const { wakeMs } = this.#row;
    if (wakeMs === undefined) return undefined;
    return wakeMs - this.#nowMs() + Date.now();
  }

  /**
   * Delays and times to end go on by it where the machine's clock was put back. Not the clock of a turn that may be
   * running: that one stands still, and a child's time to end does not.
   */
  #nowMs(): number {
    return this.#clock.nowMs(this.#parts.journal.head.time);
  }

  /** Kept in memory: every turn asks, and a thousand children are a third of a megabyte of JSON. */
  get #row(): { supervisor: Supervisor; wakeMs: number | undefined } {
    if (this.#known !== undefined) return this.#known;
    const query = "SELECT state, wake FROM supervisor";
    const [row] = this.#parts.sql.exec<{ state: string; wake: number | null }>(query).toArray();
    this.#known =
      row === undefined
        ? { supervisor: NEW_SUPERVISOR, wakeMs: undefined }
        : { supervisor: JSON.parse(row.state) as Supervisor, wakeMs: row.wake ?? undefined };
    return this.#known;
  }

  /** After a transaction that was undone. */
  forget(): void {
    this.#owed.forget();
    this.#known = undefined;
  }

  /** Whether orders have been given and not been acknowledged. */
  get isPending(): boolean {
    return inFlight(this.state).length > 0 || this.#owed.all.length > 0;
  }

  /** Begins with the children of the manifest and those that an earlier life had. In no transaction. */
  ensureUp(): void {
    const { phase } = this.state;
    // One that waits behind the end of a discarded child is enough: every turn asks.
    if (phase === "up" || phase === "ending" || isToBoot(this.state)) return;
    if (this.#orders > 0 || !this.#parts.mayRun()) return;
    this.#inTransaction({ trigger: { on: "boot" } });
  }

  /**
   * Ends all children, the last one first; when they are down, does `then`, which ends the actor: meanwhile
   * none comes up again, whatever a turn does that is still running. `brutal`: they get no time for it.
   */
  async ending<T>(
    end: { kind: "shutdown" | "stopped"; reason: string; brutal: boolean },
    then: () => Promise<T>,
  ): Promise<T> {
    this.#orders++;
    try {
      const { phase } = this.state;
      const isToHurry = phase === "ending" && end.brutal;
      if (phase === "up" || isToHurry || isToBoot(this.state)) {
        this.command({ on: "shutdown", ...end });
      }
      const lookMs = Math.min(LOOK_MS_MAX, this.#parts.unreachableMs);
      while (this.state.phase === "ending") await this.#change(lookMs);
      return await then();
    } finally {
      this.#orders--;
    }
  }

  /** Gives the policy something to decide about, in a transaction of the caller's; then call `act`. */
  decide(trigger: Trigger): readonly Decision[] {
    return this.#step({ trigger });
  }

  /** As `decide`, in a transaction of its own, with whatever `note` writes; and acts. */
  command(trigger: Trigger, note = (): void => undefined): readonly Decision[] {
    return this.#inTransaction({ trigger }, note);
  }

  /** Time has passed, or a new life has begun. */
  tick(): void {
    const { wakeMs } = this.#row;
    if (wakeMs !== undefined && wakeMs <= this.#nowMs()) this.#inTransaction(null);
    this.act();
  }

  /** A child is down and says so. Said twice, it is recorded once. Throws `not-found` for a stranger. */
  async take(notice: Notice): Promise<void> {
    const { data } = notice;
    await this.#parts.keep(data === null ? null : data, () => this.#take(notice));
  }

  #take(notice: Notice): void {
    const { rows, journal } = this.#parts;
    const row = rows.byActor(notice.child);
    if (row === undefined) {
      throw new TheaterError("not-found", "This actor has no such child.", { child: notice.child });
    }
    const newest = Math.max(row.exited, findChild(this.state, row.name)?.incarnation ?? 0);
    // Or no later end of it would be taken any more.
    if (notice.incarnation > newest) {
      const message = "This actor has not started the child as that incarnation.";
      throw new TheaterError("not-found", message, { incarnation: notice.incarnation });
    }
    if (notice.isDeleted) return this.#strike(row, notice);
    if (notice.incarnation <= row.exited) return this.#hold(row, notice);
    journal.transaction(() => {
      const { incarnation, kind, detail, head } = notice;
      // It has ended before the answer to its birth was heard here.
      if (row.call !== null && !row.born) this.noteBorn(row);
      this.#exits.note(row, incarnation, { head, reason: kind });
      const evidence = evidenceOf(head);
      this.#step({ trigger: { on: "exit", child: row.name, incarnation, kind, detail, evidence } });
      this.#parts.tellGuest(row, notice);
    });
    this.#settle();
  }

  /** One that had ended already was stopped since: then it is not to be started again. */
  #hold({ name, exited }: ChildRow, { incarnation, kind, by }: Notice): void {
    const child = findChild(this.state, name);
    const isToStart = child !== undefined && child.alive === null && child.state !== "stopped";
    if (kind !== "stopped" || incarnation !== exited || !isToStart) return;
    this.command({ on: "stop-child", child: name, by });
  }

  /** An operator has deleted it: whatever was meant to become of it, it leaves the list. */
  #strike(row: ChildRow, { incarnation, head, by }: Notice): void {
    const { name: child } = row;
    const listed = (): boolean => findChild(this.state, child) !== undefined;
    const { state, alive } = findChild(this.state, child) ?? { state: "stopped", alive: null };
    this.#parts.journal.transaction(() => {
      this.#exits.note(row, incarnation, { head, reason: "stopped" });
      const isDown = state === "stopped" && alive === null;
      if (!isDown) this.#step({ trigger: { on: "stop-child", child, by } });
      const evidence = evidenceOf(head);
      if (listed()) this.#step({ trigger: { on: "delete-child", child, by, evidence } });
    });
    this.#settle();
  }

  /** In a transaction: a spawned child was born, and is on the list unless the supervisor is ending. */
  noteBorn({ name }: ChildRow): void {
    const { rows, spec } = this.#parts;
    const row = rows.byName(name);
    if (row === undefined || row.born) return; // it may even have ended since
    rows.noteBorn(name);
    if (this.state.phase !== "up") return;
    this.decide({ on: "add-child", spec: { id: name, ...spec.spawned }, incarnation: 0 });
  }

  /** Does what is in flight, or owed, and not being done. */
  act(): void {
    this.#performer.act(inFlight(this.state));
  }

  /**
   * Resolves when the policy has nothing under way any more, with this child or at all, or after `ms`;
   * whether it has not.
   */
  async isQuiet(ms: number, child?: string): Promise<boolean> {
    const deadline = this.#nowMs() + ms;
    for (;;) {
      if (!this.#isBusy(child)) return true;
      const left = deadline - this.#nowMs();
      if (left <= 0) return false;
      await this.#change(left);
    }
  }

  #isBusy(child: string | undefined): boolean {
    const { plans, queue } = this.state;
    if (child === undefined) return plans.length > 0 || queue.length > 0;
    const isAbout = (trigger: Trigger): boolean => "child" in trigger && trigger.child === child;
    if (queue.some(isAbout)) return true;
    return plans.some(({ plan }) => plan.steps.flatMap(namesIn).includes(child));
  }

  /** Resolves after the next move of the policy, or after `ms`. What is due meanwhile waits for no alarm. */
  async #change(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    const dueMs = Math.max(0, (this.wakeMs ?? Infinity) - Date.now());
    const timer = setTimeout(resolve, Math.min(ms, dueMs));
    await promise;
    clearTimeout(timer);
    this.tick();
  }

  #inTransaction(input: Input, note = (): void => undefined): readonly Decision[] {
    const decisions = this.#parts.journal.transaction(() => {
      note();
      return this.#step(input);
    });
    this.#settle();
    return decisions;
  }

  #settle(): void {
    this.act();
    this.#parts.settled();
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** One move of the policy, in a transaction. */
  #step(input: Input): readonly Decision[] {
    const { spec, sql } = this.#parts;
    const before = this.state;
    const moment = { nowMs: this.#nowMs(), seed: crypto.getRandomValues(new Uint8Array(32)) };
    const { supervisor, decisions, actions, wakeMs } = advance(spec, before, input, moment);
    for (const decision of decisions) this.#record(decision);
    const state = JSON.stringify(supervisor);
    sql.exec("INSERT OR REPLACE INTO supervisor VALUES (1, ?, ?)", state, wakeMs);
    this.#known = { supervisor, wakeMs: wakeMs ?? undefined };
    for (const action of actions) {
      // Who ordered it ends the actor as well; nobody else will.
      if (action.do === "end" && this.#orders === 0) this.#parts.onEnd(action.kind, action.reason);
    }
    const known = new Set(supervisor.children.map((child) => child.spec.id));
    for (const { spec: child } of before.children) if (!known.has(child.id)) this.#forget(child.id);
    return decisions;
  }

  /** The turn that spawned it finds it by its call until it ends: or it would be born again after a crash. */
  #forget(name: string): void {
    const { rows, openTurn } = this.#parts;
    const row = rows.byName(name);
    if (row !== undefined && (row.call === null || row.turn !== openTurn())) rows.remove(name);
  }

  #record({ id, trigger, verdict, strategy, reason, plan, window }: Decision): void {
    if (verdict === "superseded" && plan === null) return; // about the past, and nothing follows
    const { journal, rows } = this.#parts;
    const steps = plan?.steps ?? [];
    const names = new Set(steps.flatMap(namesIn));
    const children = [...names].flatMap((name) => rows.byName(name)?.actor ?? []);
    const fields = {
      decision: id,
      cause: causeOf(trigger),
      strategy,
      action: verdict,
      reason,
      children,
      steps: steps as unknown as Value,
      window: [...window],
    };
    journal.append({ type: "supervision.decided", about: "", turn: 0, fields });
  }
}

function namesIn(step: Step): string[] {
  if (step.do === "stop") return step.targets.map(({ child }) => child);
  return step.do === "start" ? [step.child] : [];
}

/** A trigger as the chain has it: the policy of a spawned child has floats, and is in its own manifest. */
function causeOf(trigger: Trigger): Value {
  if (!("spec" in trigger)) return trigger as unknown as Value;
  return { on: trigger.on, child: trigger.spec.id, incarnation: trigger.incarnation };
}
