// `theater:simple/timing`. `now` is answered in the isolate; `sleep` and `deadline` need durable timers.

import { z } from "zod";
import { unserved, type Handler } from "./handler.ts";
import { narrowing } from "./narrow.ts";
import { timingPure } from "./pure/timing.ts";

export const timing: Handler = {
  type: "timing",
  imports: ["theater:simple/timing"],
  exports: [],
  config: z.strictObject({}),
  narrow: narrowing({}),
  pure: timingPure,
  functions: {
    "theater:simple/timing#sleep": unserved("durable timers"),
    "theater:simple/timing#deadline": unserved("durable timers"),
  },
};
