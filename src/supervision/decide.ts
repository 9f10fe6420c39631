// What follows from a trigger: OTP's supervisor as one pure function. Time and randomness are arguments,
// so the same arguments give the same decision for ever. Invariants: only the running incarnation of a
// child can cause anything; one trigger uses up at most one restart of the window.

import { backoffMs } from "./backoff.ts";
import {
  findChild,
  isForgotten,
  withChild,
  withoutChild,
  type Child,
  type Supervisor,
} from "./children.ts";
import { addChild, deleteChild, discardChild, restartChild, stopChild } from "./commands.ts";
import { bootSteps, endingSteps, leftBehind, restartSteps } from "./groups.ts";
import type { Outcome } from "./outcome.ts";
import { AT_START, type EndKind, type PlanOrigin } from "./plan.ts";
import { bootChildren } from "./roster.ts";
import { ruleFor, type ExitKind, type StartFrom, type SupervisorSpec } from "./spec.ts";
import type { Decision, Trigger } from "./trigger.ts";
import { admitRestart } from "./window.ts";

export interface Moment {
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
  /** Recorded with the decision; the jitter of the back-off comes from it. */
  readonly seed: Uint8Array;
}

/**
 * Decides, and returns the supervisor as it is afterwards: store both in one transaction. A trigger about
 * a child that is under a plan with actions in flight must wait in the queue; `advance` sees to that.
 */
export function decide(
  spec: SupervisorSpec,
  supervisor: Supervisor,
  trigger: Trigger,
  moment: Moment,
): { decision: Decision; supervisor: Supervisor } {
  const outcome = outcomeOf(spec, supervisor, trigger, moment);
  const id = supervisor.decisions + 1;
  const { steps, origin, verdict, reason, absorbs } = outcome;
  const plan = steps.length === 0 ? null : { id, origin, steps };
  const after = outcome.supervisor;
  const decision: Decision = {
    id,
    trigger,
    verdict,
    strategy: spec.strategy,
    reason,
    plan,
    absorbs,
    counted: outcome.counted ?? false,
    window: after.window,
  };
  const plans = plan === null ? after.plans : [...after.plans, { plan, cursor: AT_START }];
  return { decision, supervisor: { ...after, plans, decisions: id } };
}

function outcomeOf(
  spec: SupervisorSpec,
  supervisor: Supervisor,
  trigger: Trigger,
  moment: Moment,
): Outcome {
  if (trigger.on === "boot") return boot(spec, supervisor);
  if (trigger.on === "discard-child") return discardChild(spec, supervisor, trigger);
  if (trigger.on === "shutdown" && trigger.brutal && isEndingGently(supervisor)) {
    return ending(spec, supervisor, trigger);
  }
  if (supervisor.phase === "ended" && trigger.on === "delete-child") {
    return deleteChild(supervisor, trigger); // or the next boot would start it
  }
  if (supervisor.phase !== "up") return afterTheEnd(supervisor, trigger);
  switch (trigger.on) {
    case "exit":
      return onExit(spec, supervisor, trigger, moment);
    case "start-failed":
      return onStartFailed(spec, supervisor, trigger, moment);
    case "shutdown":
      return ending(spec, supervisor, trigger);
    case "add-child":
      return addChild(spec, supervisor, trigger, moment.nowMs);
    case "stop-child":
      return stopChild(spec, supervisor, trigger);
    case "restart-child":
      return restartChild(supervisor, trigger);
    case "delete-child":
      return deleteChild(supervisor, trigger);
  }
}

function onExit(
  spec: SupervisorSpec,
  supervisor: Supervisor,
  exit: Extract<Trigger, { on: "exit" }>,
  moment: Moment,
): Outcome {
  const child = findChild(supervisor, exit.child);
  if (child === undefined) return superseded(supervisor, `there is no child "${exit.child}" here`);
  if (child.state !== "running" || child.incarnation !== exit.incarnation) {
    const now = `incarnation ${child.incarnation}, ${child.state}`;
    return superseded(
      supervisor,
      `"${exit.child}" is at ${now}: incarnation ${exit.incarnation} is history`,
    );
  }
  const ranMs = moment.nowMs - (child.startedMs ?? moment.nowMs);
  const down = withChild(supervisor, exit.child, {
    alive: null,
    state: "stopped",
    lastExit: exit.kind,
    failures: ranMs >= calmMs(spec, child) ? 0 : child.failures,
  });
  const from = child.spec.startFrom;
  const why = `"${exit.child}" ended (${exit.kind})`;
  return follow(spec, down, { child, kind: exit.kind, from, why, origin: "restart", moment });
}

/** OTP tries a failed restart again, as a new restart; a failed boot ends the supervisor. */
function onStartFailed(
  spec: SupervisorSpec,
  supervisor: Supervisor,
  failure: Extract<Trigger, { on: "start-failed" }>,
  moment: Moment,
): Outcome {
  const child = findChild(supervisor, failure.child);
  const why = `"${failure.child}" could not start (${failure.kind})`;
  const rest = { origin: "restart" as const, absorbs: [] };
  if (child?.state !== "restarting" || child.incarnation !== failure.incarnation) {
    const steps = leftBehind(supervisor);
    const reason = `${why}, but it is no longer meant to`;
    return { ...rest, verdict: "superseded", reason, steps, supervisor };
  }
  if (failure.origin === "command") {
    const down = atRest(spec, supervisor, child);
    const reason = `${why}: it stays down, as whoever asked for it was told`;
    return { ...rest, verdict: "stop", reason, steps: leftBehind(down), supervisor: down };
  }
  if (failure.origin === "boot" && !maySitOut(spec, child, failure.kind)) {
    return ending(spec, supervisor, {
      kind: "escalated",
      reason: `${why} when its supervisor began`,
    });
  }
  return follow(spec, supervisor, {
    child,
    kind: failure.kind,
    from: failure.from,
    why,
    origin: failure.origin,
    moment,
  });
}

/** Whether a supervisor begins without this child. OTP's never does, whatever the child's restart type. */
function maySitOut(spec: SupervisorSpec, child: Child, kind: ExitKind): boolean {
  return ruleFor(spec, { ...child.spec, restart: "permanent" }, kind) === "stop";
}

interface Down {
  readonly child: Child;
  readonly kind: ExitKind;
  readonly from: StartFrom;
  readonly why: string;
  /** Of the plan that was under way, and goes on without this child. */
  readonly origin: PlanOrigin;
  readonly moment: Moment;
}

/** A child is down and its rule is applied: OTP's `restart`, `del_child` and `do_auto_shutdown`. */
function follow(spec: SupervisorSpec, supervisor: Supervisor, down: Down): Outcome {
  const { child, why } = down;
  const rule = ruleFor(spec, child.spec, down.kind);
  switch (rule) {
    case "restart":
      return restart(spec, supervisor, down);
    case "restart-from-init":
      return restart(spec, supervisor, { ...down, from: "init" });
    case "escalate":
      return ending(spec, supervisor, {
        kind: "escalated",
        reason: `${why}, and its policy is to escalate`,
      });
    case "stop": {
      const rested = atRest(spec, supervisor, child);
      if (triggersShutdown(spec, rested, child, down.kind)) {
        const which = spec.autoShutdown === "any-significant" ? "a" : "the last";
        return ending(spec, rested, {
          kind: "shutdown",
          reason: `${why}, which was ${which} significant child`,
        });
      }
      const steps = leftBehind(rested);
      const reason = `${why}: a ${child.spec.restart} child is not restarted after that`;
      return {
        verdict: "stop",
        origin: down.origin,
        reason,
        steps,
        supervisor: rested,
        absorbs: [],
      };
    }
  }
}

function restart(spec: SupervisorSpec, supervisor: Supervisor, down: Down): Outcome {
  const { child, why, from, moment } = down;
  const id = child.spec.id;
  const { admitted, window } = admitRestart(spec, supervisor.window, moment.nowMs);
  const asked = { ...supervisor, window };
  if (!admitted) {
    const limit = `more than ${spec.intensity} restarts in ${spec.periodMs} ms`;
    return ending(spec, asked, { kind: "escalated", reason: `${why}: ${limit}` });
  }
  const failures = (findChild(asked, id)?.failures ?? 0) + 1;
  const backoff = child.spec.backoff ?? spec.backoff;
  const delayMs = backoffMs(backoff, { failures, child: id, seed: moment.seed });
  const notBeforeMs = delayMs === 0 ? 0 : moment.nowMs + delayMs;
  const counted = withChild(asked, id, { failures });
  const steps = restartSteps(spec, counted, { child: id, from, notBeforeMs });
  const nth = `restart ${window.length} of ${spec.intensity} in ${spec.periodMs} ms`;
  const reason = delayMs === 0 ? `${why}: ${nth}` : `${why}: ${nth}, after ${delayMs} ms`;
  return { ...steps, verdict: "restart", origin: "restart", reason, counted: true };
}

function boot(spec: SupervisorSpec, supervisor: Supervisor): Outcome {
  const children = bootChildren(spec, supervisor.children);
  const steps = bootSteps({ ...supervisor, phase: "up", window: [], children });
  const starts = steps.steps.length;
  const reason = `the supervisor began: ${starts} of ${children.length} children to start`;
  return { ...steps, verdict: "boot", origin: "boot", reason };
}

function ending(
  spec: SupervisorSpec,
  supervisor: Supervisor,
  end: { readonly kind: EndKind; readonly reason: string; readonly brutal?: boolean },
): Outcome {
  const { kind, reason, brutal = false } = end;
  const steps = endingSteps(spec, supervisor, { kind, reason, brutal });
  const verdict = kind === "escalated" ? "escalate" : "shutdown";
  return { ...steps, verdict, origin: "ending", reason };
}

/** Whether a child still has time to end in good order. */
function isEndingGently({ phase, plans }: Supervisor): boolean {
  if (phase !== "ending") return false;
  const targets = plans.flatMap(({ plan, cursor }) =>
    plan.steps.slice(cursor.step).flatMap((step) => (step.do === "stop" ? step.targets : [])),
  );
  return targets.some(({ limit }) => limit !== "brutal-kill");
}

function afterTheEnd(supervisor: Supervisor, trigger: Trigger): Outcome {
  const late = trigger.on === "exit" || trigger.on === "start-failed" || trigger.on === "shutdown";
  const reason = `the supervisor is ${supervisor.phase === "ended" ? "down" : "ending"}`;
  return { ...superseded(supervisor, reason), verdict: late ? "superseded" : "refused" };
}

function superseded(supervisor: Supervisor, reason: string): Outcome {
  return { verdict: "superseded", origin: "restart", reason, steps: [], supervisor, absorbs: [] };
}

/** The child stays down: forgotten, or kept for a command or a restart of its group. */
function atRest(spec: SupervisorSpec, supervisor: Supervisor, child: Child): Supervisor {
  return isForgotten(spec, child)
    ? withoutChild(supervisor, child.spec.id)
    : withChild(supervisor, child.spec.id, { state: "stopped", alive: null });
}

/** OTP: only a child's own end counts, never one that a supervisor or an operator caused. */
function triggersShutdown(
  spec: SupervisorSpec,
  supervisor: Supervisor,
  child: Child,
  kind: ExitKind,
): boolean {
  if (spec.autoShutdown === "never" || !child.spec.significant || kind === "stopped") return false;
  if (spec.autoShutdown === "any-significant") return true;
  return !supervisor.children.some(
    ({ spec: { significant }, state }) => significant && state !== "stopped",
  );
}

/** A child that ran this long has recovered: its back-off begins anew. */
function calmMs(spec: SupervisorSpec, child: Child): number {
  return Math.max(spec.periodMs, (child.spec.backoff ?? spec.backoff).maxMs);
}
