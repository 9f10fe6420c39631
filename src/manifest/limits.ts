// The limits of one actor: what its manifest may ask for, and what holds where it is silent.

import { z } from "zod";
import { TheaterError } from "../lib/errors.ts";

export interface Limits {
  /** Bytes of a state that a turn may commit. */
  stateBytes: number;
  /** Bytes of one message. */
  messageBytes: number;
  /** Messages that may wait. */
  mailbox: number;
  /** Wall-clock time of one turn, ms: waiting for others included. */
  turnMs: number;
  /** Time that a caller waits once the turn of its request ended without an answer, ms. */
  replyMs: number;
}

const MAX: Limits = {
  // A state crosses into the isolate and back with every turn, by RPC, which carries at most 32 MiB.
  stateBytes: 8 * 1024 * 1024,
  messageBytes: 1024 * 1024,
  mailbox: 10_000,
  turnMs: 15 * 60_000,
  // Half of what an Idempotency-Key is kept for, under which a caller comes back.
  replyMs: 12 * 3_600_000,
};

const DEFAULT: Limits = {
  stateBytes: 1024 * 1024,
  messageBytes: 1024 * 1024,
  mailbox: 1_000,
  turnMs: 30_000,
  replyMs: 30_000,
};

const limit = (max: number, otherwise: number) => z.int().positive().max(max).default(otherwise);

/** The table `[limits]`. */
export const limitsTable = z
  .strictObject({
    state_bytes: limit(MAX.stateBytes, DEFAULT.stateBytes),
    message_bytes: limit(MAX.messageBytes, DEFAULT.messageBytes),
    mailbox: limit(MAX.mailbox, DEFAULT.mailbox),
    turn_ms: limit(MAX.turnMs, DEFAULT.turnMs),
    reply_ms: limit(MAX.replyMs, DEFAULT.replyMs),
  })
  .transform(({ state_bytes, message_bytes, mailbox, turn_ms, reply_ms }): Limits => ({
    stateBytes: state_bytes,
    messageBytes: message_bytes,
    mailbox,
    turnMs: turn_ms,
    replyMs: reply_ms,
  }))
  .prefault({});

export const LIMIT_KEYS = [
  "state_bytes",
  "message_bytes",
  "mailbox",
  "turn_ms",
  "reply_ms",
] as const;

/** Limits of the contract that this version cannot keep for one actor: the reason stands in the refusal. */
const LATER: Readonly<Record<string, string>> = {
  fuel: "a turn is bounded by turn_ms only",
  memory_pages: "every component has the same memory limit, compiled into its modules at upload",
};

/** Throws `unsupported` rather than ignore a limit that somebody counts on. */
export function refuseLaterLimits(table: unknown): void {
  if (typeof table !== "object" || table === null) return;
  for (const [key, reason] of Object.entries(LATER)) {
    if (!Object.hasOwn(table, key)) continue;
    const message = `Remove limits.${key}: this version has no such limit for one actor; ${reason}.`;
    throw new TheaterError("unsupported", message, { key: `limits.${key}` });
  }
}
