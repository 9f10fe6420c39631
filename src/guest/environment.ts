// `theater/guest/environment`: the variables that the manifest lets the actor read. What is not granted looks
// as if it did not exist.

import * as host from "theater:simple/environment";

/** Null if there is no such variable. Of a secret, the placeholder to put into an HTTP request. */
export function getVar(name: string): string | null {
  return host.getVar(name);
}

/** All that may be read, if the manifest allows to list it; otherwise nothing. */
export function listVars(): [name: string, value: string][] {
  return host.listVars();
}

export function exists(name: string): boolean {
  return host.exists(name);
}
