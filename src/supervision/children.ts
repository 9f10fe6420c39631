// What a supervisor knows of its children and of itself. Plain data in start order; the runtime stores it.
// Invariant: a child whose `alive` is null is down, whatever its state says is meant to be.

import type { OpenPlan } from "./plan.ts";
import type { ChildSpec, ExitKind, SupervisorSpec } from "./spec.ts";
import type { Trigger } from "./trigger.ts";

export interface Child {
  readonly spec: ChildSpec;
  /** Spawned by the guest, rather than named in the manifest. */
  readonly dynamic: boolean;
  /**
   * Of the newest start that was decided: the number of that decision, so that no two are ever the same.
   * Null before the first.
   */
  readonly incarnation: number | null;
  /** Starts that were decided, births included. */
  readonly starts: number;
  /** The incarnation that runs or may run; null once it is known to be down. */
  readonly alive: number | null;
  /**
   * `waiting`: a plan is going to start it. `restarting`: its start failed, and trying again is in line.
   * `stopped`: down until somebody, or a restart of its group, starts it.
   */
  readonly state: "running" | "waiting" | "restarting" | "stopped";
  /** Failures in a row, for the back-off. */
  readonly failures: number;
  /** When it last began to run. */
  readonly startedMs: number | null;
  readonly lastExit: ExitKind | null;
}

export interface Supervisor {
  /** `ending`: it has decided to end and is stopping its children. */
  readonly phase: "up" | "ending" | "ended";
  /** In start order. */
  readonly children: readonly Child[];
  /** When restarts were admitted, ms since the epoch. */
  readonly window: readonly number[];
  /** At most one of them has actions in flight; the others wait for the time of a delayed start. */
  readonly plans: readonly OpenPlan[];
  /** What happened while a plan was under way. */
  readonly queue: readonly Trigger[];
  /** How many decisions it has made. */
  readonly decisions: number;
}

export const NEW_SUPERVISOR: Supervisor = {
  phase: "ended",
  children: [],
  window: [],
  plans: [],
  queue: [],
  decisions: 0,
};

export function newChild(spec: ChildSpec, dynamic: boolean): Child {
  return {
    spec,
    dynamic,
    incarnation: null,
    starts: 0,
    alive: null,
    state: "stopped",
    failures: 0,
    startedMs: null,
    lastExit: null,
  };
}

export function findChild({ children }: Supervisor, id: string): Child | undefined {
  return children.find(({ spec }) => spec.id === id);
}

/** The supervisor with some fields of one child changed. */
export function withChild(supervisor: Supervisor, id: string, change: Partial<Child>): Supervisor {
  const children = supervisor.children.map((child) =>
    child.spec.id === id ? { ...child, ...change } : child,
  );
  return { ...supervisor, children };
}

export function withoutChild(supervisor: Supervisor, id: string): Supervisor {
  return { ...supervisor, children: supervisor.children.filter(({ spec }) => spec.id !== id) };
}

/** Whether the child is dropped from the list once it is down and not to be restarted. */
export function isForgotten(spec: SupervisorSpec, child: Child): boolean {
  return child.spec.restart === "temporary" || spec.strategy === "simple-one-for-one";
}

/** A child that runs or may run. */
export type Running = Child & { readonly alive: number };

export function isRunning(child: Child): child is Running {
  return child.alive !== null;
}
