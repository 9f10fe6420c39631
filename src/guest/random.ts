// `theater/guest/random`: recorded randomness. Every function throws where a granted limit is passed.

import * as host from "theater:simple/random";

export function randomBytes(length: number): Uint8Array {
  return host.randomBytes(length);
}

/** An integer, at least `min` and less than `max`; both below 2^53. */
export function randomRange(min: number, max: number): number {
  return host.randomRange(min, max);
}

/** At least 0 and less than 1; `Math.random` is the same. */
export function randomFloat(): number {
  return host.randomFloat();
}

/** A UUID, version 4. */
export function generateUuid(): string {
  return host.generateUuid();
}
