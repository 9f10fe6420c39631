// Walks a plan. Pure: the runtime performs the actions, tells what it saw, and stores the cursor. Invariant:
// an action is handed out again (after a crash) with the same operation id, and only the answer of the
// very incarnation moves the cursor.

import type { Cursor, EndKind, OpenPlan, Plan, Step, StopTarget } from "./plan.ts";
import type { Value } from "../chain/value.ts";
import type { ExitKind, StartFrom } from "./spec.ts";

/** What the runtime must do. Repeating an operation must get the same acknowledgement. */
export type Action =
  /** Ask the child to end in good order. By `deadlineMs` (null: never) a `kill` follows. */
  | {
      readonly do: "stop";
      readonly operation: string;
      readonly child: string;
      readonly incarnation: number;
      readonly deadlineMs: number | null;
    }
  | {
      readonly do: "kill";
      readonly operation: string;
      readonly child: string;
      readonly incarnation: number;
    }
  | {
      readonly do: "start";
      readonly operation: string;
      readonly child: string;
      readonly incarnation: number;
      readonly from: StartFrom;
      readonly by: string | null;
    }
  /** End the supervisor itself: close, status, notice to its own parent in one transaction. No answer. */
  | {
      readonly do: "end";
      readonly operation: string;
      readonly kind: EndKind;
      readonly reason: string;
    };

/** What the runtime saw. `stopped`: this incarnation is down and stays down, for whatever reason. */
export type Observation =
  | { readonly saw: "stopped"; readonly child: string; readonly incarnation: number }
  | { readonly saw: "started"; readonly child: string; readonly incarnation: number }
  | {
      readonly saw: "start-failed";
      readonly child: string;
      readonly incarnation: number;
      readonly kind: ExitKind;
      readonly detail: string;
      readonly evidence?: Value;
    };

export interface Progress {
  readonly cursor: Cursor;
  /** New actions only; `outstanding` has all that are in flight. */
  readonly actions: readonly Action[];
  /**
   * `acting`: actions are in flight. `parked`: a delayed start is next and nothing is in flight, so other
   * plans may go first. `failed`: a start failed; what comes after it does not happen.
   */
  readonly status: "acting" | "parked" | "done" | "failed";
  /** When to call again without an observation; null where only an observation helps. */
  readonly wakeMs: number | null;
}

/** One move. `observation` null: time passed, or the plan is new. An observation of other things is ignored. */
export function next(
  plan: Plan,
  cursor: Cursor,
  observation: Observation | null,
  nowMs: number,
): Progress {
  const actions: Action[] = [];
  let at = cursor;
  let seen = observation;
  for (; at.step < plan.steps.length;) {
    const step = plan.steps[at.step] as Step;
    if (at.issuedMs === null) {
      if (step.do === "start" && step.notBeforeMs > nowMs) {
        return { cursor: at, actions, status: "parked", wakeMs: step.notBeforeMs };
      }
      at = { ...at, issuedMs: nowMs, waiting: childrenOf(step) };
      actions.push(...actionsOf(plan.id, at, step));
    }
    if (seen !== null && answers(step, at, seen)) {
      const { child, saw } = seen;
      if (saw === "start-failed") return { cursor: at, actions, status: "failed", wakeMs: null };
      at = { ...at, waiting: at.waiting.filter((each) => each !== child) };
      seen = null;
    }
    if (at.waiting.length > 0) {
      const killed = killOverdue(plan.id, at, step, nowMs);
      actions.push(...killed.actions);
      return { cursor: killed.cursor, actions, status: "acting", wakeMs: killed.wakeMs };
    }
    at = { step: at.step + 1, issuedMs: null, waiting: [], killing: [] };
  }
  return { cursor: at, actions, status: "done", wakeMs: null };
}

/** All actions in flight, for a runtime that woke up and does not know what it had sent. */
export function outstanding({ plan, cursor }: OpenPlan): Action[] {
  const step = plan.steps[cursor.step];
  return step === undefined || cursor.issuedMs === null ? [] : actionsOf(plan.id, cursor, step);
}

/** Whether the plan waits for just this: nothing else moves it. */
export function awaits({ plan, cursor }: OpenPlan, observation: Observation): boolean {
  const step = plan.steps[cursor.step];
  return step !== undefined && cursor.issuedMs !== null && answers(step, cursor, observation);
}

function childrenOf(step: Step): string[] {
  switch (step.do) {
    case "stop":
      return step.targets.map(({ child }) => child);
    case "start":
      return [step.child];
    case "end":
      return [];
  }
}

function answers(step: Step, cursor: Cursor, seen: Observation): boolean {
  if (!cursor.waiting.includes(seen.child)) return false;
  if (step.do === "start") return seen.saw !== "stopped" && step.incarnation === seen.incarnation;
  if (step.do === "end" || seen.saw !== "stopped") return false;
  return step.targets.some(
    ({ child, incarnation }) => child === seen.child && incarnation === seen.incarnation,
  );
}

function actionsOf(plan: number, cursor: Cursor, step: Step): Action[] {
  const operation = (name: string): string => `${plan}/${cursor.step}/${name}`;
  switch (step.do) {
    case "stop":
      return step.targets
        .filter(({ child }) => cursor.waiting.includes(child))
        .map((target): Action => {
          const { child, incarnation } = target;
          if (target.limit === "brutal-kill" || cursor.killing.includes(child)) {
            return { do: "kill", operation: operation(`kill/${child}`), child, incarnation };
          }
          const deadlineMs = deadline(target, cursor.issuedMs ?? 0);
          return {
            do: "stop",
            operation: operation(`stop/${child}`),
            child,
            incarnation,
            deadlineMs,
          };
        });
    case "start": {
      const { child, incarnation, from, by } = step;
      const named = operation(`start/${child}`);
      return [{ do: "start", operation: named, child, incarnation, from, by }];
    }
    case "end":
      return [{ do: "end", operation: operation("end"), kind: step.kind, reason: step.reason }];
  }
}

function deadline({ limit }: StopTarget, issuedMs: number): number | null {
  return typeof limit === "number" ? issuedMs + limit : null;
}

/** Whoever outlived its limit is killed, once; `wakeMs` is when the next one is due. */
function killOverdue(
  plan: number,
  cursor: Cursor,
  step: Step,
  nowMs: number,
): { cursor: Cursor; actions: Action[]; wakeMs: number | null } {
  if (step.do !== "stop") return { cursor, actions: [], wakeMs: null };
  const open = step.targets.filter(
    ({ child }) => cursor.waiting.includes(child) && !cursor.killing.includes(child),
  );
  const due = (target: StopTarget): number => deadline(target, cursor.issuedMs ?? 0) ?? Infinity;
  const overdue = open.filter((target) => due(target) <= nowMs).map(({ child }) => child);
  const later = Math.min(...open.map(due).filter((at) => at > nowMs));
  const killing = { ...cursor, killing: [...cursor.killing, ...overdue] };
  const kills = actionsOf(plan, { ...killing, waiting: overdue }, step);
  return { cursor: killing, actions: kills, wakeMs: later === Infinity ? null : later };
}
