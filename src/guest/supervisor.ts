// `theater/guest/supervisor`: an actor's own children. What becomes of them arrives in `onChildError`,
// `onChildExit` and `onChildExternalStop`; whether they start again, the manifest's [supervisor] table says.

import * as host from "theater:simple/supervisor";
import { type Body, Message, toBytes } from "./message.ts";

/** An event in the chain of a child. */
export interface ChildEvent {
  /** The digests that name it and the event before it, 32 bytes each. */
  readonly hash: Uint8Array;
  readonly parentHash: Uint8Array | null;
  readonly type: string;
  /** Its payload, a block of DAG-CBOR. */
  readonly data: Uint8Array;
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
}

/**
 * Starts a child and returns its id. `manifest`: TOML, or "sha256:…" or "store://…" of TOML. `initState`
 * replaces the manifest's. The child stays only if the turn succeeds. Throws why there is none.
 */
export function spawn(manifest: string, initState?: Body): string {
  return host.spawn(manifest, initState === undefined ? null : toBytes(initState));
}

/** Starts a child from a state that an actor had before, without its init. Throws why there is none. */
export function resume(manifest: string, state: Body | null): string {
  return host.resume(manifest, state === null ? null : toBytes(state));
}

/** The ids of the children that run, or will again. */
export function listChildren(): string[] {
  return host.listChildren();
}

/** Stops a child in good order, and waits for it. Throws for an id that is not a child's. */
export function stopChild(childId: string): void {
  host.stopChild(childId);
}

/** Stops a child if it runs and starts it again. Throws where it does not begin. */
export function restartChild(childId: string): void {
  host.restartChild(childId);
}

/** The state of a child after its last turn; null where it has none. */
export function childState(childId: string): Message | null {
  const state = host.getChildState(childId);
  return state === null ? null : new Message(state);
}

/** The newest events of a child, oldest first. */
export function childEvents(childId: string): ChildEvent[] {
  return host
    .getChildEvents(childId)
    .map(({ hash, parentHash, eventType: type, data, timestamp }) => ({
      hash,
      parentHash,
      type,
      data,
      timestamp,
    }));
}
