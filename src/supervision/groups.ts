// Which children a failure concerns, and in which order they go down and come up: OTP's strategies.
// Invariant: nobody outside the strategy's scope is touched; stops go in reverse start order, starts in
// start order.

import { isRunning, type Child, type Running, type Supervisor } from "./children.ts";
import type { Steps } from "./outcome.ts";
import type { EndKind, OpenPlan, StartStep, Step, StopTarget } from "./plan.ts";
import type { StartFrom, SupervisorSpec } from "./spec.ts";
import type { Trigger } from "./trigger.ts";

/** Restarts a child that is down, with whoever its strategy ties to it. */
export function restartSteps(
  spec: SupervisorSpec,
  supervisor: Supervisor,
  failed: { readonly child: string; readonly from: StartFrom; readonly notBeforeMs: number },
): Steps {
  const scope = scopeOf(spec, supervisor.children, failed.child);
  const names = new Set(scope.map(({ spec: { id } }) => id));
  const stops = [...scope].reverse().filter(isRunning);
  // As in OTP a group starts whole: a transient child that had finished runs again.
  const starts = scope.filter((child) => child.spec.restart !== "temporary");
  const absorbed = supervisor.plans.filter((open) =>
    remainingStarts(open).some(({ child }) => names.has(child)),
  );
  const rest = taken(supervisor, [], absorbed).supervisor;
  const left = leftBehind(rest, absorbed).filter(({ child }) => !names.has(child));
  const restarted = starts.map((child) =>
    child.spec.id === failed.child
      ? startStep(supervisor, child, failed)
      : startStep(supervisor, child, { from: child.spec.startFrom, notBeforeMs: 0 }),
  );
  const steps: Step[] = [
    ...stops.map((child): Step => ({ do: "stop", targets: [stopTarget(child)] })),
    ...inStartOrder(supervisor, [...restarted, ...left]),
  ];
  const children = supervisor.children.flatMap((child) => {
    if (!names.has(child.spec.id)) return [child];
    if (child.spec.restart !== "temporary") return [toStart(supervisor, child)];
    return child.alive === null ? [] : [{ ...child, state: "stopped" as const }];
  });
  return taken({ ...supervisor, children }, steps, absorbed);
}

/**
 * Stops everybody, in reverse order; dynamic children of a simple supervisor all at once, as in OTP, and so those
 * who get no time.
 */
export function endingSteps(
  spec: SupervisorSpec,
  supervisor: Supervisor,
  end: { readonly kind: EndKind; readonly reason: string; readonly brutal: boolean },
): Steps {
  const { kind, reason, brutal } = end;
  const targets = [...supervisor.children]
    .reverse()
    .filter(isRunning)
    // What is not temporary stays in the list, whatever the strategy: the next boot starts it again.
    .map(stopTarget)
    .map((target): StopTarget => (brutal ? { ...target, limit: "brutal-kill" } : target));
  const isAtOnce = brutal || spec.strategy === "simple-one-for-one";
  const together = isAtOnce && targets.length > 0;
  const steps: Step[] = [
    ...(together
      ? [{ do: "stop" as const, targets }]
      : targets.map((target): Step => ({ do: "stop", targets: [target] }))),
    { do: "end", kind, reason },
  ];
  const children = supervisor.children
    .filter((child) => child.alive !== null || child.spec.restart !== "temporary")
    .map((child): Child => ({ ...child, state: "stopped" }));
  return taken({ ...supervisor, phase: "ending", children }, steps, supervisor.plans);
}

/** Starts every child that is down, in order: when the supervisor begins. */
export function bootSteps(supervisor: Supervisor): Steps {
  const starts = supervisor.children
    .filter(({ alive }) => alive === null)
    .map((child) => startStep(supervisor, child, { from: child.spec.startFrom, notBeforeMs: 0 }));
  const children = supervisor.children.map((child) =>
    child.alive === null ? toStart(supervisor, child) : child,
  );
  return taken({ ...supervisor, children }, starts, []); // what is being discarded still is
}

/** Takes the plan over that was going to start this child; what else it would have started, still is. */
export function withoutStart(supervisor: Supervisor, id: string): Steps {
  const absorbed = supervisor.plans.filter((open) =>
    remainingStarts(open).some(({ child }) => child === id),
  );
  const steps = absorbed.flatMap(remainingStarts).filter(({ child }) => child !== id);
  return taken(supervisor, steps, absorbed);
}

/**
 * Children that a plan was going to start when it failed or was taken over, and that nothing else will
 * start: in start order, as `closed` plans had it.
 */
export function leftBehind(supervisor: Supervisor, closed: readonly OpenPlan[] = []): StartStep[] {
  if (supervisor.queue.some((each) => willRetry(supervisor, each))) return []; // it sees to them
  const expected = new Set(supervisor.plans.flatMap(remainingStarts).map(({ child }) => child));
  const decided = closed.flatMap(remainingStarts);
  return supervisor.children
    .filter(({ state, spec }) => state === "waiting" && !expected.has(spec.id))
    .map(({ spec: { id, startFrom }, incarnation }) => {
      const before = decided.find((step) => step.child === id);
      // Its incarnation was decided and never handed out.
      const at = { child: id, incarnation: incarnation ?? supervisor.decisions + 1 };
      return before ?? { do: "start", ...at, from: startFrom, notBeforeMs: 0, by: null };
    });
}

function inStartOrder({ children }: Supervisor, steps: readonly StartStep[]): StartStep[] {
  return children.flatMap(({ spec: { id } }) => steps.filter(({ child }) => child === id));
}

function willRetry({ children }: Supervisor, trigger: Trigger): boolean {
  if (trigger.on !== "start-failed") return false;
  const child = children.find(({ spec }) => spec.id === trigger.child);
  return child?.state === "restarting" && child.incarnation === trigger.incarnation;
}

/** As part of a group, where OTP drops temporary children and keeps all others. */
export function stopTarget(child: Running): StopTarget {
  const { alive } = child;
  return {
    child: child.spec.id,
    incarnation: alive,
    limit: child.spec.shutdown,
    forget: child.spec.restart === "temporary",
  };
}

/** The child's next incarnation: the number of the decision in the making. Goes with `toStart`. */
export function startStep(
  supervisor: Supervisor,
  child: Child,
  start: { readonly from: StartFrom; readonly notBeforeMs: number; readonly by?: string | null },
): StartStep {
  const { from, notBeforeMs, by = null } = start;
  return {
    do: "start",
    child: child.spec.id,
    incarnation: supervisor.decisions + 1,
    from,
    notBeforeMs,
    by,
  };
}

export function toStart({ decisions }: Supervisor, child: Child): Child {
  return { ...child, incarnation: decisions + 1, starts: child.starts + 1, state: "waiting" };
}

function scopeOf(spec: SupervisorSpec, children: readonly Child[], failed: string): Child[] {
  const index = children.findIndex((child) => child.spec.id === failed);
  switch (spec.strategy) {
    case "one-for-one":
    case "simple-one-for-one":
      return children.slice(index, index + 1);
    case "rest-for-one":
      return children.slice(index);
    case "one-for-all":
      return [...children];
  }
}

function remainingStarts({ plan, cursor }: OpenPlan): StartStep[] {
  return plan.steps.slice(cursor.step).filter((step) => step.do === "start");
}

function taken(
  supervisor: Supervisor,
  steps: readonly Step[],
  absorbed: readonly OpenPlan[],
): Steps {
  const plans = supervisor.plans.filter((open) => !absorbed.includes(open));
  const absorbs = absorbed.map(({ plan }) => plan.id);
  return { steps, supervisor: { ...supervisor, plans }, absorbs };
}
