// A plan: what a decision has the runtime do, step by step. Invariants: a plan never changes once it was
// decided; every operation is known by plan, step, child and incarnation, so that it may be repeated.

import type { ExitKind, Shutdown, StartFrom } from "./spec.ts";

export interface StopTarget {
  readonly child: string;
  /** The incarnation to stop. A later start of this incarnation, or an older one, must be refused. */
  readonly incarnation: number;
  readonly limit: Shutdown;
  /** Whether the supervisor forgets the child once it is down. */
  readonly forget: boolean;
}

/** Why a supervisor ends. */
export type EndKind = Extract<ExitKind, "shutdown" | "stopped" | "escalated">;

export type Step =
  /** All targets at once; the next step waits for all of them. */
  | { readonly do: "stop"; readonly targets: readonly StopTarget[] }
  /** Not before an absolute time, ms since the epoch. */
  | {
      readonly do: "start";
      readonly child: string;
      readonly incarnation: number;
      readonly from: StartFrom;
      readonly notBeforeMs: number;
      /** The operator who asked for it; null: nobody, it follows from the policy, or the guest. */
      readonly by: string | null;
    }
  /** The supervisor itself ends; all its children are down by now. */
  | { readonly do: "end"; readonly kind: EndKind; readonly reason: string };

export type StartStep = Extract<Step, { do: "start" }>;

/** What a failed start means depends on who asked: OTP retries restarts, and neither boot nor commands. */
export type PlanOrigin = "boot" | "restart" | "command" | "ending";

export interface Plan {
  /** The number of the decision that made it. */
  readonly id: number;
  readonly origin: PlanOrigin;
  readonly steps: readonly Step[];
}

/** How far a plan is. Stored with every change of it, in the same transaction. */
export interface Cursor {
  readonly step: number;
  /** When the step's actions were first handed out; null before. */
  readonly issuedMs: number | null;
  /** Children of the step that have not answered yet. */
  readonly waiting: readonly string[];
  /** Those of them that outlived their time limit and are being killed. */
  readonly killing: readonly string[];
}

export const AT_START: Cursor = { step: 0, issuedMs: null, waiting: [], killing: [] };

export interface OpenPlan {
  readonly plan: Plan;
  readonly cursor: Cursor;
}
