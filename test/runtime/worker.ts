// A Worker with the real Actor, on bindings that the tests can make fail. Tests and objects
// share one isolate under the plugin, so `faults` reaches both.

import { BUNDLED } from "../../build/test/build/bundled.js";
import { Bundle } from "../../src/executor/bundle.ts";
import { PURE } from "../../src/handlers/pure/pure.ts";
import { HANDLERS, Registry } from "../../src/handlers/registry.ts";
import { Actor as RealActor } from "../../src/runtime/actor.ts";
import type { Environment } from "../../src/runtime/environment.ts";
import { executorOf } from "../../src/runtime/executor-of.ts";
import { echo } from "../conformance/echo-plugin.ts";
import { withFaults } from "./faults.ts";
import { words } from "./words.ts";

export const registry = new Registry([...HANDLERS, words, echo]);

export const bundle = new Bundle(BUNDLED, PURE);

export class Actor extends RealActor {
  constructor(state: DurableObjectState, environment: Environment) {
    const faulty = withFaults(environment);
    super(state, faulty, { registry, executor: executorOf(faulty, registry, bundle) });
  }

  /** Dies at once, with all that it is doing. */
  crash(): void {
    this.ctx.abort("crash");
  }
}

// Tests ask the runtime, not the front door.
// oxlint-disable-next-line import/no-default-export -- what a Worker is
export default { fetch: (): Response => new Response(null, { status: 404 }) };
