// What makes a handler with a WIT text of its own, a plug-in, safe to call: its text is read, its functions
// are those of the text, and what it answers is of its types before the guest or the chain sees it.
//
// Rule: a plug-in answers with what is recorded, so that a replay needs no code of its.

import type { Value } from "../chain/value.ts";
import { readWit } from "../executor/wit-read.ts";
import type { WitFunction, WitType } from "../executor/wit-type.ts";
import { fromValue, toValue } from "../executor/wit-value.ts";
import { TheaterError } from "../lib/errors.ts";
import { failed, type Handler, type HandlerAnswer, type HostFunction } from "./handler.ts";

/** Bytes of one answer, roughly. A turn's calls may carry 20 MiB in all. */
const ANSWER_BYTES_MAX = 1024 * 1024;
/** As deep as types of a WIT text are, with the levels that options and results add. */
const ANSWER_DEPTH_MAX = 64;

/** Throws `bad-request` for a plug-in that could not be called, recorded or replayed. */
export function readPlugin(handler: Handler, wit: string): Map<string, WitFunction> {
  const { type, exports, pure, functions } = handler;
  const signatures = readWit(wit);
  // The text may have more: types that are used, and what else a plug-in in another Worker serves.
  for (const about of signatures.keys()) {
    if (!handler.imports.includes(about.replace(/#.*/, ""))) signatures.delete(about);
  }
  const problem =
    sameNames([...signatures.keys()], Object.keys(functions)) ??
    // Both would be called by code that is not the plug-in's: the isolate's, and the runtime's.
    (exports.length > 0 ? "exports must be empty: plug-ins do not call guests" : undefined) ??
    (Object.keys(pure).length > 0
      ? "pure must be empty: no plug-in is in the isolate"
      : undefined) ??
    [...signatures].map(([about, { result }]) => mayFail(about, result)).find(Boolean) ??
    handler.imports.map(isFree).find(Boolean);
  if (problem === undefined) return signatures;
  throw new TheaterError("bad-request", `Mend the plug-in "${type}": ${problem}.`, { type });
}

function sameNames(wit: readonly string[], given: readonly string[]): string | undefined {
  const missing = wit.find((name) => !given.includes(name));
  const extra = given.find((name) => !wit.includes(name));
  if (missing !== undefined) return `its WIT has ${missing}, which its functions lack`;
  return extra === undefined ? undefined : `its functions have ${extra}, which its WIT lacks`;
}

/** A call can always fail, and then the guest has to be told. */
export function mayFail(about: string, result: WitType | null): string | undefined {
  const isResult = result !== null && typeof result === "object" && "result" in result;
  if (isResult && result.result.err === "string") return undefined;
  return `${about} must give a result<…, string>, because every call may fail`;
}

function isFree(name: string): string | undefined {
  if (!/^(theater|wasi):/.test(name)) return undefined;
  return `${name} is in a package that is not its own`;
}

/** The function of a plug-in, which never throws and gives nothing that is not of its type. */
export function guarded(fn: HostFunction, { result: type }: WitFunction): HostFunction {
  const call: HostFunction["call"] = async (context, args) => {
    let answer: HandlerAnswer;
    try {
      answer = await fn.call(context, args);
    } catch {
      return pluginFailed("it threw");
    }
    return checkAnswer(type, answer);
  };
  return { ...fn, call };
}

/** The answer as the guest and the chain may have it, or a failure that says what is wrong with it. */
export function checkAnswer(type: WitType | null, answer: unknown): HandlerAnswer {
  if (typeof answer !== "object" || answer === null) return pluginFailed("it gave no answer");
  const { outcome, result } = answer as Partial<Record<string, unknown>>;
  if (outcome !== "returned" && outcome !== "denied" && outcome !== "failed") {
    return pluginFailed("its answer has no outcome");
  }
  if (!isSmall(result)) {
    return pluginFailed(`its answer is deeper or larger than ${ANSWER_BYTES_MAX} bytes`);
  }
  try {
    const value = type === null ? null : toValue(type, fromValue(type, result as Value));
    const isErr = typeof value === "object" && value !== null && "err" in value;
    if (outcome !== "returned" && !isErr) return pluginFailed(`it ${outcome} without an err`);
    return { outcome, result: value };
  } catch {
    return pluginFailed("its answer is not of the function's type");
  }
}

/** What a guest is told, and the chain keeps, of a call that the plug-in did not answer well. */
export function pluginFailed(what: string): HandlerAnswer {
  return failed(`plug-in failed: ${what}`);
}

/** Before anything walks the value by its type: one object may stand in it a million times. */
function isSmall(value: unknown): boolean {
  let left = ANSWER_BYTES_MAX;
  const walk = (part: unknown, depth: number): boolean => {
    if (depth > ANSWER_DEPTH_MAX) return false;
    left -= 8;
    if (typeof part === "string" || part instanceof Uint8Array) left -= part.length;
    else if (Array.isArray(part)) {
      return part.length <= left && part.every((each) => walk(each, depth + 1));
    } else if (typeof part === "object" && part !== null) {
      return Object.entries(part).every(([key, each]) => {
        left -= key.length;
        return walk(each, depth + 1);
      });
    }
    return left >= 0;
  };
  return walk(value, 0);
}
