// Keeps an actor's children as its policy says. The policy itself is src/supervision, pure; here what
// happens is given to it, what it decides is written down, and what follows is done.
//
// Invariants: a decision, the end that caused it and the plan that follows are one transaction; an order is
// given only after that, and again after every crash, until it is acknowledged.

import { cidText, parseCid } from "../../chain/cid.ts";
import { Link, type Value } from "../../chain/value.ts";
import { ensureTheaterError, TheaterError } from "../../lib/errors.ts";
import { advance, inFlight, type Input } from "../../supervision/advance.ts";
import { NEW_SUPERVISOR, type Supervisor } from "../../supervision/children.ts";
import type { Action, Observation } from "../../supervision/execute.ts";
import type { EndKind, Step } from "../../supervision/plan.ts";
import type { ExitKind, SupervisorSpec } from "../../supervision/spec.ts";
import type { Decision, Trigger } from "../../supervision/trigger.ts";
import type { ActorRpc } from "../protocol.ts";
import type { Journal } from "../record/journal.ts";
import { reached, settled } from "../answers.ts";
import type { ChildRow, ChildRows } from "./child-rows.ts";
import type { HeadMark, Notice, Obeyed } from "./orders.ts";

interface KeeperParts {
  sql: SqlStorage;
  journal: Journal;
  rows: ChildRows;
  spec: SupervisorSpec;
  peer: (id: string) => ActorRpc;
  /** Composes the genesis of a child of the manifest, and notes it as a row. */
  conceive: (name: string) => Promise<ChildRow>;
  /** In the transaction that records an end that nobody here ordered: tells the guest, if it wants to know. */
  tellGuest: (row: ChildRow, notice: Notice) => void;
  /** In the transaction that ends the supervisor itself. */
  onEnd: (kind: EndKind, reason: string) => void;
  /** After a transaction that left something to do. */
  settled: () => void;
}

type StoppedAnswer = Extract<Obeyed, { saw: "stopped" }>;

/** A child that does not answer for so long is asked again later. */
const ANSWER_MS_MAX = 30_000;

export class Keeper {
  readonly #parts: KeeperParts;
  readonly #performing = new Set<string>();
  #waiting: (() => void)[] = [];
  /** Whether somebody waits in `shutDown`. */
  #isOrdered = false;

  constructor(parts: KeeperParts) {
    this.#parts = parts;
  }

  get state(): Supervisor {
    const [row] = this.#parts.sql.exec<{ state: string }>("SELECT state FROM supervisor").toArray();
    return row === undefined ? NEW_SUPERVISOR : (JSON.parse(row.state) as Supervisor);
  }

  /** When the policy wants to be asked again, ms since the epoch. */
  get wakeMs(): number | undefined {
    const query = "SELECT wake FROM supervisor";
    return this.#parts.sql.exec<{ wake: number | null }>(query).toArray()[0]?.wake ?? undefined;
  }

  /** Whether orders have been given and not been acknowledged. */
  get isPending(): boolean {
    return inFlight(this.state).length > 0;
  }

  /** Begins with the children of the manifest and those that an earlier life had. In no transaction. */
  ensureUp(): void {
    const { phase } = this.state;
    if (phase === "up" || phase === "ending") return;
    this.#inTransaction({ trigger: { on: "boot" } });
  }

  /** Ends all children, the last one first, and resolves when they are down. Does nothing without any. */
  async shutDown(kind: "shutdown" | "stopped", reason: string): Promise<void> {
    const { phase, children } = this.state;
    if (phase === "ended" && !children.some((child) => child.alive !== null)) return;
    this.#isOrdered = true;
    try {
      if (phase === "up") this.command({ on: "shutdown", kind, reason });
      while (this.state.phase === "ending") await this.#change(ANSWER_MS_MAX);
    } finally {
      this.#isOrdered = false;
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
    const { wakeMs } = this;
    if (wakeMs !== undefined && wakeMs <= Date.now()) this.#inTransaction(null);
    this.act();
  }

  /** A child is down and says so. Said twice, it is recorded once. Throws `not-found` for a stranger. */
  take(notice: Notice): void {
    const { rows, journal } = this.#parts;
    const row = rows.byActor(notice.child);
    if (row === undefined) {
      throw new TheaterError("not-found", "This actor has no such child.", { child: notice.child });
    }
    if (notice.incarnation <= row.exited) return;
    journal.transaction(() => {
      this.#noteExit(row, notice.incarnation, notice.head, notice.kind);
      const { incarnation, kind, detail, head } = notice;
      // The policy keeps it as JSON until it decides.
      const evidence = { seq: head.seq, event: cidText(new Link("dag-cbor", head.digest)) };
      this.#step({ trigger: { on: "exit", child: row.name, incarnation, kind, detail, evidence } });
      this.#parts.tellGuest(row, notice);
    });
    this.#settle();
  }

  /** Does what is in flight and not being done. */
  act(): void {
    for (const action of inFlight(this.state)) {
      if (action.do === "end" || this.#performing.has(action.operation)) continue;
      this.#performing.add(action.operation);
      void this.#perform(action).finally(() => this.#performing.delete(action.operation));
    }
  }

  /** Resolves when the policy has nothing under way any more, or after `ms`; whether it has not. */
  async isQuiet(ms: number): Promise<boolean> {
    const deadline = Date.now() + ms;
    for (;;) {
      const { plans, queue } = this.state;
      if (plans.length === 0 && queue.length === 0) return true;
      const left = deadline - Date.now();
      if (left <= 0) return false;
      await this.#change(left);
    }
  }

  /** Resolves after the next move of the policy, or after `ms`. */
  async #change(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    const timer = setTimeout(resolve, ms);
    await promise;
    clearTimeout(timer);
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
    const { journal, spec, sql } = this.#parts;
    const before = this.state;
    const moment = { nowMs: journal.nowMs(), seed: crypto.getRandomValues(new Uint8Array(32)) };
    const { supervisor, decisions, actions, wakeMs } = advance(spec, before, input, moment);
    for (const decision of decisions) this.#record(decision);
    const state = JSON.stringify(supervisor);
    sql.exec("INSERT OR REPLACE INTO supervisor VALUES (1, ?, ?)", state, wakeMs);
    for (const action of actions) {
      // Who ordered it ends the actor as well; nobody else will.
      if (action.do === "end" && !this.#isOrdered) this.#parts.onEnd(action.kind, action.reason);
    }
    const known = new Set(supervisor.children.map((child) => child.spec.id));
    for (const { spec: child } of before.children) {
      if (!known.has(child.id)) this.#parts.rows.remove(child.id); // forgotten
    }
    return decisions;
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

  /** One that had failed before it was told to stop has failed, and its own notice will be the second one. */
  #noteStopped(row: ChildRow, incarnation: number, { head, notice }: StoppedAnswer): void {
    if (notice === null) this.#noteExit(row, incarnation, head, "shutdown");
    else if (this.#noteExit(row, incarnation, notice.head, notice.kind)) {
      this.#parts.tellGuest(row, notice);
    }
  }

  /** False if it is recorded already. */
  #noteExit(
    { name, actor }: ChildRow,
    incarnation: number,
    head: HeadMark,
    reason: string,
  ): boolean {
    const { journal, rows } = this.#parts;
    // Asked now: the child's own notice may have come while an order was on its way.
    if (incarnation <= (rows.byName(name)?.exited ?? -1)) return false;
    rows.noteExited(name, incarnation);
    const link = new Link("dag-cbor", head.digest);
    const fields = { child: actor, head: link, size: head.seq + 1, root: null, reason };
    journal.append({ type: "child.exited", about: "", turn: 0, fields });
    return true;
  }

  /** Gives one order. Without an answer nothing is noted: the alarm has it given again. */
  async #perform(action: Exclude<Action, { do: "end" }>): Promise<void> {
    const { rows, journal } = this.#parts;
    const { child, incarnation } = action;
    try {
      const row = rows.byName(child) ?? (await this.#parts.conceive(child));
      const obeyed = await inTime(
        action.do === "start" && !row.born
          ? this.#giveBirth(row, incarnation)
          : this.#order(row, action),
      );
      journal.transaction(() => {
        if (obeyed.saw === "started") rows.noteBorn(child);
        if (obeyed.saw === "stopped") this.#noteStopped(row, incarnation, obeyed);
        this.#step({ observation: observed({ child, incarnation }, obeyed) });
      });
    } catch (thrown) {
      const { code, message } = ensureTheaterError(thrown);
      if (action.do !== "start" && code === "not-found") {
        const seen = { saw: "stopped", child, incarnation } as const; // it was never born
        journal.transaction(() => this.#step({ observation: seen }));
        this.#settle();
        return;
      }
      if (action.do !== "start" || !isFinal(thrown)) return;
      const detail = `${code}: ${message}`;
      const seen = { saw: "start-failed", child, incarnation, kind: kindOf(code), detail } as const;
      journal.transaction(() => this.#step({ observation: seen }));
    }
    this.#settle();
  }

  async #giveBirth(row: ChildRow, incarnation: number): Promise<Obeyed> {
    const { actor, genesis, initState, asIs } = row;
    const birth = { genesis, initState, asIs, incarnation, createdMs: Date.now() };
    const { head } = settled(await reached(() => this.#parts.peer(actor).create(birth)));
    return { saw: "started", head: { seq: head.seq, digest: parseCid(head.cid).digest } };
  }

  async #order(row: ChildRow, action: Exclude<Action, { do: "end" }>): Promise<Obeyed> {
    const { peer, journal } = this.#parts;
    const { operation, incarnation } = action;
    const from = action.do === "start" ? action.from : "last-state";
    const order = { parent: journal.actor, operation, incarnation, what: action.do, from };
    return settled(await reached(() => peer(row.actor).obey(order)));
  }
}

function observed(of: { child: string; incarnation: number }, obeyed: Obeyed): Observation {
  if (obeyed.saw !== "start-failed") return { saw: obeyed.saw, ...of };
  const { saw, kind, detail } = obeyed;
  return { saw, kind, detail, ...of };
}

/** Refusals that asking again will not change. */
function isFinal(thrown: unknown): boolean {
  const { code } = ensureTheaterError(thrown);
  return !["outcome-unknown", "unavailable", "internal"].includes(code);
}

/** Why a child could not begin, by what its birth was answered with. */
function kindOf(code: string): ExitKind {
  if (code === "guest-error" || code === "guest-trap") return "trap";
  if (code === "limit-exceeded") return "limit";
  if (code === "too-slow") return "cut";
  return code === "not-found" ? "component-missing" : "host";
}

async function inTime<T>(answer: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const late = new TheaterError("outcome-unknown", "The child does not answer.");
  const timer = setTimeout(() => reject(late), ANSWER_MS_MAX);
  try {
    return await Promise.race([answer, promise]);
  } finally {
    clearTimeout(timer);
  }
}

function namesIn(step: Step): string[] {
  if (step.do === "stop") return step.targets.map(({ child }) => child);
  return step.do === "start" ? [step.child] : [];
}

/** A trigger as the chain has it: the policy of a spawned child has floats, and is in its own manifest. */
function causeOf(trigger: Trigger): Value {
  if (trigger.on !== "add-child") return trigger as unknown as Value;
  return { on: trigger.on, child: trigger.spec.id, incarnation: trigger.incarnation };
}
