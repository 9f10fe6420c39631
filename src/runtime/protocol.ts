// What an actor's Durable Object answers over RPC. Rule: outcomes are values, never exceptions. The
// output gate holds RPC results until writes are on disk, but it does not hold exceptions (measured on
// workerd 1.20261102), so a throw can only mean "nothing was recorded".

import type { ErrorCode } from "../lib/errors.ts";

/** A position in a chain: what the `Theater-Event` header says as `<seq>:<cid>`. */
export interface EventRef {
  seq: number;
  /** The text form, "b…". */
  cid: string;
}

/** A refusal or failure as a value. `event` is where the chain records it, if it does. */
export interface Refusal {
  code: ErrorCode;
  message: string;
  evidence?: Record<string, unknown>;
  event?: EventRef;
}

export type Answer<T> = { ok: true; value: T } | { ok: false; error: Refusal };

export type ActorStatus = "running" | "paused" | "stopped" | "failed";

/** What `GET /v1/actors/:id` shows. Times are ms since the epoch; digests are "sha256:<hex>". */
export interface ActorSummary {
  id: string;
  name: string;
  component: string;
  manifest: string;
  status: ActorStatus;
  parent: string | null;
  head: EventRef;
  /** Highest seq that the ledger has acknowledged; -1 before the first. */
  ledgerSeq: number;
  turns: number;
  /** Messages accepted and not yet run. */
  mailbox: number;
  stateBytes: number | null;
  createdMs: number;
}

/** Retry protection for one message. `digest` is sha256 of the body: the same key with another body is refused. */
export interface IdempotencyKey {
  principal: string;
  key: string;
}

export interface MessageInput {
  body: Uint8Array;
  /** Who sends it: "external" or an actor id. */
  from: string;
  idempotency?: IdempotencyKey;
}

/** One event as the audit routes show it; `payload` is null where it was erased. */
export interface ChainEntry {
  seq: number;
  cid: string;
  block: Uint8Array;
  payload: Uint8Array | null;
}
