// Outcomes as values, and back. The one place where exceptions become answers of an RPC and where an
// answer that is a refusal is thrown again: exceptions would pass the output gate, values do not.

import { ensureTheaterError, TheaterError } from "../lib/errors.ts";
import type { Answer, EventRef, Refusal } from "./protocol.ts";

/** An error that the chain may record: a guest's error, a failure of its turn, or somebody else's refusal. */
export class RecordedError extends TheaterError {
  readonly event: EventRef | undefined;

  constructor({ code, message, evidence, event }: Refusal) {
    super(code, message, evidence);
    this.event = event;
  }
}

/** Runs `work` and makes a value of however it ends. */
export async function answer<T>(work: () => Promise<T>): Promise<Answer<T>> {
  try {
    return { ok: true, value: await work() };
  } catch (thrown) {
    const error = toTell(thrown);
    const { code, message, evidence } = error;
    const event = error instanceof RecordedError ? error.event : undefined;
    const refusal: Refusal = {
      code,
      message,
      ...(evidence && { evidence: { ...evidence } }),
      ...(event && { event }),
    };
    return { ok: false, error: refusal };
  }
}

/**
 * What a caller may be told. The text of an error that is not ours may hold anything (SQL, addresses), so
 * it goes to the operator's log only.
 */
function toTell(thrown: unknown): TheaterError {
  const error = ensureTheaterError(thrown);
  if (error.code !== "internal") return error;
  // oxlint-disable-next-line no-console -- there is no other log
  console.error(error.stack ?? error.message);
  if (error.message.startsWith("D1_")) {
    return new TheaterError("unavailable", "The ledger does not answer: try again later.");
  }
  const told = "The server failed unexpectedly: its log says more.";
  return new TheaterError("internal", told, error.evidence && { ...error.evidence });
}

/** The value, or the refusal thrown again, with `more` evidence. */
export function settled<T>(given: Answer<T>, more: Record<string, unknown> = {}): T {
  if (given.ok) return given.value;
  const { error } = given;
  throw new RecordedError({ ...error, evidence: { ...error.evidence, ...more } });
}

/** Calls an object. One that throws says only that the connection broke: it answers in values. */
export async function reached<T>(call: () => Promise<Answer<T>>): Promise<Answer<T>> {
  try {
    return await call();
  } catch (thrown) {
    const cause = thrown instanceof Error ? thrown.message : String(thrown);
    const message =
      "The connection to the actor broke: repeat with the same Idempotency-Key to learn the outcome.";
    return { ok: false, error: { code: "outcome-unknown", message, evidence: { cause } } };
  }
}
