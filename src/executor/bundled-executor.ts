// Runs components that were bundled with the Worker in the isolate that asks: no hop, and no Loader needed. Every other
// module set goes to the next executor.
//
// Invariant: what is recorded is the same, byte for byte, as by the Loader: the same recorder, the same instances, and
// the same checks of what comes out. What is not the same is the sandbox: see docs/deploy.md.

import { BatchCheck } from "./batch-answers.ts";
import type { Bundle } from "./bundle.ts";
import type {
  BatchHost,
  BundledSet,
  Executor,
  ModuleSetRef,
  TranspiledFile,
  TurnHost,
  TurnInput,
  TurnOutput,
} from "./executor.ts";
import { GuestCheck } from "./guest-answers.ts";
import type { ScriptedOutput, ScriptedTurn } from "./script.ts";
import type { ComponentDescription } from "./wit-type.ts";

/** After so many turns in a row that had no company, one in so many looks whether some has come. */
const ALONE = 8;

export class BundledExecutor implements Executor {
  readonly #bundle: Bundle;
  readonly #others: Executor;
  readonly #isPure: (about: string) => boolean;
  /** Turns without company since the last that had some. */
  #alone = 0;

  constructor(bundle: Bundle, others: Executor, isPure: (about: string) => boolean) {
    this.#bundle = bundle;
    this.#others = others;
    this.#isPure = isPure;
  }

  async transpile(
    component: Uint8Array,
    description: ComponentDescription,
  ): Promise<TranspiledFile[]> {
    return await this.#others.transpile(component, description);
  }

  get bundled(): readonly BundledSet[] {
    return this.#bundle.sets;
  }

  get loads(): boolean {
    return this.#others.loads;
  }

  async run(modules: ModuleSetRef, input: TurnInput, host: TurnHost): Promise<TurnOutput> {
    const instances = this.#bundle.instances(modules.digest);
    if (instances === undefined) return await this.#others.run(modules, input, host);
    const check = new GuestCheck({ hostCallsMax: input.hostCallsMax, isPure: this.#isPure });
    await this.#letOthersIn(1);
    try {
      return check.output(await instances.run(input, check.door(host)));
    } finally {
      check.close();
      // Behind the commit and the reply, which follow from here without a pause.
      void instances.refill();
    }
  }

  async runBatch(
    modules: ModuleSetRef,
    turns: readonly TurnInput[],
    host: BatchHost,
  ): Promise<readonly TurnOutput[]> {
    const instances = this.#bundle.instances(modules.digest);
    if (instances === undefined) return await this.#others.runBatch(modules, turns, host);
    const check = new BatchCheck(turns, this.#isPure);
    await this.#letOthersIn(turns.length);
    try {
      return check.outputs(await instances.runBatch(turns, check.door(host)));
    } finally {
      check.close();
      void instances.refill();
    }
  }

  /**
   * Messages reach an object only while it waits for something. A turn without a hop waits for nothing, so that a busy
   * actor would take one message after the other, each with a commit of its own, and never several together. To wait for
   * others is lost on one that has a single caller, though: it would begin each turn a moment later than it could.
   */
  async #letOthersIn(turns: number): Promise<void> {
    this.#alone = turns > 1 ? 0 : this.#alone + 1;
    if (this.#alone > ALONE && this.#alone % ALONE > 0) return;
    await new Promise((resolve) => setTimeout(resolve, 0));
  }

  /** By the others where they can: no batch delays a live turn, and one executor checks the other. */
  async runScripted(
    modules: ModuleSetRef,
    turns: readonly ScriptedTurn[],
  ): Promise<readonly ScriptedOutput[]> {
    const instances = this.#bundle.instances(modules.digest);
    if (instances === undefined || this.#others.loads) {
      return await this.#others.runScripted(modules, turns);
    }
    const outputs = await instances.runScripted(turns);
    return outputs.map((output, index) => {
      const hostCallsMax = turns[index]?.input.hostCallsMax ?? 0;
      return new GuestCheck({ hostCallsMax, isPure: this.#isPure }).scripted(output);
    });
  }
}
