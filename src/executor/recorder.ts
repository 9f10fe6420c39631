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

interface PureFunction {
  /** The manifest's handler type whose grant it needs. */
  handler: string;
  answer(
    context: PureContext,
    args: readonly Value[],
  ): { outcome: HostCall["outcome"]; result: Value };
}

/** By `interface#function`. */
export type PureFunctions = Readonly<Record<string, PureFunction>>;

/** Recorded bytes that may wait in the isolate for the next hop; more ends the turn. */
const ANSWERED_BYTES_MAX = 8 * 1024 * 1024;

/** Thrown through the guest to end its turn. Wasm cannot catch it, so it arrives as it left. */
class TurnAborted extends Error {
  readonly abort: TurnAbort;

  constructor(abort: TurnAbort) {
    super(abort.message);
    this.abort = abort;
  }
}

/** The state of one turn, seen by the imports of the one instance that runs it. */
export class OpenTurn {
  readonly input: TurnInput;
  readonly host: TurnHost;
  readonly random: (length: number) => Uint8Array;
  time: number;
  answered: HostCall[] = [];
  #calls = 0;
  #bytes = 0;

  constructor(input: TurnInput, host: TurnHost, random: (length: number) => Uint8Array) {
    this.input = input;
    this.host = host;
    this.random = random;
    this.time = input.time;
  }

  /** Every call counts against the turn's limit, whoever answers it. */
  count(): void {
    if (++this.#calls > this.input.hostCallsMax) {
      const message = `more than ${this.input.hostCallsMax} host calls in one turn`;
      throw new TurnAborted({ kind: "limit", code: "host-calls", message });
    }
  }

  keep(call: HostCall): void {
    this.#bytes += roughBytes(call.args) + roughBytes(call.result);
    if (this.#bytes > ANSWERED_BYTES_MAX) {
      const message = `host calls of one turn carry more than ${ANSWERED_BYTES_MAX} bytes`;
      throw new TurnAborted({ kind: "limit", code: "recorded-bytes", message });
    }
    this.answered.push(call);
  }

  /** Hands over what has been answered so far; the journal has it from here on. */
  takeAnswered(): HostCall[] {
    const taken = this.answered;
    this.answered = [];
    this.#bytes = 0;
    return taken;
  }
}

/** Where an instance finds the turn it is running; empty while it waits in the pool. */
export interface TurnSlot {
  turn: OpenTurn | undefined;
}

type Imports = Record<string, Record<string, (...args: unknown[]) => unknown>>;

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
  return (...args: unknown[]): unknown => {
    const turn = openTurn(slot);
    const values = liftArguments(type, args);
    const context = {
      now: () => turn.time,
      random: turn.random,
      grant: turn.input.grants[local.handler] ?? null,
    };
    const { outcome, result } = local.answer(context, values);
    turn.keep({ about, args: values, outcome, result });
    return lowerResult(type.result, result);
  };
}

function hostImport(about: string, type: WitFunction, slot: TurnSlot) {
  return async (...args: unknown[]): Promise<unknown> => {
    const turn = openTurn(slot);
    const values = liftArguments(type, args);
    const answer: HostAnswer = await turn.host.call(about, values, turn.takeAnswered());
    if ("abort" in answer) throw new TurnAborted(answer.abort);
    if (answer.time !== undefined) turn.time = answer.time;
    return lowerResult(type.result, answer.result);
  };
}

function openTurn(slot: TurnSlot): OpenTurn {
  if (slot.turn === undefined) throw new ImportOutsideTurn();
  slot.turn.count();
  return slot.turn;
}

/** A component called an import while it was being instantiated ahead of a turn. */
export class ImportOutsideTurn extends Error {}

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
  input: TurnInput,
  type: WitFunction,
): Promise<TurnOutcome> {
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
    if (resultType !== null) {
      return {
        kind: "returned",
        value: resultType.ok === null ? null : toValue(resultType.ok, returned),
      };
    }
    return {
      kind: "returned",
      value: type.result === null ? null : toValue(type.result, returned),
    };
  } catch (thrown) {
    if (resultType !== null && !(thrown instanceof Error)) {
      return {
        kind: "refused",
        error: resultType.err === null ? null : toValue(resultType.err, thrown),
      };
    }
    return failure(thrown);
  }
}

function failure(thrown: unknown): TurnOutcome {
  if (thrown instanceof TurnAborted) {
    const { kind, code, message } = thrown.abort;
    return { kind: "failed", failure: kind, code, message };
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  // The host's stack is not the guest's: how deep it is depends on the machine, so replay stops here.
  if (thrown instanceof RangeError && /call stack/i.test(message)) {
    return { kind: "failed", failure: "cut", code: "host-stack", message };
  }
  return { kind: "failed", failure: "trap", code: trapCode(message), message };
}

/** V8's words differ between versions and are not hashed; these codes are. */
const TRAPS: readonly [RegExp, string][] = [
  [/unreachable/, "unreachable"],
  [/memory access out of bounds/, "memory-out-of-bounds"],
  [/table index is out of bounds|table access out of bounds/, "table-out-of-bounds"],
  [/divide by zero|remainder by zero/, "divide-by-zero"],
  [/divide result unrepresentable|float unrepresentable/, "integer-overflow"],
  [/null function|signature mismatch/, "indirect-call"],
];

function trapCode(message: string): string {
  return TRAPS.find(([pattern]) => pattern.test(message))?.[1] ?? "other";
}

/** Enough to bound memory; exact bytes are counted where they are encoded. */
function roughBytes(value: Value | readonly Value[]): number {
  if (typeof value === "string") return value.length;
  if (value instanceof Uint8Array) return value.length;
  if (value === null || typeof value !== "object") return 8;
  let sum = 8;
  for (const part of Array.isArray(value) ? value : Object.values(value)) {
    sum += roughBytes(part as Value);
  }
  return sum;
}
