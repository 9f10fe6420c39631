// What a supervisor does when it is asked to: OTP's `start_child`, `terminate_child`, `restart_child` and
// `delete_child`. Invariant: a command never uses up a restart of the window and never touches a sibling.

import {
  findChild,
  isForgotten,
  isRunning,
  newChild,
  withChild,
  withoutChild,
  type Supervisor,
} from "./children.ts";
import { startStep, stopTarget, toStart, withoutStart } from "./groups.ts";
import type { Outcome } from "./outcome.ts";
import type { Step } from "./plan.ts";
import { problemOfJoining } from "./roster.ts";
import type { SupervisorSpec } from "./spec.ts";
import type { Trigger } from "./trigger.ts";

export function addChild(
  spec: SupervisorSpec,
  supervisor: Supervisor,
  { spec: child, incarnation }: Extract<Trigger, { on: "add-child" }>,
  nowMs: number,
): Outcome {
  const problem = problemOfJoining(spec, supervisor, child);
  if (problem !== null) return refused(supervisor, problem);
  const joined = {
    ...newChild(child, true),
    incarnation,
    starts: 1,
    alive: incarnation,
    state: "running" as const,
    startedMs: nowMs,
  };
  const after = { ...supervisor, children: [...supervisor.children, joined] };
  return quiet(after, { verdict: "add", reason: `"${child.id}" was spawned` });
}

/** Ends the child in good order; the list keeps it unless it is temporary or of a simple supervisor. */
export function stopChild(
  spec: SupervisorSpec,
  supervisor: Supervisor,
  { child: id, by }: { readonly child: string; readonly by: string | null },
): Outcome {
  const child = findChild(supervisor, id);
  if (child === undefined) return unknown(supervisor, id);
  const told = { verdict: "stop" as const, origin: "command" as const };
  const reason = `"${id}" was to be stopped${asked(by)}`;
  const forget = isForgotten(spec, child);
  if (isRunning(child)) {
    const targets = [{ ...stopTarget(child), forget }];
    const after = withChild(supervisor, id, { state: "stopped" });
    return { ...told, reason, steps: [{ do: "stop", targets }], supervisor: after, absorbs: [] };
  }
  const rest = withoutStart(supervisor, id);
  const after = forget
    ? withoutChild(rest.supervisor, id)
    : withChild(rest.supervisor, id, { state: "stopped" });
  return { ...rest, ...told, origin: "restart", reason, supervisor: after };
}

/** Stops the child if it runs, and starts it; at once, whatever back-off it was waiting for. */
export function restartChild(
  supervisor: Supervisor,
  { child: id, from, by }: Extract<Trigger, { on: "restart-child" }>,
): Outcome {
  const child = findChild(supervisor, id);
  if (child === undefined) return unknown(supervisor, id);
  const start = startStep(supervisor, child, {
    from: from ?? child.spec.startFrom,
    notBeforeMs: 0,
    by,
  });
  const rest = withoutStart(supervisor, id);
  const stops: Step[] = isRunning(child)
    ? [{ do: "stop", targets: [{ ...stopTarget(child), forget: false }] }]
    : [];
  return {
    verdict: "restart",
    // What it takes over from another plan was a restart, and is tried again should it fail.
    origin: rest.steps.length === 0 ? "command" : "restart",
    reason: `"${id}" was to be restarted${asked(by)}`,
    steps: [...stops, start, ...rest.steps],
    supervisor: withChild(rest.supervisor, id, { ...toStart(supervisor, child), failures: 0 }),
    absorbs: rest.absorbs,
  };
}

/** Ends and forgets a child that nobody wants, be it on the list yet or not. */
export function discardChild(
  spec: SupervisorSpec,
  supervisor: Supervisor,
  { spec: child, incarnation }: Extract<Trigger, { on: "discard-child" }>,
): Outcome {
  const joining = { ...newChild(child, true), incarnation, starts: 1, alive: incarnation };
  const known = findChild(supervisor, child.id) !== undefined;
  const joined = known ? supervisor.children : [...supervisor.children, joining];
  // As a temporary one: so it is forgotten too where another plan comes first and ends it.
  const doomed = { ...child, restart: "temporary" as const, significant: false };
  const listed = withChild({ ...supervisor, children: joined }, child.id, { spec: doomed });
  return stopChild(spec, listed, { child: child.id, by: null });
}

/** Takes a child that is down off the list. */
export function deleteChild(
  supervisor: Supervisor,
  { child: id, by }: { readonly child: string; readonly by: string | null },
): Outcome {
  const child = findChild(supervisor, id);
  if (child === undefined) return unknown(supervisor, id);
  if (child.state !== "stopped" || child.alive !== null) {
    return refused(supervisor, `"${id}" is ${child.state}: stop it before you delete it.`);
  }
  return quiet(withoutChild(supervisor, id), {
    verdict: "delete",
    reason: `"${id}" was deleted${asked(by)}`,
  });
}

const asked = (by: string | null): string => (by === null ? "" : ` by ${by}`);

function unknown(supervisor: Supervisor, id: string): Outcome {
  return refused(supervisor, `There is no child "${id}" here: list the children.`);
}

function refused(supervisor: Supervisor, reason: string): Outcome {
  return quiet(supervisor, { verdict: "refused", reason });
}

function quiet(
  supervisor: Supervisor,
  told: { verdict: Outcome["verdict"]; reason: string },
): Outcome {
  return { ...told, origin: "command", steps: [], supervisor, absorbs: [] };
}
