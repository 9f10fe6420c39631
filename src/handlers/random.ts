// `theater:simple/random`, answered in the isolate from the turn's recorded seed.

import { z } from "zod";
import type { Handler } from "./handler.ts";
import { randomPure } from "./pure/random.ts";

const count = z.int().nonnegative();

export const random: Handler = {
  type: "random",
  imports: ["theater:simple/random"],
  exports: [],
  config: z
    .strictObject({ max_bytes: count.optional(), max_int: count.optional() })
    .transform(({ max_bytes, max_int }) => ({
      ...(max_bytes === undefined ? {} : { maxBytes: max_bytes }),
      ...(max_int === undefined ? {} : { maxInt: max_int }),
    })),
  pure: randomPure,
  functions: {},
};
