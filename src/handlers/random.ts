// `theater:simple/random`, answered in the isolate from the turn's recorded seed.

import { z } from "zod";
import type { Value } from "../chain/value.ts";
import type { Handler } from "./handler.ts";
import { least, narrowing, type Meet } from "./narrow.ts";
import { randomPure } from "./pure/random.ts";

/** What a turn's recorder takes: a result travels and is recorded whole. */
const BYTES_MAX = 8 * 1024 * 1024;
/** Bytes of one call where the manifest is silent. */
const BYTES_DEFAULT = 1024 * 1024;
/** Where the manifest is silent, whatever WIT can say. */
const INT_DEFAULT = 2n ** 64n - 1n;

const SEED_LENGTH_MAX = 64;

const count = z
  .int()
  .nonnegative()
  .transform((n) => n + 0); // JSON can say -0, which the chain cannot hold

const seedText = z
  .string()
  .min(1)
  .max(SEED_LENGTH_MAX)
  .refine((text) => text.isWellFormed(), "half of a surrogate pair is no text");

/** To be predictable is no permission: whoever asks for a seed of its own has it. */
const meet: Meet = (held, asked) => {
  const limits = narrowing({ maxBytes: least, maxInt: least })(held, asked) as object;
  const { seed } = asked as { seed?: Value };
  return { ...limits, ...(seed === undefined ? {} : { seed }) };
};

export const random: Handler = {
  type: "random",
  may: "draw random bytes and numbers",
  imports: ["theater:simple/random"],
  exports: [],
  config: z
    .strictObject({
      max_bytes: count.pipe(z.int().max(BYTES_MAX)).default(BYTES_DEFAULT),
      max_int: count.optional(),
      seed: z.union([seedText, count.transform(String)]).optional(),
    })
    .transform(({ max_bytes, max_int, seed }): Value => ({
      maxBytes: max_bytes,
      maxInt: max_int ?? INT_DEFAULT,
      ...(seed === undefined ? {} : { seed }),
    })),
  narrow: meet,
  pure: randomPure,
  functions: {},
};
