// `theater:simple/timing`. `now` is answered in the isolate; `sleep` and `deadline` need durable timers.

import { z } from "zod";
import type { Handler } from "./handler.ts";
import { timingPure } from "./pure/timing.ts";

export const timing: Handler = {
  type: "timing",
  imports: ["theater:simple/timing"],
  exports: [],
  config: z.strictObject({}),
  pure: timingPure,
  functions: {},
};
