// Which change of status is legal, and which event records it. The only place that says so.

import { TheaterError } from "../lib/errors.ts";
import type { Cell } from "./record/cell.ts";
import type { Draft, Journal } from "./record/journal.ts";
import type { ActorStatus, LifecycleChange } from "./protocol.ts";

/** The guest asked for it with `runtime.shutdown`. */
export const SHUTDOWN_REASON = "shutdown";

const LEGAL: Readonly<Record<LifecycleChange, { from: readonly ActorStatus[]; to: ActorStatus }>> =
  {
    stop: { from: ["running", "paused"], to: "stopped" },
    terminate: { from: ["running", "paused", "failed"], to: "stopped" },
    restart: { from: ["stopped", "failed"], to: "running" },
    pause: { from: ["running"], to: "paused" },
    resume: { from: ["paused"], to: "running" },
  };

/** The status after the change. Throws `wrong-state`. */
export function statusAfter(change: LifecycleChange, status: ActorStatus): ActorStatus {
  const { from, to } = LEGAL[change];
  if (from.includes(status)) return to;
  const message = `The actor is ${status}: ${change} works on one that is ${from.join(" or ")}.`;
  throw new TheaterError("wrong-state", message, { status });
}

export function lifecycleEvent(change: LifecycleChange, by: string, attempt: number): Draft {
  const place = { about: "", turn: 0 };
  switch (change) {
    case "stop":
    case "terminate":
      return { ...place, type: "actor.stopped", fields: { reason: change, by, data: null } };
    case "restart":
      return {
        ...place,
        type: "actor.started",
        fields: { reason: change, attempt, by, state: null },
      };
    case "pause":
      return { ...place, type: "actor.paused", fields: { by } };
    case "resume":
      return { ...place, type: "actor.resumed", fields: { by } };
  }
}

/** Why an actor is failed whose first turn did not commit. */
export const INIT_FAILED = "init-failed";

/** In the transaction that ends what it was doing: the actor is down, and does not go on by itself. */
export function failActor(
  { journal, cell }: { journal: Journal; cell: Cell },
  reason: string,
): void {
  journal.append({
    type: "actor.stopped",
    about: "",
    turn: 0,
    fields: { reason, by: null, data: null },
  });
  cell.set("status", "failed");
  cell.set("reason", reason);
}

/** An actor that could not begin has no state to go on from. In the transaction that ends its first turn. */
export function failBirth(parts: { journal: Journal; cell: Cell }): void {
  failActor(parts, INIT_FAILED);
}
