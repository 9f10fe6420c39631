// `theater:simple/timing#now`: the turn's clock. It stands still while the guest computes and moves only
// with a recorded effect, so that a replay reads the same times.

import type { PureFunctions } from "../../executor/recorder.ts";

export const timingPure: PureFunctions = {
  "theater:simple/timing#now": {
    handler: "timing",
    answer: (context) => ({ outcome: "returned", result: context.now() }),
  },
};
