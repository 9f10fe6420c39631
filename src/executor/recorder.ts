// The recorder sits on the sandbox boundary, inside the guest's isolate: it wraps every import and every
// export by the component's own WIT types. No handler writes recording code of its own.
//
// Invariant: the guest sees exactly the value that is recorded, because both are made from one `Value`.

import type { Value } from "../chain/value.ts";
import type {
  HostAnswer,
  HostCall,
  TurnAbort,
  TurnHost,
  TurnInput,
  TurnOutcome,
} from "./executor.ts";
import { failureOf, messageOf, TurnAborted, type Failed } from "./failure.ts";
import { camelCase } from "./wit-value.ts";
import { fromValue, toValue } from "./wit-value.ts";
import type { ComponentDescription, WitFunction, WitType } from "./wit-type.ts";

/** What a handler needs to answer inside the isolate. Nothing in it reaches outside the turn. */
export interface PureContext {
  /** The turn's clock, ms. */
  now(): number;
  /** The turn's random bytes: a stream determined by the recorded seed. */
  random(length: number): Uint8Array;
  /** The grant of the handler that provides the function. */
  grant: Value;
}

export interface PureFunction {
  /** The manifest's handler type whose grant it needs. */
  handler: string;
  /** Whether it does something to the actor when the turn commits. */
  acts?: true;
  answer(
    context: PureContext,
    args: readonly Value[],
  ): { outcome: HostCall["outcome"]; result: Value };
}

/** By `interface#function`. */
export type PureFunctions = Readonly<Record<string, PureFunction>>;

/** Bytes of all arguments and results of one turn's host calls, whoever answers them: the host holds
 * them until the turn ends, in memory that it shares with other actors. */
export const CALL_BYTES_MAX = 20 * 1024 * 1024;
/** Bytes of what an export returns. RPC carries 32 MiB, and the turn's calls travel beside it. */
export const RETURNED_BYTES_MAX = 10 * 1024 * 1024;

/** The turn's random bytes, one after the other. */
export interface ByteStream {
  xof(length: number): Uint8Array;
}

/** The state of one turn, seen by the imports of the one instance that runs it. */
export class OpenTurn {
  readonly input: TurnInput;
  readonly host: TurnHost;
  readonly #stream: () => ByteStream;
  #bytesOfStream: ByteStream | undefined;
  /**
   * Resolves when a host call has failed the turn. What was thrown into the guest need not come out of
   * it: jco swallows it where the function has no error of its own (jco-transpile 0.15.0).
   */
  readonly failed: Promise<Failed>;
  time: number;
  answered: HostCall[] = [];
  #failure: Failed | undefined;
  #fail: (failed: Failed) => void;
  #calls = 0;
  #bytes = 0;

  constructor(input: TurnInput, host: TurnHost, stream: () => ByteStream) {
    this.input = input;
    this.host = host;
    this.#stream = stream;
    this.time = input.time;
    const { promise, resolve } = Promise.withResolvers<Failed>();
    this.failed = promise;
    this.#fail = resolve;
  }

  /** Most turns want none, and beginning the stream costs a hash. */
  random(length: number): Uint8Array {
    return (this.#bytesOfStream ??= this.#stream()).xof(length);
  }

  /** Why the turn is over although its guest may not know it yet. */
  get failure(): Failed | undefined {
    return this.#failure;
  }

  /** Ends the turn: no call is answered any more. The first failure counts. */
  fail(thrown: unknown): void {
    this.#failure ??= failureOf(thrown);
    this.#fail(this.#failure);
  }

  /** Every call counts against the turn's limit, whoever answers it. */
  count(): void {
    if (this.#failure !== undefined) throw new Error("the turn has failed");
    if (++this.#calls > this.input.hostCallsMax) {
      const message = `more than ${this.input.hostCallsMax} host calls in one turn`;
      throw new TurnAborted({ kind: "limit", code: "host-calls", message });
    }
  }

  /** Of a call that reaches outside the turn, or a state that is another. */
  refuseIfReadOnly(what: string): void {
    if (this.input.readOnly !== true) return;
    throw new TurnAborted({
      kind: "limit",
      code: "read-only",
      message: `${what} on a read-only route`,
    });
  }

  /** Counts what a call carries to the host or from it. */
  carry(value: Value | readonly Value[]): void {
    this.#bytes += roughBytes(value);
    if (this.#bytes <= CALL_BYTES_MAX) return;
    const message = `host calls of one turn carry more than ${CALL_BYTES_MAX} bytes`;
    throw new TurnAborted({ kind: "limit", code: "recorded-bytes", message });
  }

  /** Hands over what has been answered so far; the journal has it from here on. */
  takeAnswered(): HostCall[] {
    const taken = this.answered;
    this.answered = [];
    return taken;
  }
}

/** Where an instance finds the turn it is running; empty while it waits in the pool. */
export interface TurnSlot {
  turn: OpenTurn | undefined;
  /** Whether the component called an import while it was instantiated ahead of a turn. */
  calledEarly: boolean;
  /** Calls that the host has not answered yet. */
  open: number;
}

export type Imports = Record<string, Record<string, (...args: unknown[]) => unknown>>;

/** The imports of one instance, in the shape that jco's `instantiate` takes. */
export function wrapImports(
  description: ComponentDescription,
  pure: PureFunctions,
  slot: TurnSlot,
): Imports {
  const imports: Imports = {};
  for (const { name, functions } of description.imports) {
    const wrapped: Record<string, (...args: unknown[]) => unknown> = {};
    for (const [fn, type] of Object.entries(functions)) {
      const about = `${name}#${fn}`;
      const local = pure[about];
      wrapped[camelCase(fn)] =
        local === undefined ? hostImport(about, type, slot) : pureImport(about, type, local, slot);
    }
    imports[name.replace(/@.*$/, "")] = wrapped;
    imports[name] = wrapped;
  }
  return imports;
}

function pureImport(about: string, type: WitFunction, local: PureFunction, slot: TurnSlot) {
  return (...args: unknown[]): unknown =>
    lowerResult(
      type.result,
      answerHere(slot, about, local, () => liftArguments(type, args)),
    );
}

/** The result of a call that the isolate answers, recorded. Throws where the turn is over. */
export function answerHere(
  slot: TurnSlot,
  about: string,
  local: PureFunction,
  lift: () => readonly Value[],
): Value {
  const turn = openTurn(slot);
  return endingTurn(turn, () => {
    turn.count();
    if (!Object.hasOwn(turn.input.grants, local.handler)) {
      const message = `${about} is not granted`;
      throw new TurnAborted({ kind: "host", code: "host-call", message });
    }
    if (local.acts === true) turn.refuseIfReadOnly(about);
    const values = lift();
    turn.carry(values);
    const context = {
      now: () => turn.time,
      random: (length: number) => turn.random(length),
      grant: turn.input.grants[local.handler] ?? null,
    };
    const answer = local.answer(context, values);
    turn.carry(answer.result);
    turn.answered.push({ about, args: values, ...answer });
    return answer.result;
  });
}

function hostImport(about: string, type: WitFunction, slot: TurnSlot) {
  return async (...args: unknown[]): Promise<unknown> =>
    lowerResult(type.result, await askHost(slot, about, () => liftArguments(type, args)));
}

/** The result of a call that the host answers, and records. Throws where the turn is over. */
export async function askHost(
  slot: TurnSlot,
  about: string,
  lift: () => readonly Value[],
): Promise<Value> {
  const turn = openTurn(slot);
  const values = endingTurn(turn, () => {
    turn.count();
    turn.refuseIfReadOnly(about);
    const lifted = lift();
    turn.carry(lifted);
    return lifted;
  });
  // The host answers in values; a throw is the end of its object or of the connection.
  slot.open++;
  const answer: HostAnswer = await turn.host
    .call(about, values, turn.takeAnswered())
    .catch((thrown: unknown) => ({
      abort: { kind: "host", code: "host-call", message: messageOf(thrown) } as const,
    }));
  slot.open--;
  return endingTurn(turn, () => {
    if ("abort" in answer) throw new TurnAborted(answer.abort);
    turn.carry(answer.result);
    if (answer.time !== undefined) turn.time = answer.time;
    return answer.result;
  });
}

/** Ends the turn from within a call. */
export function abortTurn(slot: TurnSlot, abort: TurnAbort): never {
  return endingTurn(openTurn(slot), (): never => {
    throw new TurnAborted(abort);
  });
}

/** Whatever is thrown here ends the turn, also if the guest never sees it. */
function endingTurn<T>(turn: OpenTurn, work: () => T): T {
  try {
    return work();
  } catch (thrown) {
    turn.fail(thrown);
    throw thrown;
  }
}

/** The turn that is running. Throws before there is one. */
export function openTurn(slot: TurnSlot): OpenTurn {
  if (slot.turn !== undefined) return slot.turn;
  slot.calledEarly = true;
  throw new Error("an import was called before the turn");
}

function liftArguments(type: WitFunction, args: unknown[]): Value[] {
  return type.params.map(([, param], index) => toValue(param, args[index]));
}

/** jco's convention: the err of a function's result is thrown, with the value as `payload`. */
function lowerResult(type: WitType | null, result: Value): unknown {
  if (type === null) return undefined;
  if (typeof type === "string" || !("result" in type)) return fromValue(type, result);
  const { ok, err } = type.result;
  const parts = result as { ok?: Value; err?: Value };
  if (parts.err !== undefined) {
    throw Object.assign(new Error("err"), {
      payload: err === null ? undefined : fromValue(err, parts.err),
    });
  }
  return ok === null ? undefined : fromValue(ok, parts.ok ?? null);
}

type Exports = Record<string, unknown>;

/** Calls one export and says how it ended. Never throws. */
export async function callExport(
  exports: Exports,
  turn: OpenTurn,
  type: WitFunction,
): Promise<TurnOutcome> {
  return await outcomeOf(turn, () => callGuest(exports, turn, type));
}

/** How a turn ends in which `run` is done. Never throws. */
export async function outcomeOf(
  turn: OpenTurn,
  run: () => Promise<TurnOutcome>,
): Promise<TurnOutcome> {
  const outcome = await Promise.race([turn.failed, run().catch(failureOf)]);
  return turn.failure ?? outcome;
}

async function callGuest(
  exports: Exports,
  turn: OpenTurn,
  type: WitFunction,
): Promise<TurnOutcome> {
  const { input } = turn;
  const [interfaceName = "", fn = ""] = input.about.split("#");
  const target = exports[interfaceName] as Record<string, (...args: unknown[]) => unknown>;
  const resultType =
    type.result !== null && typeof type.result === "object" && "result" in type.result
      ? type.result.result
      : null;
  try {
    const args = type.params.map(([, param], index) =>
      fromValue(param, input.params[index] ?? null),
    );
    const returned = await target[camelCase(fn)]?.(...args);
    const valueType = resultType === null ? type.result : resultType.ok;
    const value = returnedValue(valueType, returned);
    const isChanged = input.readOnly === true && !isSameState(input, value);
    if (isChanged) turn.refuseIfReadOnly("another state");
    return { kind: "returned", value };
  } catch (thrown) {
    if (resultType === null || thrown instanceof Error) return failureOf(thrown);
    try {
      return { kind: "refused", error: returnedValue(resultType.err, thrown) };
    } catch (unfit) {
      return failureOf(unfit);
    }
  }
}

/** Both are `option<list<u8>>`: the first parameter, and the first item of the result. */
function isSameState({ params }: TurnInput, value: Value): boolean {
  const [before] = (params[0] ?? []) as readonly Uint8Array[];
  const [after] = ((value as readonly Value[] | null)?.[0] ?? []) as readonly Uint8Array[];
  if (before === undefined || after === undefined) return before === after;
  return before.length === after.length && before.every((byte, at) => byte === after[at]);
}

function returnedValue(type: WitType | null, returned: unknown): Value {
  const value = type === null ? null : toValue(type, returned);
  if (roughBytes(value) <= RETURNED_BYTES_MAX) return value;
  const message = `the function returned more than ${RETURNED_BYTES_MAX} bytes`;
  throw new TurnAborted({ kind: "limit", code: "returned-bytes", message });
}

/** Enough to bound memory; exact bytes are counted where they are encoded. */
export function roughBytes(value: Value | readonly Value[]): number {
  if (typeof value === "string") return value.length * 2; // what RPC needs for all but Latin-1
  if (value instanceof Uint8Array) return value.length;
  if (value === null || typeof value !== "object") return 8;
  let sum = 8;
  for (const part of Array.isArray(value) ? value : Object.values(value)) {
    sum += roughBytes(part as Value);
  }
  return sum;
}
