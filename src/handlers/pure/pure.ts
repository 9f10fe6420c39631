// All that a guest is answered where it runs, without a hop to the host: the same in its own isolate and in the
// Worker's, or a replay by the other would differ.

import type { PureHost } from "../../executor/instances.ts";
import { standIn } from "../../wasi/serve.ts";
import { randomPure, streamSeed } from "./random.ts";
import { runtimePure } from "./runtime.ts";
import { timingPure } from "./timing.ts";

const functions = { ...runtimePure, ...timingPure, ...randomPure };

export const PURE: PureHost = {
  functions,
  streamSeed,
  standIn: (description, slot) => standIn(description, slot, functions),
};
