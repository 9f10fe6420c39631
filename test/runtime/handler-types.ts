// What a manifest of these tests may grant. It has no imports: also the builds of the actors read it.

/** Of every built-in handler. */
export const TYPES = [
  "runtime",
  "message-server",
  "store",
  "random",
  "environment",
  "filesystem",
  "http-client",
  "http-framework",
  "process",
  "timing",
  "timers",
  "supervisor",
];
