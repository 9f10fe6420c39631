// `theater/guest/timing`: recorded time.

import * as host from "theater:simple/timing";

/** Milliseconds since the epoch. Stands still during a turn, except where the turn waited. */
export function now(): number {
  return host.now();
}
