// A component's `migrate`: the state of the component before it becomes its own. Rule: it is a function of the
// state alone. It may call nothing of the host, so whoever runs it again gets the same.

import type { Value } from "../chain/value.ts";
import type { Executor, HostAnswer, ModuleSetRef, TurnOutcome } from "../executor/executor.ts";
import { findFunction, type ComponentDescription } from "../executor/wit-type.ts";
import { MIGRATE } from "../handlers/exports.ts";
import { checkOutcome } from "../handlers/signatures.ts";

/** The state, or why there is none: the guest's own words, or what happened to it. */
export type Migrated =
  | { kind: "migrated"; state: Uint8Array | null }
  | { kind: "refused"; error: Value }
  | Extract<TurnOutcome, { kind: "failed" }>;

export function hasMigrate({ exports }: ComponentDescription): boolean {
  const [name = "", fn = ""] = MIGRATE.split("#");
  return findFunction(exports, { interface: name, function: fn }) !== undefined;
}

export async function migrate(
  { executor, modules }: { executor: Executor; modules: ModuleSetRef },
  state: Uint8Array | null,
): Promise<Migrated> {
  const input = {
    about: MIGRATE,
    params: [state === null ? null : [state]],
    time: 0,
    turn: 0,
    seed: new Uint8Array(32),
    grants: {},
    hostCallsMax: 1,
  };
  const { outcome, answered } = await executor.run(modules, input, { call: async () => CALLED });
  const isCalling = outcome.kind === "failed" && outcome.code === "host-call"; // of what nothing grants here
  if (answered.length > 0 || isCalling) return { kind: "failed", ...FAILURE };
  if (outcome.kind === "failed") return outcome;
  checkOutcome(MIGRATE, outcome); // the isolate may answer anything
  if (outcome.kind === "refused") return outcome;
  return { kind: "migrated", state: outcome.value === null ? null : bytesOf(outcome.value) };
}

function bytesOf(some: Value): Uint8Array {
  return (some as readonly [Uint8Array])[0];
}

const WHY = "migrate called the host: it may use the state alone";
const FAILURE = { failure: "limit", code: "host-calls", message: WHY } as const;
const CALLED: HostAnswer = { abort: { kind: "limit", code: "host-calls", message: WHY } };
