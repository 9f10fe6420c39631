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
import type {
  BatchHost,
  HostAnswer,
  TurnHost,
  TurnInput,
  TurnOutput,
} from "./executor/executor.ts";
import { Instances } from "./executor/instances.ts";
import type { ScriptedOutput, ScriptedTurn } from "./executor/script.ts";
import { PURE } from "./handlers/pure/pure.ts";

const instances = new Instances({ environment, cores, description }, PURE);

/** A component that imports nothing but what is answered here says so, and is spared a door from its second turn on. */
const asksHost = description.imports.some(({ name, functions }) =>
  Object.keys(functions).some((fn) => !Object.hasOwn(PURE.functions, `${name}#${fn}`)),
);

const NOBODY = {
  call: (): Promise<HostAnswer> => {
    const message = "the isolate has said that it asks nobody";
    return Promise.resolve({ abort: { kind: "host", code: "host-call", message } });
  },
};

export default class Guest extends WorkerEntrypoint {
  /** Answers if the isolate started at all. */
  ready(): boolean {
    return true;
  }

  async run(input: TurnInput, host: TurnHost | null): Promise<TurnOutput & { asksHost?: false }> {
    this.#refill();
    const output = await instances.run(input, host ?? NOBODY);
    return asksHost ? output : { ...output, asksHost };
  }

  async runBatch(turns: readonly TurnInput[], host: BatchHost | null): Promise<TurnOutput[]> {
    this.#refill();
    return await instances.runBatch(turns, host ?? NOBODY);
  }

  #refill(): void {
    const refilled = instances.refill();
    if (refilled !== undefined) this.ctx.waitUntil(refilled);
  }

  async runScripted(turns: readonly ScriptedTurn[]): Promise<ScriptedOutput[]> {
    return await instances.runScripted(turns);
  }
}
