// What every dynamic isolate has in common: no network, no bindings. It reaches the world only through
// the stub that a call hands it.

/** `globalOutbound` must be said: left out, the isolate would inherit the Worker's own network. */
export const ISOLATE_BASE = {
  compatibilityDate: "2026-10-20",
  // By this date Node's modules are there by default, with files and a process: guests need none.
  compatibilityFlags: ["no_nodejs_compat", "no_nodejs_compat_v2"] as string[],
  globalOutbound: null,
  env: {},
};
