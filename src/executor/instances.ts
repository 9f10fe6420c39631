// The instances of one module set, in the isolate that has its code: a guest's own, or the Worker's for a
// component bundled with it. Each turn gets a pristine one, prepared ahead where possible.
//
// Nothing here may mean anything to a turn: the actors of a component share it. The pool holds only
// instances that have not run yet.

import { shake256 } from "@noble/hashes/sha3.js";
import { runInOrder } from "./batch.ts";
import type { BatchHost, TurnHost, TurnInput, TurnOutput } from "./executor.ts";
import {
  callExport,
  failureOf,
  OpenTurn,
  roughBytes,
  wrapImports,
  type PureFunctions,
  type TurnSlot,
} from "./recorder.ts";
import { ScriptHost, type ScriptedOutput, type ScriptedTurn } from "./script.ts";
import { findFunction, type ComponentDescription } from "./wit-type.ts";

/** Instances waiting for a turn. A QuickJS instance is about 0.4 MB (measured): far below 32 MB. */
const POOL_MAX = 4;

/** Bytes of the outputs of one batch; the rest of it is run when it is asked for again. */
const SCRIPTED_BYTES_MAX = 4 * 1024 * 1024;

/** A module set as modules that are loaded. */
export interface LoadedCode {
  /** Of jco's component.js. */
  instantiate: (
    getCoreModule: (name: string) => WebAssembly.Module,
    imports: ReturnType<typeof wrapImports>,
  ) => Record<string, unknown>;
  cores: Readonly<Record<string, WebAssembly.Module>>;
  description: ComponentDescription;
}

/** What is answered without the host. */
export interface PureHost {
  functions: PureFunctions;
  /** What the turn's random bytes are a stream of. */
  streamSeed(input: TurnInput): Uint8Array;
}

interface Instance {
  exports: Record<string, unknown>;
  slot: TurnSlot;
}

export class Instances {
  readonly #code: LoadedCode;
  readonly #pure: PureHost;
  readonly #pool: Instance[] = [];
  /** Set when the component calls an import while it starts: then it can only start inside its turn. */
  #startsInTurn = false;

  constructor(code: LoadedCode, pure: PureHost) {
    this.#code = code;
    this.#pure = pure;
  }

  /** Runs one turn. Throws nothing: whatever the guest does is an outcome. */
  async run(input: TurnInput, host: TurnHost): Promise<TurnOutput> {
    return await this.#runTurn(input, host, this.#pool.pop());
  }

  /** See `Executor.runBatch`. */
  async runBatch(turns: readonly TurnInput[], host: BatchHost): Promise<TurnOutput[]> {
    return await runInOrder(turns, host, (input, door) => this.run(input, door));
  }

  /** See `Executor.runScripted`. Nothing is prepared ahead: an instance costs the same either way. */
  async runScripted(turns: readonly ScriptedTurn[]): Promise<ScriptedOutput[]> {
    const outputs: ScriptedOutput[] = [];
    let bytes = 0;
    for (const { input, answers } of turns) {
      const host = new ScriptHost(answers);
      const { outcome, answered } = await this.#runTurn(input, host, undefined);
      host.take(answered);
      outputs.push({ outcome, calls: host.calls });
      for (const { args, result = null } of host.calls) {
        bytes += roughBytes(args) + roughBytes(result);
      }
      if (outcome.kind === "returned") bytes += roughBytes(outcome.value);
      if (bytes > SCRIPTED_BYTES_MAX) break;
    }
    return outputs;
  }

  /** Prepares instances for the next turns. For a moment when nobody waits. */
  refill(): void {
    while (!this.#startsInTurn && this.#pool.length < POOL_MAX) {
      const slot: TurnSlot = { turn: undefined, calledEarly: false };
      try {
        const instance = this.#make(slot);
        if (!slot.calledEarly) this.#pool.push(instance);
      } catch {
        if (!slot.calledEarly) return; // the turn that needs it will report it
      }
      this.#startsInTurn = slot.calledEarly;
    }
  }

  #make(slot: TurnSlot): Instance {
    const { instantiate, cores, description } = this.#code;
    const getCore = (name: string): WebAssembly.Module => {
      const core = cores[name];
      if (core === undefined) throw new Error(`no core module ${name}`);
      return core;
    };
    const imports = wrapImports(description, this.#pure.functions, slot);
    return { exports: instantiate(getCore, imports), slot };
  }

  async #runTurn(
    input: TurnInput,
    host: TurnHost,
    prepared: Instance | undefined,
  ): Promise<TurnOutput> {
    const stream = shake256.create({}).update(this.#pure.streamSeed(input));
    const turn = new OpenTurn(input, host, (length) => stream.xof(length));
    let instance = prepared;
    try {
      if (instance === undefined) instance = this.#make({ turn, calledEarly: false });
      else instance.slot.turn = turn;
    } catch (thrown) {
      const failed = turn.failure ?? failureOf(thrown);
      // A trap while it starts has a code of its own: no export was called.
      const outcome = failed.failure === "trap" ? { ...failed, code: "start" } : failed;
      return { outcome, answered: turn.takeAnswered() };
    }
    const [interfaceName = "", fn = ""] = input.about.split("#");
    const { exports } = this.#code.description;
    const type = findFunction(exports, { interface: interfaceName, function: fn });
    if (type === undefined) {
      const message = `the component does not export ${input.about}`;
      const failed = { kind: "failed", failure: "host", code: "no-export", message } as const;
      return { outcome: failed, answered: [] };
    }
    const outcome = await callExport(instance.exports, turn, type);
    return { outcome, answered: turn.takeAnswered() };
  }
}
