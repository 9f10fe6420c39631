// The instances of one module set, in the isolate that has its code: a guest's own, or the Worker's for a
// component bundled with it. Each turn gets a pristine one, prepared ahead where possible.
//
// Nothing here may mean anything to a turn: the actors of a component share it. The pool holds only
// instances that have not run yet.

import { shake256 } from "@noble/hashes/sha3.js";
import { runInOrder } from "./batch.ts";
import type { BatchHost, TurnHost, TurnInput, TurnOutcome, TurnOutput } from "./executor.ts";
import {
  callExport,
  OpenTurn,
  outcomeOf,
  roughBytes,
  wrapImports,
  type ByteStream,
  type Imports,
  type PureFunctions,
  type TurnSlot,
} from "./recorder.ts";
import { failureOf } from "./failure.ts";
import { ScriptHost, type ScriptedOutput, type ScriptedTurn } from "./script.ts";
import type { Beginning } from "./store-state.ts";
import { WasmStore, type WasmMaker } from "./wasm-store.ts";
import { findFunction, type ComponentDescription } from "./wit-type.ts";

/** Instances waiting for a turn. One of QuickJS has 1.5 MB of memory: far below 32 MB. */
const POOL_MAX = 4;

/**
 * An instance with this much memory is put back (3 µs for its bytes) in less time than a timer takes (30 µs, see
 * docs/performance.md): nothing of it is prepared ahead.
 */
const QUICK_BYTES_MAX = 256 * 1024;

/** Bytes of the outputs of one batch; the rest of it is run when it is asked for again. */
const SCRIPTED_BYTES_MAX = 4 * 1024 * 1024;

/** Environments that rest between two instances (reusable-glue.ts), and bytes of the memories that rest with them. */
const RESTING_MAX = 8;
const RESTING_BYTES_MAX = 8 * 1024 * 1024;

/** What one instance after the other can be made in. It keeps nothing of an instance: see reusable-glue.ts. */
export interface Environment {
  /** Whether the wasm of an instance can be put back to its beginning. */
  readonly restorable: boolean;
  instantiate: (
    getCoreModule: (name: string) => WebAssembly.Module,
    imports: Imports,
    wasm: WasmMaker,
  ) => Record<string, unknown>;
  /** Lets go of the newest instance. False where something of it may still run: then nobody may use it again. */
  rest: () => boolean;
}

/** A module set as modules that are loaded. */
export interface LoadedCode {
  /** Of component.js. */
  environment: () => Environment;
  cores: Readonly<Record<string, WebAssembly.Module>>;
  description: ComponentDescription;
}

/** What is answered without the host. */
export interface PureHost {
  functions: PureFunctions;
  /** What the turn's random bytes are a stream of. */
  streamSeed(input: TurnInput): Uint8Array;
  /** What stands between the host and a component that is made for another; undefined for an actor. */
  standIn(code: LoadedCode["description"], slot: TurnSlot): StandIn | undefined;
}

/** Of one instance. */
export interface StandIn {
  /** By the interface's name: imports that it answers itself. */
  imports: Record<string, Record<string, unknown>>;
  /** As the function that the input names, of an actor. Throws what the guest throws. */
  run(exports: Record<string, unknown>, input: TurnInput): Promise<TurnOutcome>;
}

/** An environment with the imports of whatever is made in it. */
interface Place {
  readonly environment: Environment;
  readonly imports: Imports;
  readonly slot: TurnSlot;
  /** Of the last instance that was made in it. */
  store: WasmStore;
}

interface Instance {
  readonly exports: Record<string, unknown>;
  readonly place: Place;
  readonly standIn: StandIn | undefined;
}

const later = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

export class Instances {
  readonly #code: LoadedCode;
  readonly #pure: PureHost;
  readonly #pool: Instance[] = [];
  readonly #resting: Place[] = [];
  readonly #beginnings: Beginning[] = [];
  readonly #getCore: (name: string) => WebAssembly.Module;
  /** Set when the component calls an import while it starts: then it can only start inside its turn. */
  #startsInTurn = false;

  constructor(code: LoadedCode, pure: PureHost) {
    this.#code = code;
    this.#pure = pure;
    this.#getCore = (name) => {
      const core = code.cores[name];
      if (core === undefined) throw new Error(`no core module ${name}`);
      return core;
    };
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

  /**
   * Prepares instances for the next turns, from the next moment on, and with a pause behind each: a turn that comes
   * meanwhile waits for one of them at most. Resolves when there are enough; undefined where nothing is to be done.
   */
  refill(): Promise<void> | undefined {
    if (this.#startsInTurn || this.#pool.length >= POOL_MAX) return undefined;
    const rested = this.#resting.at(-1)?.store.bytes ?? 0;
    return rested > 0 && rested <= QUICK_BYTES_MAX ? undefined : this.#prepareAll();
  }

  async #prepareAll(): Promise<void> {
    do await later();
    while (this.#prepare());
  }

  /** Whether another one is wanted. */
  #prepare(): boolean {
    if (this.#startsInTurn || this.#pool.length >= POOL_MAX) return false;
    const place = this.#take();
    try {
      const instance = this.#make(place);
      if (!place.slot.calledEarly) this.#pool.push(instance);
    } catch {
      if (!place.slot.calledEarly) return false; // the turn that needs it will report it
    }
    this.#startsInTurn = place.slot.calledEarly;
    return !this.#startsInTurn && this.#pool.length < POOL_MAX;
  }

  #make(place: Place): Instance {
    const { environment, imports, slot } = place;
    // It holds what its guest does, so each instance has one of its own.
    const standIn = this.#pure.standIn(this.#code.description, slot);
    const all = standIn === undefined ? imports : { ...imports, ...(standIn.imports as Imports) };
    const link = (store: WasmStore): Record<string, unknown> => {
      const exports = environment.instantiate(this.#getCore, all, store);
      store.end();
      return exports;
    };
    const kept = environment.restorable && place.store.begin();
    if (kept) {
      try {
        return { exports: link(place.store), place, standIn };
      } catch (thrown) {
        if (!place.store.linksOtherwise) throw thrown; // as a new one would have
      }
    }
    place.store = new WasmStore(this.#beginnings);
    place.store.begin();
    const exports = link(place.store);
    return { exports, place, standIn };
  }

  /** A place for one instance: nobody else has it until it is given back. */
  #take(): Place {
    const rested = this.#resting.pop();
    if (rested !== undefined) return rested;
    const slot: TurnSlot = { turn: undefined, calledEarly: false, open: 0 };
    const imports = wrapImports(this.#code.description, this.#pure.functions, slot);
    return {
      environment: this.#code.environment(),
      imports,
      slot,
      store: new WasmStore(this.#beginnings),
    };
  }

  /**
   * After a turn that its guest ended itself. Where anything of it could still run, a timer or a call to the host, its
   * place is left to the garbage collector: it would run among the next turn's.
   */
  #giveBack(place: Place): void {
    const { environment, slot } = place;
    slot.turn = undefined;
    if (slot.open > 0 || slot.calledEarly || this.#resting.length >= RESTING_MAX) return;
    if (!environment.rest()) return;
    const bytes = this.#resting.reduce((sum, { store }) => sum + store.bytes, place.store.bytes);
    // Whatever cannot be used again would keep its memory, of up to 64 MiB, for as long as the place rests.
    const isKept = environment.restorable && place.store.rest();
    if (!isKept || bytes > RESTING_BYTES_MAX) place.store = new WasmStore(this.#beginnings);
    this.#resting.push(place);
  }

  async #runTurn(
    input: TurnInput,
    host: TurnHost,
    prepared: Instance | undefined,
  ): Promise<TurnOutput> {
    const stream = (): ByteStream => shake256.create({}).update(this.#pure.streamSeed(input));
    const turn = new OpenTurn(input, host, stream);
    let instance = prepared;
    try {
      const place = instance?.place ?? this.#take();
      place.slot.turn = turn;
      instance ??= this.#make(place);
    } catch (thrown) {
      const failed = turn.failure ?? failureOf(thrown);
      // A trap while it starts has a code of its own: no export was called.
      const outcome = failed.failure === "trap" ? { ...failed, code: "start" } : failed;
      return { outcome, answered: turn.takeAnswered() };
    }
    const { exports: guest, standIn } = instance;
    if (standIn !== undefined) {
      const outcome = await outcomeOf(turn, () => standIn.run(guest, input));
      if (outcome.kind !== "failed") this.#giveBack(instance.place);
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
    const outcome = await callExport(guest, turn, type);
    if (outcome.kind !== "failed") this.#giveBack(instance.place);
    return { outcome, answered: turn.takeAnswered() };
  }
}
