// How long a restart waits. Deterministic: what is random comes from the recorded seed, and the arithmetic
// is multiplication only, because `**` may round differently from engine to engine.

import { sha256 } from "../chain/hash.ts";
import { concat, fromUtf8 } from "../lib/bytes.ts";
import type { Backoff } from "./spec.ts";

/**
 * Milliseconds before the restart that follows the `failures`-th failure in a row (1 is the first). Each
 * child draws its own share from the seed.
 */
export function backoffMs(
  { minMs, maxMs, factor, jitter }: Backoff,
  draw: { readonly failures: number; readonly child: string; readonly seed: Uint8Array },
): number {
  let delay = minMs;
  for (let n = 1; n < draw.failures && delay < maxMs && factor > 1 && delay > 0; n++) {
    delay *= factor;
  }
  delay = Math.min(delay, maxMs);
  if (delay <= 0 || jitter <= 0) return Math.round(Math.max(delay, 0));
  return Math.round(delay * (1 - jitter * share(draw)));
}

/** Uniform in [0, 1). */
function share(draw: { failures: number; child: string; seed: Uint8Array }): number {
  const digest = sha256(concat([draw.seed, fromUtf8(`${draw.child}/${draw.failures}`)]));
  return new DataView(digest.buffer, digest.byteOffset).getUint32(0) / 2 ** 32;
}
