// Signatures without names: what a function takes and gives, whatever its parameters and types are called.
// Two components that were built from differently worded WIT can still be called the same way.

import type { WitFunction, WitType } from "./wit-type.ts";

/** The function with the names of types and parameters left out; names of fields and cases stay. */
export function bareFunction({ params, result }: WitFunction): WitFunction {
  return {
    params: params.map(([, type]) => ["", bareType(type)] as const),
    result: result === null ? null : bareType(result),
  };
}

export function sameSignature(a: WitFunction, b: WitFunction): boolean {
  return JSON.stringify(bareFunction(a)) === JSON.stringify(bareFunction(b));
}

/** Types are at most 48 deep (type-node.ts). */
function bareType(type: WitType): WitType {
  if (typeof type === "string") return type;
  if ("alias" in type) return type.alias;
  if ("list" in type) return { list: bareType(type.list) };
  if ("option" in type) return { option: bareType(type.option) };
  if ("tuple" in type) return { tuple: type.tuple.map(bareType) };
  if ("enum" in type) return { enum: type.enum };
  if ("flags" in type) return { flags: type.flags };
  if ("own" in type) return { own: type.own };
  if ("borrow" in type) return { borrow: type.borrow };
  if ("resource" in type) return { resource: type.resource };
  if ("record" in type) {
    return { record: type.record.map(([name, field]) => [name, bareType(field)] as const) };
  }
  if ("variant" in type) return { variant: type.variant.map(([name, one]) => [name, bare(one)]) };
  return { result: { ok: bare(type.result.ok), err: bare(type.result.err) } };
}

function bare(type: WitType | null): WitType | null {
  return type === null ? null : bareType(type);
}
