// The end of a turn as whoever waits for it is told.

import type { Value } from "../../chain/value.ts";
import { RecordedError } from "../answers.ts";
import type { TurnEnd } from "../turn/turn.ts";

export type Committed = TurnEnd & { kind: "committed" };

/** A turn that committed; the guest's error and its failures are thrown with the event that records them. */
export function settledEnd(end: TurnEnd): Committed {
  if (end.kind === "committed") return end;
  throw refusalOf(end);
}

export function refusalOf(end: Exclude<TurnEnd, Committed>): RecordedError {
  const { event } = end;
  if (end.kind === "refused") {
    return new RecordedError({ code: "guest-error", message: textOf(end.error), event });
  }
  const code = FAILURE_CODES[end.failure];
  return new RecordedError({ code, message: `${end.code}: ${end.message}`, event });
}

/** The err of every `theater:simple` export is a text. */
function textOf(error: Value): string {
  return typeof error === "string" ? error : "the guest gave an error that is not a text";
}

const FAILURE_CODES = {
  trap: "guest-trap",
  limit: "limit-exceeded",
  cut: "too-slow",
  host: "host-failure",
  lost: "host-failure",
} as const;
