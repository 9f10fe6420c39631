// `theater/guest/timing`: recorded time.

import * as host from "theater:simple/timing";

/** Milliseconds since the epoch. Stands still during a turn, except where the turn waited. */
export function now(): number {
  return host.now();
}

/** Waits inside the turn, milliseconds. Throws where that is not granted, or longer than the turn may take. */
export function sleep(duration: number): void {
  host.sleep(duration);
}

/** Waits inside the turn until a point in time, milliseconds since the epoch. Throws as `sleep` does. */
export function deadline(timestamp: number): void {
  host.deadline(timestamp);
}
