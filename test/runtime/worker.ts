// A Worker with the real Actor, on bindings that the tests can make fail. Tests and objects
// share one isolate under the plugin, so `faults` reaches both.

import { HANDLERS, Registry } from "../../src/handlers/registry.ts";
import { Actor as RealActor } from "../../src/runtime/actor.ts";
import type { Environment } from "../../src/runtime/environment.ts";
import { echo } from "../conformance/echo-plugin.ts";
import { withFaults } from "./faults.ts";
import { words } from "./words.ts";

export const registry = new Registry([...HANDLERS, words, echo]);

export class Actor extends RealActor {
  constructor(state: DurableObjectState, environment: Environment) {
    super(state, withFaults(environment), registry);
  }

  /** Dies at once, with all that it is doing. */
  crash(): void {
    this.ctx.abort("crash");
  }
}

// Tests ask the runtime, not the front door.
// oxlint-disable-next-line import/no-default-export -- what a Worker is
export default { fetch: (): Response => new Response(null, { status: 404 }) };
