// What it takes to run a component: bytes become a module set once, and a module set runs turns.
//
// Invariant: an executor carries no meaning between turns. Everything a turn depends on is in its
// TurnInput and in the answers of its TurnHost; everything it did is in its TurnOutput.

import type { Value } from "../chain/value.ts";
import type { ScriptedOutput, ScriptedTurn } from "./script.ts";
import type { ComponentDescription } from "./wit-type.ts";

/** Host calls of one turn; a guest that needs more is looping. */
export const HOST_CALLS_MAX = 10_000;

/** One answered host call, as the guest saw it. Goes into the chain as `host.called`. */
export interface HostCall {
  /** `interface#function`. */
  about: string;
  args: readonly Value[];
  outcome: "returned" | "denied" | "failed";
  /** By the function's WIT type; null for a function without result. */
  result: Value;
}

/** What the host says to a call that the isolate could not answer itself. */
export type HostAnswer =
  | {
      outcome: HostCall["outcome"];
      result: Value;
      /** The turn's clock after an effect. */ time?: number;
    }
  /** The host failed, or the turn is over: the guest is not continued. */
  | { abort: TurnAbort };

/** Why a turn ends although the guest did nothing wrong. */
export interface TurnAbort {
  kind: "host" | "limit" | "cut";
  code: string;
  message: string;
}

/**
 * The turn's own door to the host. `answered` are the calls that the isolate answered since the last
 * one, in order, so that the journal has them before the effect happens.
 */
export interface TurnHost {
  call(about: string, args: readonly Value[], answered: readonly HostCall[]): Promise<HostAnswer>;
}

/** The door of a batch. Only one of its turns calls, the last that runs. */
export interface BatchHost {
  /** A call of the turn at `index`. `ended`: the outputs of those before it, with its first call. */
  call(
    index: number,
    ended: readonly TurnOutput[],
    ...call: Parameters<TurnHost["call"]>
  ): Promise<HostAnswer>;
}

export interface TurnInput {
  /** The export to call, `interface#function`. */
  about: string;
  params: readonly Value[];
  /** The guest's clock, ms since the epoch. */
  time: number;
  /** The turn's number in its chain. */
  turn: number;
  /** 32 bytes: all randomness of the turn comes from here. */
  seed: Uint8Array;
  /** Configuration by handler type, for the handlers that answer inside the isolate. */
  grants: Readonly<Record<string, Value>>;
  hostCallsMax: number;
  /** The guest may log, and know time and chance: another call, or another state, fails the turn. */
  readOnly?: boolean;
  /** Whether the response to the HTTP request leaves while the turn runs. */
  streams?: boolean;
}

export type TurnOutcome =
  /** The function returned; for a `result` type this is its ok value. */
  | { kind: "returned"; value: Value }
  /** The function returned the err of its `result` type: an error of the guest's own, not a failure. */
  | { kind: "refused"; error: Value }
  /** `code` is ours and stable (it is recorded); `message` is the engine's (it is not). */
  | { kind: "failed"; failure: "trap" | TurnAbort["kind"]; code: string; message: string };

export interface TurnOutput {
  outcome: TurnOutcome;
  /** Calls answered in the isolate since the last hop to the host. */
  answered: readonly HostCall[];
}

/** The transpiled form of one component, content-addressed as a whole and file by file. */
export interface ModuleSet {
  /** sha256 of the component, hex. */
  component: string;
  /** Name and version of what made it: part of every key, because other code may behave differently. */
  transpiler: string;
  description: ComponentDescription;
  /** Hex digest of all files, one behind the other. */
  content: string;
  files: readonly { name: string; digest: string; bytes: number }[];
}

/** Fetches one file of a module set, verified against its digest (hex). */
type FileReader = (digest: string) => Promise<Uint8Array>;

export interface Executor {
  /**
   * Validates and transpiles. Errors: not-wasm, core-module, truncated-component, bad-component,
   * unknown-import, transpile-failed, too-large, no-loader.
   */
  transpile(component: Uint8Array, description: ComponentDescription): Promise<TranspiledFile[]>;

  /** The module sets that it has of itself. */
  readonly bundled: readonly BundledSet[];

  /** Whether it runs others too, and transpiles. */
  readonly loads: boolean;

  /** One turn in a fresh instance. Throws only when the isolate itself cannot be had or breaks. */
  run(modules: ModuleSetRef, input: TurnInput, host: TurnHost): Promise<TurnOutput>;

  /**
   * Turns of one actor that follow each other, in one hop, each in a fresh instance. All but the first begin with the
   * state that the one before left: their own `params[0]` counts for nothing. The first that fails or calls the host
   * is the last that runs. Gives the outputs that no call has brought along: one at least. Throws as `run` does, and
   * then any of them may have been at fault.
   */
  runBatch(
    modules: ModuleSetRef,
    turns: readonly TurnInput[],
    host: BatchHost,
  ): Promise<readonly TurnOutput[]>;

  /**
   * Turns one after the other, each in a fresh instance. Gives the outputs of the first of them: of one at least,
   * and of fewer than were given where they are large. Throws as `run` does.
   */
  runScripted(
    modules: ModuleSetRef,
    turns: readonly ScriptedTurn[],
  ): Promise<readonly ScriptedOutput[]>;
}

export interface TranspiledFile {
  name: string;
  bytes: Uint8Array;
}

/** A module set that is part of the deployment. */
export interface BundledSet {
  /** Hex digest of the module set's index. */
  digest: string;
  set: ModuleSet;
  /** Size of the component that it was made of. */
  bytes: number;
}

/** A module set by name, with the way to its bytes; they are read only when no isolate holds it. */
export interface ModuleSetRef {
  /** Digest of the module set's index, hex: names exactly these bytes. */
  digest: string;
  load(): Promise<{ set: ModuleSet; read: FileReader }>;
}
