// The guests' isolate: one per module set, shared by all actors of a component.
//
// WebAssembly sees nothing of this scope. JavaScript that a component got run here would: it could carry
// what one actor of the component says to another, and give wrong answers for the calls that are answered
// here, which a replay finds. It could not reach the network, the Worker's bindings, other components, or
// more of the host than the one method of its turn's door (test/attack/isolation.test.ts shows both).

import { WorkerEntrypoint } from "cloudflare:workers";
import { environment } from "component:component.js";
import { cores } from "component:cores.js";
import description from "component:description.json";
import type { BatchHost, TurnHost, TurnInput, TurnOutput } from "./executor/executor.ts";
import { Instances } from "./executor/instances.ts";
import type { ScriptedOutput, ScriptedTurn } from "./executor/script.ts";
import { PURE } from "./handlers/pure/pure.ts";

const instances = new Instances({ environment, cores, description }, PURE);

const later = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

export default class Guest extends WorkerEntrypoint {
  /** Answers if the isolate started at all. */
  ready(): boolean {
    return true;
  }

  async run(input: TurnInput, host: TurnHost): Promise<TurnOutput> {
    this.ctx.waitUntil(later().then(() => instances.refill()));
    return await instances.run(input, host);
  }

  async runBatch(turns: readonly TurnInput[], host: BatchHost): Promise<TurnOutput[]> {
    this.ctx.waitUntil(later().then(() => instances.refill()));
    return await instances.runBatch(turns, host);
  }

  async runScripted(turns: readonly ScriptedTurn[]): Promise<ScriptedOutput[]> {
    return await instances.runScripted(turns);
  }
}
