// Functions that wit/ has and this version does not serve yet. A test asserts each of them: who serves one
// takes it from here and gives it a row.

/** By interface. */
const GAPS: Readonly<Record<string, string>> = {
  "theater:simple/http-framework": "not yet",
  "theater:simple/http-handlers": "not yet",
  "theater:simple/websocket-server": "not yet",
  // For good: nobody starts a process.
  "theater:simple/process-handlers": "never called: there are no processes",
};

/** Those of them that a component would import. */
export const GAP_IMPORTS = ["theater:simple/http-framework"] as const;

export const gapOf = (about: string): string | undefined => GAPS[about.replace(/#.*/, "")];
