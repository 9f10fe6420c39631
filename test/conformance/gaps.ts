// Functions that wit/ has and this version does not serve yet. A test asserts each of them: who serves one
// takes it from here and gives it a row.

/** By interface, or by function. */
const GAPS: Readonly<Record<string, string>> = {
  "theater:simple/http-handlers#handle-websocket-connect": "not yet",
  "theater:simple/http-handlers#handle-websocket-message": "not yet",
  "theater:simple/http-handlers#handle-websocket-disconnect": "not yet",
  "theater:simple/websocket-server": "not yet",
  // For good: nobody starts a process.
  "theater:simple/process-handlers": "never called: there are no processes",
};

export const gapOf = (about: string): string | undefined =>
  GAPS[about] ?? GAPS[about.replace(/#.*/, "")];
