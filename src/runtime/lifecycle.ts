// Which event records a change of status. Which change is legal, src/supervision/lifecycle.ts says.

import type { Value } from "../chain/value.ts";
import type { Cell } from "./record/cell.ts";
import type { Draft, Journal } from "./record/journal.ts";
import type { LifecycleChange } from "./protocol.ts";

/** The guest asked for it with `runtime.shutdown`. */
export const SHUTDOWN_REASON = "shutdown";

/** `state`, for a restart: what it begins with anew, without init; see `actor.started`. */
export function lifecycleEvent(
  change: LifecycleChange,
  by: string,
  attempt: number,
  state: readonly Value[] | null = null,
): Draft {
  const place = { about: "", turn: 0 };
  switch (change) {
    case "stop":
    case "terminate":
    case "delete":
      return { ...place, type: "actor.stopped", fields: { reason: change, by, data: null } };
    case "restart":
      return {
        ...place,
        type: "actor.started",
        fields: { reason: change, attempt, by, state },
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
