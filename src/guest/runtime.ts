// `theater/guest/runtime`: the actor and its own record.

import * as host from "theater:simple/runtime";
import { type Body, toBytes } from "./message.ts";

/** Writes a line into the chain. */
export function log(line: string): void {
  host.log(line);
}

/**
 * The actor's own events so far, oldest first. `hash` and `parent` are 64-bit numbers and lose their last
 * digits here: compare them, but do not quote them.
 */
export function getChain(): host.Chain {
  return host.getChain();
}

/** Ends this actor once the turn is over; `data` goes to its parent. Throws where it cannot end now. */
export function shutdown(data?: Body): void {
  host.shutdown(data === undefined ? null : toBytes(data));
}
