// Between jco's JavaScript values and recorded values. jco's conventions were read off its output
// (jco-transpile 0.15) and test/executor/wit-echo.test.ts keeps them: u64 is a bigint, a list of
// numbers a typed array, none is undefined, a field's name is in camelCase.

import type { Value } from "../chain/value.ts";
import {
  type Codec,
  compilerFor,
  convert,
  type Dialect,
  inside,
  isList,
  isMap,
  isObject,
  Misfit,
  same,
} from "./wit-codec.ts";
import {
  bigFromValue,
  type BigInteger,
  bigToValue,
  type Float,
  floatFromValue,
  floatToValue,
  SMALL_INTEGERS,
  smallInteger,
} from "./wit-number.ts";
import type { WitType } from "./wit-type.ts";

/** A value that jco lifted out of a guest, as it is recorded. Throws `bad-request` naming the path. */
export function toValue(type: WitType, js: unknown): Value {
  return convert(() => compile(type).toValue(js));
}

/** A recorded value as jco takes it. Throws `bad-request` naming the path. */
export function fromValue(type: WitType, value: Value): unknown {
  return convert(() => compile(type).fromValue(value));
}

/** A WIT name as jco writes it: `x-pos` → `xPos`, `URL-of` → `urlOf`. */
export function camelCase(name: string): string {
  const [first = "", ...rest] = name.toLowerCase().split("-");
  return first + rest.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("");
}

const bool = same("true or false", (x) => typeof x === "boolean");
const text = same("a text", (x): x is string => typeof x === "string" && x.isWellFormed());
const char = same("one character", isCharacter);

/** One Unicode scalar value. */
export function isCharacter(x: unknown): x is string {
  if (typeof x !== "string" || x.length === 0 || x.length > 2 || !x.isWellFormed()) return false;
  return x.length === 1 || (x.codePointAt(0) ?? 0) > 0xffff;
}

const small: Codec[] = SMALL_INTEGERS.map((range) => ({
  toValue: (js) => smallInteger(js, range),
  fromValue: (value) => smallInteger(value, range),
}));
const [u8, s8, u16, s16, u32, s32] = small as [Codec, Codec, Codec, Codec, Codec, Codec];

const big = (type: BigInteger): Codec => ({
  toValue: (js) => {
    if (typeof js !== "bigint") throw new Misfit(`a ${type} as a bigint`);
    return bigToValue(js, type);
  },
  fromValue: (value) => bigFromValue(value, type),
});

const float = (type: Float): Codec => ({
  toValue: (js) => floatToValue(js, type),
  fromValue: (value) => floatFromValue(value, type),
});

const bytes: Codec = {
  toValue: (js) => {
    if (js instanceof Uint8Array) return js;
    if (!Array.isArray(js)) throw new Misfit("bytes");
    return Uint8Array.from(js, (byte, i) => {
      try {
        return u8.toValue(byte) as number;
      } catch (thrown) {
        throw inside(thrown, i);
      }
    });
  },
  fromValue: (value) => {
    if (value instanceof Uint8Array) return value;
    throw new Misfit("bytes");
  },
};

/** Whether the none of this type is a bare undefined. An option around such a type has tags, the next
 * one around that has none again: jco's rule. */
function isBareOption(type: WitType): boolean {
  return typeof type !== "string" && "option" in type && !isBareOption(type.option);
}

function option(inner: Codec, type: WitType): Codec {
  const wrapped = isBareOption(type);
  const some = wrapped ? (val: unknown) => ({ tag: "some", val }) : (val: unknown) => val;
  return {
    toValue: (js) => {
      if (!wrapped) return js === undefined ? null : [inner.toValue(js)];
      if (isObject(js) && js["tag"] === "none") return null;
      if (isObject(js) && js["tag"] === "some") return [inner.toValue(js["val"])];
      throw new Misfit("an option with the tag some or none");
    },
    fromValue: (value) => {
      if (value === null) return wrapped ? { tag: "none" } : undefined;
      const [only] = isList(value) && value.length === 1 ? value : [];
      if (only === undefined) throw new Misfit("null or a list of one");
      return some(inner.fromValue(only));
    },
  };
}

function variant(cases: ReadonlyMap<string, Codec | null>): Codec {
  const expected = `one of the cases ${[...cases.keys()].join(", ")}`;
  return {
    toValue: (js) => {
      const tag = isObject(js) ? js["tag"] : undefined;
      const codec = typeof tag === "string" ? cases.get(tag) : undefined;
      if (typeof tag !== "string" || codec === undefined || !isObject(js)) {
        throw new Misfit(expected);
      }
      try {
        return { [tag]: codec === null ? nothing(js["val"]) : codec.toValue(js["val"]) };
      } catch (thrown) {
        throw inside(thrown, tag);
      }
    },
    fromValue: (value) => {
      const { name, codec, payload } = caseOf(value, cases, expected);
      try {
        if (codec !== null) return { tag: name, val: codec.fromValue(payload) };
        nothing(payload);
        return { tag: name, val: undefined };
      } catch (thrown) {
        throw inside(thrown, name);
      }
    },
  };
}

/** Takes `{case: payload}` apart. */
export function caseOf(
  value: Value,
  cases: ReadonlyMap<string, Codec | null>,
  expected: string,
): { name: string; codec: Codec | null; payload: Value } {
  const keys = isMap(value) ? Object.keys(value) : [];
  const [name] = keys;
  if (!isMap(value) || name === undefined || keys.length > 1) throw new Misfit(expected);
  const [codec, payload] = [cases.get(name), value[name]];
  if (codec === undefined || payload === undefined) throw new Misfit(expected);
  return { name, codec, payload };
}

export function nothing(payload: unknown): null {
  if (payload === undefined || payload === null) return null;
  throw new Misfit("nothing: the case has no payload");
}

function flags(names: readonly string[]): Codec {
  const known = names.map((name) => ({ name, camel: camelCase(name) }));
  const camels = new Set(known.map(({ camel }) => camel));
  return {
    toValue: (js) => {
      if (!isObject(js)) throw new Misfit("flags");
      for (const key in js) if (!camels.has(key)) throw inside(new Misfit("a known flag"), key);
      const set: string[] = [];
      for (const { name, camel } of known) {
        const flag = js[camel] ?? false; // jco's own types allow an unset flag to be left out
        if (typeof flag !== "boolean") throw inside(new Misfit("true or false"), name);
        if (flag) set.push(name);
      }
      return set;
    },
    fromValue: (value) => {
      const set = flagsOf(value, names);
      return Object.fromEntries(known.map(({ name, camel }) => [camel, set.has(name)]));
    },
  };
}

/** The set flags; they must stand in declared order, so that a value has one form only. */
export function flagsOf(value: Value, names: readonly string[]): ReadonlySet<Value> {
  const set = new Set(isList(value) ? value : []);
  const ordered = names.filter((name) => set.has(name));
  if (!isList(value) || value.length !== ordered.length || ordered.some((n, i) => n !== value[i])) {
    throw new Misfit(`a list of the flags ${names.join(", ")}, in this order`);
  }
  return set;
}

function isListLike(js: unknown): js is ArrayLike<unknown> {
  return Array.isArray(js) || (ArrayBuffer.isView(js) && !(js instanceof DataView));
}

const JCO: Dialect = {
  primitives: {
    bool,
    u8,
    s8,
    u16,
    s16,
    u32,
    s32,
    u64: big("u64"),
    s64: big("s64"),
    f32: float("f32"),
    f64: float("f64"),
    char,
    string: text,
  },
  bytes,
  // The recorder numbers handles; a resource object never gets here.
  handle: u32,
  option,
  variant,
  result: variant,
  flags,
  fieldName: camelCase,
  missing: () => null,
  isListLike,
};

const compile = compilerFor(JCO);
