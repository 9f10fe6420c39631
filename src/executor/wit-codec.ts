// Compiles a WIT type to a pair of conversions between recorded values (docs/chain-format.md, "WIT
// values") and one outside form. Both directions of a kind stand together, so that they stay inverse.
// Compiled once per type object: every host call passes here, so no names are built while converting.

import { assert, TheaterError } from "../lib/errors.ts";
import { Link, type Value } from "../chain/value.ts";
import type { CompoundType, Primitive, WitType } from "./wit-type.ts";

/** Both directions throw a `Misfit` for what is not of the type. */
export interface Codec {
  readonly toValue: (outside: unknown) => Value;
  readonly fromValue: (value: Value) => unknown;
}

/** Where outside forms differ; lists, tuples, records and enums are the same everywhere. */
export interface Dialect {
  readonly primitives: Readonly<Record<Primitive, Codec>>;
  readonly bytes: Codec;
  readonly handle: Codec;
  readonly option: (inner: Codec, type: WitType) => Codec;
  readonly variant: (cases: ReadonlyMap<string, Codec | null>) => Codec;
  readonly result: (cases: ReadonlyMap<string, Codec | null>) => Codec;
  readonly flags: (names: readonly string[]) => Codec;
  readonly fieldName: (name: string) => string;
  /** What a missing field counts as; null: it may not be missing. */
  readonly missing: (type: WitType) => { readonly value: Value } | null;
  readonly isListLike: (outside: unknown) => outside is ArrayLike<unknown>;
}

type Compiler = (type: WitType) => Codec;

export function compilerFor(dialect: Dialect): Compiler {
  // Keyed by the object that stands in the description; an entry lives as long as that does.
  const known = new WeakMap<CompoundType, Codec>();
  const compile = (type: WitType): Codec => {
    if (typeof type === "string") return dialect.primitives[type];
    let codec = known.get(type);
    if (codec === undefined) {
      codec = compound(type, dialect, compile);
      known.set(type, codec);
    }
    return codec;
  };
  return compile;
}

function compound(type: CompoundType, dialect: Dialect, compile: Compiler): Codec {
  if ("alias" in type) return compile(type.alias);
  if ("list" in type) return isByte(type.list) ? dialect.bytes : list(compile(type.list), dialect);
  if ("option" in type) return dialect.option(compile(type.option), type.option);
  if ("tuple" in type) return tuple(type.tuple.map(compile), dialect);
  if ("record" in type) return record(type.record, dialect, compile);
  if ("enum" in type) return enumeration(type.enum);
  if ("flags" in type) return dialect.flags(type.flags);
  if ("variant" in type) return dialect.variant(cases(type.variant, compile));
  if ("result" in type) {
    const { ok, err } = type.result;
    return dialect.result(cases(Object.entries({ ok, err }), compile));
  }
  assert(!("resource" in type), "a resource is not the type of a value");
  return dialect.handle;
}

function isByte(type: WitType): boolean {
  return type === "u8" || (typeof type !== "string" && "alias" in type && type.alias === "u8");
}

function cases(
  parts: readonly (readonly [string, WitType | null])[],
  compile: Compiler,
): Map<string, Codec | null> {
  return new Map(parts.map(([name, type]) => [name, type === null ? null : compile(type)]));
}

function list(element: Codec, dialect: Dialect): Codec {
  return {
    toValue: (outside) => {
      if (!dialect.isListLike(outside)) throw new Misfit("a list");
      const values: Value[] = [];
      let i = 0;
      try {
        for (; i < outside.length; i++) values.push(element.toValue(outside[i]));
      } catch (thrown) {
        throw inside(thrown, i);
      }
      return values;
    },
    fromValue: (value) => {
      if (!isList(value)) throw new Misfit("a list");
      const outside: unknown[] = [];
      let i = 0;
      try {
        for (const part of value) {
          outside.push(element.fromValue(part));
          i++;
        }
      } catch (thrown) {
        throw inside(thrown, i);
      }
      return outside;
    },
  };
}

function tuple(elements: readonly Codec[], dialect: Dialect): Codec {
  const expected = `a list of ${elements.length}`;
  const convert = <Part, Made>(
    parts: ArrayLike<Part>,
    one: (element: Codec, part: Part) => Made,
  ): Made[] => {
    if (parts.length !== elements.length) throw new Misfit(expected);
    return elements.map((element, i) => {
      try {
        return one(element, parts[i] as Part);
      } catch (thrown) {
        throw inside(thrown, i);
      }
    });
  };
  return {
    toValue: (outside) => {
      if (!dialect.isListLike(outside)) throw new Misfit(expected);
      return convert<unknown, Value>(outside, (element, part) => element.toValue(part));
    },
    fromValue: (value) => {
      if (!isList(value)) throw new Misfit(expected);
      return convert<Value, unknown>(value, (element, part) => element.fromValue(part));
    },
  };
}

function record(
  fields: readonly (readonly [string, WitType])[],
  dialect: Dialect,
  compile: Compiler,
): Codec {
  const known = fields.map(([name, type]) => ({
    name,
    outer: dialect.fieldName(name),
    codec: compile(type),
    missing: dialect.missing(type),
  }));
  const outerNames = new Set(known.map(({ outer }) => outer));
  const names = new Set(fields.map(([name]) => name));
  return {
    toValue: (outside) => {
      if (!isObject(outside)) throw new Misfit("a record");
      requireKnown(outside, outerNames);
      const value: Record<string, Value> = {};
      for (const { name, outer, codec, missing } of known) {
        const has = Object.hasOwn(outside, outer);
        if (!has && missing === null) throw inside(new Misfit("a value: it is missing"), name);
        try {
          value[name] = !has && missing !== null ? missing.value : codec.toValue(outside[outer]);
        } catch (thrown) {
          throw inside(thrown, name);
        }
      }
      return value;
    },
    fromValue: (value) => {
      if (!isMap(value)) throw new Misfit("a record");
      requireKnown(value, names);
      const outside: Record<string, unknown> = {};
      for (const { name, outer, codec } of known) {
        const field = Object.hasOwn(value, name) ? value[name] : undefined;
        if (field === undefined) throw inside(new Misfit("a value: it is missing"), name);
        try {
          outside[outer] = codec.fromValue(field);
        } catch (thrown) {
          throw inside(thrown, name);
        }
      }
      return outside;
    },
  };
}

function requireKnown(object: object, names: ReadonlySet<string>): void {
  for (const key in object) {
    if (!names.has(key)) throw inside(new Misfit("there: no field has this name"), key);
  }
}

function enumeration(names: readonly string[]): Codec {
  const known = new Set(names);
  const expected = `one of ${names.join(", ")}`;
  const check = (name: unknown): string => {
    if (typeof name === "string" && known.has(name)) return name;
    throw new Misfit(expected);
  };
  return { toValue: check, fromValue: check };
}

/** Both sides are the same text, number or boolean, if it is of the type. */
export function same<T extends Value>(expected: string, is: (x: unknown) => x is T): Codec {
  const check = (x: unknown): T => {
    if (is(x)) return x;
    throw new Misfit(expected);
  };
  return { toValue: check, fromValue: check };
}

export function isObject(outside: unknown): outside is Record<string, unknown> {
  return typeof outside === "object" && outside !== null && !Array.isArray(outside);
}

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

export function isMap(value: Value): value is { readonly [key: string]: Value } {
  return isObject(value) && !(value instanceof Uint8Array) && !(value instanceof Link);
}

/** A value that is not of its type, on its way up to where the whole path is known. */
export class Misfit extends Error {
  readonly expected: string;
  readonly path: (string | number)[] = [];

  constructor(expected: string) {
    super(`not ${expected}`);
    this.expected = expected;
  }
}

/** Notes on a misfit inside which part it was; the path then reads from the outermost part inwards. */
export function inside(thrown: unknown, part: string | number): unknown {
  if (thrown instanceof Misfit) thrown.path.unshift(part);
  return thrown;
}

/** Runs a whole conversion. Throws `bad-request` with the path and what the type expects there. */
export function convert<T>(conversion: () => T): T {
  try {
    return conversion();
  } catch (thrown) {
    if (!(thrown instanceof Misfit)) throw thrown;
    const path = thrown.path.map((part) => (typeof part === "number" ? `[${part}]` : `.${part}`));
    const where = path.length === 0 ? "the value" : `the value at ${path.join("")}`;
    throw new TheaterError("bad-request", `Change ${where}: it must be ${thrown.expected}.`, {
      path: path.join(""),
      expected: thrown.expected,
    });
  }
}
