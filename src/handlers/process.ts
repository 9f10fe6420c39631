// `theater:simple/process`: there are no operating system processes where actors live. A component that
// imports the interface runs, and every call of it is answered with an error that says so, and recorded.

import { z } from "zod";
import { impossible, type Handler } from "./handler.ts";
import { narrowing } from "./narrow.ts";

const PROCESS = "theater:simple/process";
const NO_PROCESSES =
  "unsupported: actors run at the edge, where there are no processes: call a service with http-client, or another actor";

const FUNCTIONS = ["os-spawn", "os-write-stdin", "os-status", "os-signal", "os-kill"];

export const process: Handler = {
  type: "process",
  may: "import the interface; there are no processes here, every call fails",
  imports: [PROCESS],
  exports: ["theater:simple/process-handlers"],
  // None of the original's keys: a limit on processes would look as if there were some.
  config: z.strictObject({}),
  narrow: narrowing({}),
  pure: {},
  functions: Object.fromEntries(
    FUNCTIONS.map((name) => [`${PROCESS}#${name}`, impossible(NO_PROCESSES)]),
  ),
};
