// The life of an actor as one table: which status may follow which, and because of what. Nothing else says
// what is legal; the drawing in docs/supervision.md is made from it and held to it by a test.

import { TheaterError } from "../lib/errors.ts";

/** What an actor can be. `deleted` is for ever: a tombstone with id and head. */
export const STATUSES = [
  "created", // it has a genesis; its first turn (init) is not done
  "running",
  "paused", // admits messages and runs none
  "stopping", // told to end in good order: the running turn and the children first
  "stopped",
  "failed", // ended by a failure: trap, limit, host…; supervision has been told
  "restarting", // to start again: the instance and the state are being made ready
  "deleted",
] as const;
export type Status = (typeof STATUSES)[number];

/** What can change it. Each transition is one transaction with one event. */
export const CHANGES = [
  "begin", // init committed, or the start without init
  "fail", // a turn ended so that supervision decides; or init did not commit
  "pause",
  "resume",
  "stop", // somebody asked for an end in good order
  "end", // what `stop` waited for is done; or the guest ended itself
  "terminate", // at once: the running turn is cut
  "restart", // a supervisor or a person starts it again
  "delete",
] as const;
export type Change = (typeof CHANGES)[number];

export const TRANSITIONS: Readonly<
  Record<Change, { readonly from: readonly Status[]; readonly to: Status }>
> = {
  begin: { from: ["created", "restarting"], to: "running" },
  fail: { from: ["created", "running", "paused", "stopping", "restarting"], to: "failed" },
  pause: { from: ["running"], to: "paused" },
  resume: { from: ["paused"], to: "running" },
  stop: { from: ["running", "paused"], to: "stopping" },
  end: { from: ["running", "stopping"], to: "stopped" },
  terminate: {
    from: ["created", "running", "paused", "stopping", "failed", "restarting"],
    to: "stopped",
  },
  restart: { from: ["stopped", "failed"], to: "restarting" },
  delete: { from: ["stopped", "failed"], to: "deleted" },
};

/** The status after the change. Throws `wrong-state`, which names what would be legal. */
export function statusAfter(change: Change, status: Status): Status {
  const { from, to } = TRANSITIONS[change];
  if (from.includes(status)) return to;
  const message = `The actor is ${status}: ${change} works on one that is ${from.join(" or ")}.`;
  throw new TheaterError("wrong-state", message, { status, change });
}

/** Whether an actor of this status takes messages in; the others answer `wrong-state`, or 503 while short. */
export function admitsMessages(status: Status): boolean {
  return status === "created" || status === "running" || status === "paused";
}

/** The table as a Mermaid state diagram. */
export function lifecycleDiagram(): string {
  const arrows = Object.entries(TRANSITIONS).flatMap(([change, { from, to }]) =>
    from.map((status) => `    ${status} --> ${to}: ${change}`),
  );
  return ["stateDiagram-v2", "    [*] --> created", ...arrows, "    deleted --> [*]"].join("\n");
}
