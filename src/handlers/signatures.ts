// The signatures of wit/, as data: signatures.json is made from there by test/attack/make-signatures.ts,
// and a test keeps the two the same. A component that says otherwise is refused before it runs.

import type { Value } from "../chain/value.ts";
import { sameSignature } from "../executor/wit-signature.ts";
import type { ComponentInterface, WitFunction, WitType } from "../executor/wit-type.ts";
import { fromValue } from "../executor/wit-value.ts";
import { TheaterError } from "../lib/errors.ts";
import table from "./signatures.json" with { type: "json" };

const signatures = new Map(Object.entries(table as unknown as Record<string, WitFunction>));

/** By `interface#function`; undefined for what wit/ does not have. */
export function findSignature(about: string): WitFunction | undefined {
  return signatures.get(about);
}

/** The type of a message's parameters: what the export `about` takes behind the state. */
export function parametersType(about: string): WitType | undefined {
  return signatures.get(about)?.params[1]?.[1];
}

/** The functions that have another signature than is known for them, as `interface#function`. */
export function misfits(
  interfaces: readonly ComponentInterface[],
  known: (about: string) => WitFunction | undefined,
): string[] {
  return interfaces.flatMap(({ name, functions }) =>
    Object.entries(functions).flatMap(([fn, type]) => {
      const expected = known(`${name}#${fn}`);
      return expected === undefined || sameSignature(expected, type) ? [] : [`${name}#${fn}`];
    }),
  );
}

/** Throws `bad-request` for arguments that the function does not take: no honest guest has them. */
export function checkArguments(
  about: string,
  args: readonly Value[],
  signature = findSignature(about),
): void {
  if (signature === undefined) return;
  if (args.length !== signature.params.length) throw unfit(about);
  for (const [index, [, type]] of signature.params.entries()) fromValue(type, args[index] ?? null);
}

/** Throws `bad-request` for what the export cannot have given, be it its result or its error. */
export function checkOutcome(
  about: string,
  outcome: { kind: "returned"; value: Value } | { kind: "refused"; error: Value },
): void {
  const result = signatures.get(about)?.result;
  if (result === undefined) return;
  const isResult = result !== null && typeof result !== "string" && "result" in result;
  const { ok, err } = isResult ? result.result : { ok: result, err: null };
  if (outcome.kind === "refused" && !isResult) throw unfit(about);
  const [type, value] = outcome.kind === "returned" ? [ok, outcome.value] : [err, outcome.error];
  if (type !== null) fromValue(type, value);
  else if (value !== null) throw unfit(about);
}

function unfit(about: string): TheaterError {
  return new TheaterError("bad-request", `Change the values: they are not those of ${about}.`);
}
