// What makes a supervisor decide, and the decision. Both are plain data that a chain can hold: no floats,
// no optional fields.

import type { Value } from "../chain/value.ts";
import type { Plan, PlanOrigin } from "./plan.ts";
import type { ChildSpec, ExitKind, StartFrom, Strategy } from "./spec.ts";

export type Trigger =
  /** A child is down: the notice that it, or its restarted object, sent. `evidence` is passed on untouched. */
  | {
      readonly on: "exit";
      readonly child: string;
      readonly incarnation: number;
      readonly kind: ExitKind;
      readonly detail: string;
      readonly evidence: Value;
    }
  /** A start that a plan asked for failed. Made by `advance`, not by the runtime. */
  | {
      readonly on: "start-failed";
      readonly child: string;
      readonly incarnation: number;
      readonly kind: ExitKind;
      readonly detail: string;
      /** Where the child's chain was then; absent where there is none, or it was not heard of. */
      readonly evidence?: Value;
      readonly from: StartFrom;
      readonly origin: PlanOrigin;
    }
  /** The supervisor begins or begins again: the children of the manifest, and those that survived it. */
  | { readonly on: "boot" }
  /**
   * The supervisor is told to end: by its own supervisor (`shutdown`) or by somebody else (`stopped`). `brutal`: at
   * once, and its children too, also where it is ending in good order already.
   */
  | {
      readonly on: "shutdown";
      readonly kind: "shutdown" | "stopped";
      readonly reason: string;
      readonly brutal: boolean;
    }
  /** The guest spawned a child, and it runs. Its birth is incarnation 0: decisions count from 1. */
  | { readonly on: "add-child"; readonly spec: ChildSpec; readonly incarnation: number }
  /** What was spawned may not stay: it is ended and forgotten, whatever the supervisor itself is doing. */
  | { readonly on: "discard-child"; readonly spec: ChildSpec; readonly incarnation: number }
  /** `by`: the operator who asked for it; null: the guest. */
  | { readonly on: "stop-child"; readonly child: string; readonly by: string | null }
  | {
      readonly on: "restart-child";
      readonly child: string;
      readonly from: StartFrom | null;
      readonly by: string | null;
    }
  /** It leaves the list. `evidence`: where its chain ends, where somebody else has deleted the child itself. */
  | {
      readonly on: "delete-child";
      readonly child: string;
      readonly by: string | null;
      readonly evidence?: Value;
    };

/**
 * `restart`: children are started again. `stop`: the child stays down. `escalate`, `shutdown`: the
 * supervisor ends, having given up or in good order. `superseded`: the trigger is about the past, nothing
 * follows. `refused`: a command that cannot be carried out; `reason` says why.
 */
export type Verdict =
  | "boot"
  | "restart"
  | "stop"
  | "add"
  | "delete"
  | "escalate"
  | "shutdown"
  | "superseded"
  | "refused";

/** All that one event must say: what happened, what follows, and why. */
export interface Decision {
  /** 1, 2, 3… of this supervisor. */
  readonly id: number;
  readonly trigger: Trigger;
  readonly verdict: Verdict;
  readonly strategy: Strategy;
  /** One sentence. */
  readonly reason: string;
  /** Null where nothing is to be done. */
  readonly plan: Plan | null;
  /** Plans that this one takes over; they are closed where they stand. */
  readonly absorbs: readonly number[];
  /** Whether it used up one restart of the window. */
  readonly counted: boolean;
  /** The restarts in the window after it, ms since the epoch, oldest first. */
  readonly window: readonly number[];
}
