// `theater:simple/runtime` as far as the isolate answers it: both functions only leave a record, which
// the host acts on when the turn commits.

import type { PureFunctions } from "../../executor/recorder.ts";

export const runtimePure: PureFunctions = {
  "theater:simple/runtime#log": {
    handler: "runtime",
    answer: () => ({ outcome: "returned", result: null }),
  },
  // Acts at commit: a turn that fails afterwards has not shut anything down.
  "theater:simple/runtime#shutdown": {
    handler: "runtime",
    acts: true,
    answer: () => ({ outcome: "returned", result: { ok: null } }),
  },
};
