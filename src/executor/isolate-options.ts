// What every dynamic isolate has in common: no network, no bindings. It reaches the world only through
// the stub that a call hands it.

/** `globalOutbound` must be said: left out, the isolate would inherit the Worker's own network. */
export const ISOLATE_BASE = {
  compatibilityDate: "2026-10-20",
  compatibilityFlags: [] as string[],
  globalOutbound: null,
  env: {},
};
