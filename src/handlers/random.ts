// `theater:simple/random`, answered in the isolate from the turn's recorded seed.

import { z } from "zod";
import type { Value } from "../chain/value.ts";
import type { Handler } from "./handler.ts";
import { least, narrowing } from "./narrow.ts";
import { randomPure } from "./pure/random.ts";

/** What a turn's recorder takes: a result travels and is recorded whole. */
const BYTES_MAX = 8 * 1024 * 1024;
/** Bytes of one call where the manifest is silent. */
const BYTES_DEFAULT = 1024 * 1024;
/** Where the manifest is silent, whatever WIT can say. */
const INT_DEFAULT = 2n ** 64n - 1n;

const count = z
  .int()
  .nonnegative()
  .transform((n) => n + 0); // JSON can say -0, which the chain cannot hold

export const random: Handler = {
  type: "random",
  may: "draw random bytes and numbers",
  imports: ["theater:simple/random"],
  exports: [],
  config: z
    .strictObject({
      max_bytes: count.pipe(z.int().max(BYTES_MAX)).default(BYTES_DEFAULT),
      max_int: count.optional(),
    })
    .transform(({ max_bytes, max_int }): Value => ({
      maxBytes: max_bytes,
      maxInt: max_int ?? INT_DEFAULT,
    })),
  narrow: narrowing({ maxBytes: least, maxInt: least }),
  pure: randomPure,
  functions: {},
};
