// Functions that wit/ has and this version does not serve. A test asserts each of them: who serves one
// takes it from here and gives it a row.

/** By interface, or by function. */
const GAPS: Readonly<Record<string, string>> = {
  // For good: nothing of the original calls it either, and nobody starts a process.
  "theater:simple/websocket-server": "never called: `http-handlers` has taken its place",
  "theater:simple/process-handlers": "never called: there are no processes",
};

export const gapOf = (about: string): string | undefined =>
  GAPS[about] ?? GAPS[about.replace(/#.*/, "")];
