// `theater:simple/random`: everything from the turn's recorded seed, so a replay draws the same numbers.

import type { Value } from "../../chain/value.ts";
import type { PureContext, PureFunctions } from "../../executor/recorder.ts";
import type { TurnInput } from "../../executor/executor.ts";
import { fromUtf8, toHex } from "../../lib/bytes.ts";

/** Both limits; one that is absent allows nothing. */
function limitsOf({ grant }: PureContext): { maxBytes: number; maxInt: bigint } {
  const { maxBytes, maxInt } = (grant ?? {}) as { maxBytes?: number; maxInt?: number | bigint };
  return { maxBytes: maxBytes ?? 0, maxInt: BigInt(maxInt ?? 0) };
}

/**
 * What the turn's random bytes are a stream of: the recorded seed, or, where the manifest gives one, that and
 * the number of the turn, so that two actors of one manifest draw the same.
 */
export function streamSeed({ seed, turn, grants }: TurnInput): Uint8Array {
  const grant = (grants["random"] ?? {}) as { seed?: string };
  return grant.seed === undefined ? seed : fromUtf8(`theater random ${turn} ${grant.seed}`);
}

const ok = (value: Value) => ({ outcome: "returned", result: { ok: value } }) as const;
const denied = (reason: string) =>
  ({ outcome: "denied", result: { err: `Permission denied: ${reason}` } }) as const;
const failed = (reason: string) => ({ outcome: "failed", result: { err: reason } }) as const;

function randomU64(context: PureContext): bigint {
  const view = new DataView(context.random(8).buffer);
  return view.getBigUint64(0);
}

/** A number is a number while it is safe: the chain's rule for integers. */
const integer = (n: bigint): Value => (n <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(n) : n);

/** Uniform in [0, span) by rejection: the remainder alone would favour small numbers. */
function uniform(context: PureContext, span: bigint): bigint {
  const limit = (1n << 64n) - ((1n << 64n) % span);
  for (;;) {
    const drawn = randomU64(context);
    if (drawn < limit) return drawn % span; // at least half of all draws end here
  }
}

function float64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value);
  return bytes;
}

export const randomPure: PureFunctions = {
  "theater:simple/random#random-bytes": {
    handler: "random",
    answer: (context, [length]) => {
      const max = limitsOf(context).maxBytes;
      if (Number(length) > max) return denied(`at most ${max} random bytes in one call`);
      return ok(context.random(Number(length)));
    },
  },
  // At least `min` and less than `max`.
  "theater:simple/random#random-range": {
    handler: "random",
    answer: (context, [min, max]) => {
      const [low, high] = [BigInt(min as number | bigint), BigInt(max as number | bigint)];
      if (low >= high) return failed(`the range is empty: ${low} is not below ${high}`);
      const limit = limitsOf(context).maxInt;
      if (high > limit) return denied(`numbers above ${limit}`);
      return ok(integer(low + uniform(context, high - low)));
    },
  },
  // 53 random bits, in [0, 1).
  "theater:simple/random#random-float": {
    handler: "random",
    answer: (context) => ok(float64(Number(randomU64(context) >> 11n) / 2 ** 53)),
  },
  "theater:simple/random#generate-uuid": {
    handler: "random",
    answer: (context) => {
      const bytes = context.random(16);
      bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40; // version 4, variant 1: RFC 9562 section 5.4
      bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
      const hex = toHex(bytes);
      const parts = [
        hex.slice(0, 8),
        hex.slice(8, 12),
        hex.slice(12, 16),
        hex.slice(16, 20),
        hex.slice(20),
      ];
      return ok(parts.join("-"));
    },
  },
};
