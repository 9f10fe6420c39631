// The life of an actor as one table: which status may follow which, and because of what. Nothing else says
// what is legal; the drawing in docs/supervision.md is made from it and held to it by a test.

import { TheaterError } from "../lib/errors.ts";

/** What an actor can be. It is born running; its first turn is init. */
export const STATUSES = [
  "running",
  "paused", // admits messages and runs none
  "stopped", // it ended itself, or was ended, in good order or not
  "failed", // a failure ended it, and its supervisor has been told; or it never began
  "deleted", // for ever: a tombstone, whose chain stays
] as const;
export type Status = (typeof STATUSES)[number];

/** What can change it. Each transition is one transaction with one event. */
export const CHANGES = [
  "fail", // init did not commit; or a turn of a supervised actor trapped, went over a limit, was cut
  "pause",
  "resume",
  "stop", // an operator or the supervisor: after the running turn, the children first
  "end", // the guest's shutdown; or a supervisor that has nothing left to do
  "terminate", // at once: the running turn is cut
  "restart", // an operator or the supervisor, from the last state or from init
  "delete",
] as const;
export type Change = (typeof CHANGES)[number];

export const TRANSITIONS: Readonly<
  Record<Change, { readonly from: readonly Status[]; readonly to: Status }>
> = {
  fail: { from: ["running", "paused"], to: "failed" },
  pause: { from: ["running"], to: "paused" },
  resume: { from: ["paused"], to: "running" },
  stop: { from: ["running", "paused"], to: "stopped" },
  end: { from: ["running", "paused"], to: "stopped" },
  terminate: { from: ["running", "paused", "failed"], to: "stopped" },
  restart: { from: ["stopped", "failed"], to: "running" },
  delete: { from: ["stopped", "failed"], to: "deleted" },
};

/** The status after the change. Throws `wrong-state`, which names what would be legal. */
export function statusAfter(change: Change, status: Status): Status {
  const { from, to } = TRANSITIONS[change];
  if (from.includes(status)) return to;
  const message = `The actor is ${status}: ${change} works on one that is ${from.join(" or ")}.`;
  throw new TheaterError("wrong-state", message, { status, change });
}

/** Whether an actor of this status lives: takes messages, and may fail. */
export function isUp(status: Status): boolean {
  return status === "running" || status === "paused";
}

/** The table as a Mermaid state diagram. */
export function lifecycleDiagram(): string {
  const arrows = Object.entries(TRANSITIONS).flatMap(([change, { from, to }]) =>
    from.map((status) => `    ${status} --> ${to}: ${change}`),
  );
  return ["stateDiagram-v2", "    [*] --> running", ...arrows, "    deleted --> [*]"].join("\n");
}
