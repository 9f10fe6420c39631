// A wait inside a turn: bounded by the turn's own limit, because a turn that is cut is undone.

import { err, ok, type HandlerAnswer } from "../../handlers/handler.ts";

/** Timers may be early by a fraction of a millisecond. */
const EARLY_MS_MAX = 10;

/** Answers at `ms` or, where the turn would be cut before, at once with an err. Both since the epoch. */
export async function waitUntil(ms: number, turnEndsMs: number): Promise<HandlerAnswer> {
  const leftMs = turnEndsMs - Date.now();
  const waitMs = ms - Date.now();
  if (waitMs >= leftMs) {
    return err(
      `the wait has ${waitMs} ms and the turn ${leftMs} left: raise limits.turn_ms, or schedule a ` +
        "timer (theater:edge/timers), which needs no turn to wait in",
    );
  }
  for (let rest = waitMs; rest > 0;) {
    await pause(rest);
    rest = ms - Date.now();
    if (rest > EARLY_MS_MAX) break; // the clock was put back meanwhile: the time has passed all the same
  }
  return ok(null);
}

/** For what is tried again. */
export async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
