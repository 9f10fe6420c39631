// Whether a recorded migration is what the component makes of the state before.

import { decodePayload } from "../chain/payload.ts";
import type { Value } from "../chain/value.ts";
import type { Executor } from "../executor/executor.ts";
import { equalBytes } from "../lib/bytes.ts";
import type { InForce } from "./in-force.ts";
import { migrate, hasMigrate, type Migrated } from "./migration.ts";
import type { RecordedEvent } from "./recorded-turn.ts";
import { isSame } from "./transcript.ts";
import type { Difference, Side } from "./verdict.ts";

/**
 * `before` is the state before the `actor.migrated`; undefined where it was erased. Undefined: they agree, or
 * nobody can tell, because something was erased or the component that runs instead has no migration.
 */
export async function migrationDifference(
  executor: Executor,
  inForce: InForce,
  event: RecordedEvent,
  before: Uint8Array | null | undefined,
): Promise<Difference | undefined> {
  const { modules, recorded, component, description } = inForce;
  const isRecorded = equalBytes(component, recorded.component);
  if (event.payload === null || before === undefined || !isRecorded) return undefined;
  const { state } = decodePayload("actor.migrated", event.payload);
  const again = hasMigrate(description) ? await migrate({ executor, modules }, before) : undefined;
  const found = again === undefined ? null : sideOf(again);
  const isAgreed = found?.type === "actor.migrated" && isSame({ state }, found.fields);
  if (isAgreed) return undefined;
  const expected = { type: "actor.migrated", about: "", fields: { state } };
  return { seq: event.seq, turn: 0, expected, found };
}

function sideOf(again: Migrated): Side {
  if (again.kind === "migrated") {
    const state: Value = again.state === null ? [] : [again.state];
    return { type: "actor.migrated", about: "", fields: { state } };
  }
  if (again.kind === "refused") {
    return { type: "turn.refused", about: "", fields: { error: again.error } };
  }
  const { failure: kind, code } = again;
  return { type: "turn.failed", about: "", fields: { kind, code } };
}
