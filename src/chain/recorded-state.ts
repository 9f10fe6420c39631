// What an event says the state is from there on. Every reader of the past asks here: replay, time travel, revert,
// fork, and whoever verifies a fork.

import { equalBytes } from "../lib/bytes.ts";
import type { EventType } from "./event-types.ts";
import { decodePayload } from "./payload.ts";
import { Link } from "./value.ts";

/** The types of events that can say it. */
export const STATE_TYPES = [
  "actor.started",
  "turn.committed",
  "actor.migrated",
  "actor.reverted",
] as const satisfies readonly EventType[];

/** Bytes, or a link to them; null: the state is none. */
export type RecordedState = Uint8Array | Link | null;

/**
 * Undefined: as it was before the event. "erased": the payload is gone, and with it what it said, so that from
 * there to the next event that says it the state is unknown.
 */
export function stateSaid({
  type,
  payload,
}: {
  type: string;
  payload: Uint8Array | null;
}): { state: RecordedState } | "erased" | undefined {
  const known = STATE_TYPES.find((one) => one === type);
  if (known === undefined) return undefined;
  if (payload === null) return "erased";
  const { state } = decodePayload(known, payload);
  return state === null ? undefined : { state: (state[0] ?? null) as RecordedState };
}

/** Long states are links wherever they are recorded, so a link and bytes are never the same. */
export function isSameState(one: RecordedState, other: RecordedState): boolean {
  if (one === null || other === null) return one === other;
  if (one instanceof Uint8Array && other instanceof Uint8Array) return equalBytes(one, other);
  return one instanceof Link && other instanceof Link && equalBytes(one.digest, other.digest);
}
