// `theater:simple/random`, answered in the isolate from the turn's recorded seed.

import { z } from "zod";
import type { Handler } from "./handler.ts";
import { randomPure } from "./pure/random.ts";

/** What a turn's recorder takes: a result travels and is recorded whole. */
const BYTES_MAX = 8 * 1024 * 1024;

const count = z
  .int()
  .nonnegative()
  .transform((n) => n + 0); // JSON can say -0, which the chain cannot hold

export const random: Handler = {
  type: "random",
  imports: ["theater:simple/random"],
  exports: [],
  config: z
    .strictObject({
      max_bytes: count.pipe(z.int().max(BYTES_MAX)).optional(),
      max_int: count.optional(),
    })
    .transform(({ max_bytes, max_int }) => ({
      ...(max_bytes === undefined ? {} : { maxBytes: max_bytes }),
      ...(max_int === undefined ? {} : { maxInt: max_int }),
    })),
  pure: randomPure,
  functions: {},
};
