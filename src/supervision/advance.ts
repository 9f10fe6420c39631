// A supervisor as one state machine: whatever happens goes in, decisions to record and actions to perform
// come out. Invariants: one plan at a time has actions in flight; what happens meanwhile waits in the
// queue, except the supervisor's own end, which goes before everything; nothing here acts.

import { TheaterError } from "../lib/errors.ts";
import { findChild, withChild, withoutChild, type Child, type Supervisor } from "./children.ts";
import { decide, type Moment } from "./decide.ts";
import { awaits, next, outstanding, type Action, type Observation } from "./execute.ts";
import type { OpenPlan, Plan } from "./plan.ts";
import { CHILDREN_MAX, type SupervisorSpec } from "./spec.ts";
import type { Decision, Trigger } from "./trigger.ts";

/** Commands that may wait while a plan is under way; one exit per child waits besides. */
export const COMMANDS_MAX = CHILDREN_MAX;

/** Null: only time passed. */
export type Input = { readonly trigger: Trigger } | { readonly observation: Observation } | null;

export interface Advance {
  readonly supervisor: Supervisor;
  /** In order; each is one event. Store them with `supervisor` in one transaction, then act. */
  readonly decisions: readonly Decision[];
  /** To perform now, in order. After a crash `inFlight` has those that may be lost. */
  readonly actions: readonly Action[];
  /** Call again with null at this time; null: nothing is due. */
  readonly wakeMs: number | null;
}

/** Throws `busy` when too many commands wait; nothing has happened then. */
export function advance(
  spec: SupervisorSpec,
  supervisor: Supervisor,
  input: Input,
  moment: Moment,
): Advance {
  const walk = new Walk(spec, supervisor, moment);
  if (input !== null && "trigger" in input) walk.take(input.trigger);
  if (input !== null && "observation" in input) walk.observe(input.observation);
  return walk.settle();
}

/** The actions of the plan that is under way: perform them again after a crash, by their operation ids. */
export function inFlight({ plans }: Supervisor): Action[] {
  return plans.flatMap(outstanding);
}

/** One call of `advance`; lives as long as that. */
class Walk {
  readonly #spec: SupervisorSpec;
  readonly #moment: Moment;
  readonly #decisions: Decision[] = [];
  readonly #actions: Action[] = [];
  #supervisor: Supervisor;

  constructor(spec: SupervisorSpec, supervisor: Supervisor, moment: Moment) {
    this.#spec = spec;
    this.#supervisor = supervisor;
    this.#moment = moment;
  }

  take(trigger: Trigger): void {
    // A child that is born runs already, and nobody may forget it; the end waits for nothing.
    if (trigger.on === "shutdown") return this.#end(trigger);
    if (trigger.on === "add-child") return this.#decide(trigger);
    const { queue } = this.#supervisor;
    if (trigger.on === "exit") {
      const { child, incarnation } = trigger;
      this.observe({ saw: "stopped", child, incarnation });
      if (queue.some((each) => isSameExit(each, trigger))) return;
    } else if (trigger.on !== "discard-child" && commandsIn(queue) >= COMMANDS_MAX) {
      const message =
        "Too many commands wait for this supervisor: repeat it when its plan is done.";
      throw new TheaterError("busy", message);
    }
    this.#enqueue(trigger);
  }

  /** A beginning that waits is called off with it. */
  #end(trigger: Trigger): void {
    const queue = this.#supervisor.queue.filter(({ on }) => on !== "boot");
    this.#supervisor = { ...this.#supervisor, queue };
    this.#decide(trigger);
  }

  observe(observation: Observation): void {
    const open = this.#supervisor.plans.find((each) => awaits(each, observation));
    if (open === undefined) return;
    this.#apply(open.plan, observation);
    this.#move(open, observation);
  }

  settle(): Advance {
    for (;;) {
      const open = this.#runnable();
      if (open !== undefined) {
        if (this.#move(open, null) === "acting") break;
        continue;
      }
      const [trigger, ...queue] = this.#supervisor.queue;
      if (trigger === undefined) break; // every round closes a plan's step or takes one from the queue
      this.#supervisor = { ...this.#supervisor, queue };
      this.#decide(trigger);
    }
    const { nowMs } = this.#moment;
    const wakes = this.#supervisor.plans.map(
      ({ plan, cursor }) => next(plan, cursor, null, nowMs).wakeMs ?? Infinity,
    );
    const wakeMs = Math.min(...wakes);
    return {
      supervisor: this.#supervisor,
      decisions: this.#decisions,
      actions: this.#actions,
      wakeMs: wakeMs === Infinity ? null : wakeMs,
    };
  }

  #decide(trigger: Trigger): void {
    const { decision, supervisor } = decide(this.#spec, this.#supervisor, trigger, this.#moment);
    this.#supervisor = supervisor;
    this.#decisions.push(decision);
  }

  /** The plan with actions in flight, or the oldest one that may go on. */
  #runnable(): OpenPlan | undefined {
    const { plans } = this.#supervisor;
    const flying = plans.find(({ cursor }) => cursor.issuedMs !== null);
    return flying ?? plans.find((open) => isDue(open, this.#moment.nowMs));
  }

  #move({ plan, cursor }: OpenPlan, observation: Observation | null): string {
    const progress = next(plan, cursor, observation, this.#moment.nowMs);
    this.#actions.push(...progress.actions);
    for (const action of progress.actions) {
      if (action.do !== "start") continue;
      this.#change(action.child, { alive: action.incarnation }); // from here on it may run
    }
    const closed = progress.status === "done" || progress.status === "failed";
    const plans = this.#supervisor.plans.flatMap((open) => {
      if (open.plan.id !== plan.id) return [open];
      return closed ? [] : [{ plan, cursor: progress.cursor }];
    });
    const ended = plan.origin === "ending" && progress.status === "done";
    this.#supervisor = { ...this.#supervisor, plans, ...(ended ? { phase: "ended" } : {}) };
    return progress.status;
  }

  #apply(plan: Plan, seen: Observation): void {
    const child = findChild(this.#supervisor, seen.child);
    if (child === undefined) return;
    switch (seen.saw) {
      case "started":
        return this.#change(seen.child, { state: "running", startedMs: this.#moment.nowMs });
      case "stopped":
        if (forgets(plan, seen)) {
          this.#supervisor = withoutChild(this.#supervisor, seen.child);
          return;
        }
        return this.#change(seen.child, { alive: null });
      case "start-failed": {
        const { child: id, incarnation, kind, detail, evidence } = seen;
        const from = startedFrom(plan, seen) ?? child.spec.startFrom;
        this.#change(id, { alive: null, state: "restarting", lastExit: kind });
        const { origin } = plan;
        const on = "start-failed" as const;
        const known = evidence === undefined ? {} : { evidence };
        const failed = { on, child: id, incarnation, kind, detail, ...known, from, origin };
        if (origin === "restart") return this.#tryAgain(failed);
        const queue = [failed, ...this.#supervisor.queue]; // OTP: part of init, or of the call
        this.#supervisor = { ...this.#supervisor, queue };
      }
    }
  }

  /** Behind others, as OTP's message to itself; in the place of one about an earlier start, if one waits. */
  #tryAgain(failed: Extract<Trigger, { on: "start-failed" }>): void {
    const { queue } = this.#supervisor;
    const isEarlier = (each: Trigger): boolean =>
      each.on === "start-failed" && each.child === failed.child;
    if (!queue.some(isEarlier)) return this.#enqueue(failed);
    const replaced = queue.map((each) => (isEarlier(each) ? failed : each));
    this.#supervisor = { ...this.#supervisor, queue: replaced };
  }

  #enqueue(trigger: Trigger): void {
    const queue = [...this.#supervisor.queue, trigger];
    this.#supervisor = { ...this.#supervisor, queue };
  }

  #change(id: string, change: Partial<Child>): void {
    this.#supervisor = withChild(this.#supervisor, id, change);
  }
}

/** Whether it is going to begin once the plan that is under way is done. */
export function isToBoot({ queue }: Supervisor): boolean {
  return queue.some(({ on }) => on === "boot");
}

/** Those that may be refused. What is discarded is not: there are never more than there are children. */
function commandsIn(queue: readonly Trigger[]): number {
  return queue.filter(({ on }) => on !== "exit" && on !== "discard-child").length;
}

function isDue({ plan, cursor }: OpenPlan, nowMs: number): boolean {
  const step = plan.steps[cursor.step];
  return step?.do !== "start" || step.notBeforeMs <= nowMs;
}

function isSameExit(a: Trigger, b: Extract<Trigger, { on: "exit" }>): boolean {
  return a.on === "exit" && a.child === b.child && a.incarnation === b.incarnation;
}

function forgets(plan: Plan, seen: Observation): boolean {
  return plan.steps.some(
    (step) =>
      step.do === "stop" &&
      step.targets.some(
        ({ child, incarnation, forget }) =>
          forget && child === seen.child && incarnation === seen.incarnation,
      ),
  );
}

function startedFrom(plan: Plan, seen: Observation): "last-state" | "init" | undefined {
  for (const step of plan.steps) {
    if (step.do !== "start" || step.child !== seen.child) continue;
    if (step.incarnation === seen.incarnation) return step.from;
  }
  return undefined;
}
