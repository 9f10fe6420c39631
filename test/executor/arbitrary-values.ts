// Generators of WIT types and of recorded values of a type, for property tests.

import fc from "fast-check";
import type { Value } from "../../src/chain/value.ts";
import type { Primitive, WitType } from "../../src/executor/wit-type.ts";
import { toValue } from "../../src/executor/wit-value.ts";

const SAFE = { min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER };

interface Options {
  /** Leave out what a guest on QuickJS behind jco alters: QuickJS keeps integers only to 2^53, and jco
   * drops a byte order mark at the start of a string. */
  readonly throughGuest: boolean;
}

function primitiveValue(type: Primitive, { throughGuest }: Options): fc.Arbitrary<Value> {
  switch (type) {
    case "bool":
      return fc.boolean();
    case "u8":
      return fc.integer({ min: 0, max: 255 });
    case "s8":
      return fc.integer({ min: -128, max: 127 });
    case "u16":
      return fc.integer({ min: 0, max: 65_535 });
    case "s16":
      return fc.integer({ min: -32_768, max: 32_767 });
    case "u32":
      return fc.integer({ min: 0, max: 2 ** 32 - 1 });
    case "s32":
      return fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
    case "u64":
      return throughGuest
        ? fc.maxSafeNat()
        : fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((big) => toValue("u64", big));
    case "s64":
      return throughGuest
        ? fc.integer(SAFE)
        : fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((big) => toValue("s64", big));
    case "f32":
      return fc.float().map((float) => toValue("f32", float));
    case "f64":
      return fc.double().map((float) => toValue("f64", float));
    case "char":
      return fc.string({ unit: "binary", minLength: 1, maxLength: 1 });
    case "string":
      return throughGuest
        ? fc.string({ unit: "binary" }).filter((text) => !text.startsWith("\ufeff"))
        : fc.string({ unit: "binary" });
    default:
      return type satisfies never;
  }
}

export function arbitraryValue(type: WitType, options: Options): fc.Arbitrary<Value> {
  const of = (inner: WitType): fc.Arbitrary<Value> => arbitraryValue(inner, options);
  const payload = (inner: WitType | null): fc.Arbitrary<Value> =>
    inner === null ? fc.constant(null) : of(inner);
  if (typeof type === "string") return primitiveValue(type, options);
  if ("alias" in type) return of(type.alias);
  if ("list" in type) {
    const isByte =
      type.list === "u8" ||
      (typeof type.list === "object" && "alias" in type.list && type.list.alias === "u8");
    return isByte ? fc.uint8Array() : fc.array(of(type.list), { maxLength: 5 });
  }
  if ("option" in type) {
    const some = of(type.option).map((value) => [value]);
    return fc.option(some, { nil: null });
  }
  if ("tuple" in type) return fc.tuple(...type.tuple.map(of));
  if ("record" in type) {
    return fc
      .tuple(...type.record.map(([, field]) => of(field)))
      .map((values) =>
        Object.fromEntries(type.record.map(([name], i) => [name, values[i] ?? null])),
      );
  }
  if ("variant" in type) {
    return fc.oneof(
      ...type.variant.map(([name, inner]) => payload(inner).map((value) => ({ [name]: value }))),
    );
  }
  if ("result" in type) {
    const { ok, err } = type.result;
    return fc.oneof(
      payload(ok).map((value) => ({ ok: value })),
      payload(err).map((value) => ({ err: value })),
    );
  }
  if ("enum" in type) return fc.constantFrom(...type.enum);
  if ("flags" in type) return fc.subarray([...type.flags]);
  return fc.nat({ max: 1000 });
}

const PRIMITIVES: readonly Primitive[] = [
  ...(["bool", "u8", "s8", "u16", "s16", "u32", "s32"] as const),
  ...(["u64", "s64", "f32", "f64", "char", "string"] as const),
];
const NAMES = ["a", "x-pos", "constructor", "default", "dark-green", "URL-of", "to-json"];

const names = fc.subarray(NAMES, { minLength: 1 });

/** Types of every shape, some levels deep. */
export const arbitraryType: fc.Arbitrary<WitType> = fc.letrec<{ type: WitType }>((tie) => {
  const type = tie("type");
  const orNone = fc.option(type, { nil: null });
  const parts = <T>(part: fc.Arbitrary<T>): fc.Arbitrary<(readonly [string, T])[]> =>
    names.chain((chosen) =>
      fc
        .tuple(...chosen.map(() => part))
        .map((made) => chosen.map((name, i) => [name, made[i] as T] as const)),
    );
  return {
    type: fc.oneof(
      { maxDepth: 4, depthSize: "small" },
      fc.constantFrom(...PRIMITIVES),
      fc.constantFrom(...PRIMITIVES).map((alias) => ({ alias, name: "named", of: "a:b/c" })),
      fc.constantFrom<WitType>({ own: "a:b/c#r" }, { borrow: "a:b/c#r" }),
      names.map((chosen) => ({ enum: chosen })),
      names.map((chosen) => ({ flags: chosen })),
      type.map((list) => ({ list })),
      type.map((option) => ({ option })),
      fc.array(type, { minLength: 1, maxLength: 3 }).map((tuple) => ({ tuple })),
      fc.tuple(orNone, orNone).map(([ok, err]) => ({ result: { ok, err } })),
      parts(type).map((record) => ({ record })),
      parts(orNone).map((variant) => ({ variant })),
    ),
  };
}).type;
