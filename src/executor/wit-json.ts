// Between JSON as people write it, at the call route and on the command line, and recorded values.
// Names are WIT's own. What JSON cannot say is text: bytes in base64, integers from 2^53 in decimal,
// "NaN", "Infinity", "-Infinity" and "-0".

import { fromBase64, toBase64 } from "../lib/bytes.ts";
import type { Value } from "../chain/value.ts";
import {
  type Codec,
  compilerFor,
  convert,
  type Dialect,
  inside,
  isList,
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
import { caseOf, flagsOf, isCharacter, nothing } from "./wit-value.ts";

/**
 * Parsed JSON as a recorded value. A field that is an option may be left out; a case without payload
 * is its name; an option inside an option is `{"some": …}`. Throws `bad-request` naming the path.
 */
export function fromJson(type: WitType, json: unknown): Value {
  return convert(() => compile(type).toValue(json));
}

/** The inverse of `fromJson`; it can be stringified. Throws `bad-request` naming the path. */
export function toJson(type: WitType, value: Value): unknown {
  return convert(() => compile(type).fromValue(value));
}

const bool = same("true or false", (x) => typeof x === "boolean");
const text = same("a text", (x): x is string => typeof x === "string" && x.isWellFormed());

const small: Codec[] = SMALL_INTEGERS.map((range) => ({
  toValue: (json) => smallInteger(json, range),
  fromValue: (value) => smallInteger(value, range),
}));
const [u8, s8, u16, s16, u32, s32] = small as [Codec, Codec, Codec, Codec, Codec, Codec];

/** Twenty digits are enough for 64 bits; a longer text is not worth a bigint. */
const DECIMAL = /^-?[0-9]{1,20}$/;

const big = (type: BigInteger): Codec => ({
  toValue: (json) => {
    if (Number.isSafeInteger(json)) return bigToValue(BigInt(json as number), type);
    if (typeof json === "string" && DECIMAL.test(json)) return bigToValue(BigInt(json), type);
    throw new Misfit(`a ${type}, from 2^53 on as a decimal text`);
  },
  fromValue: (value) => {
    const integer = bigToValue(bigFromValue(value, type), type);
    return typeof integer === "bigint" ? integer.toString() : integer;
  },
});

const SPECIAL: ReadonlyMap<unknown, number> = new Map([
  ["NaN", Number.NaN],
  ["Infinity", Infinity],
  ["-Infinity", -Infinity],
  ["-0", -0],
]);

const float = (type: Float): Codec => ({
  toValue: (json) => floatToValue(SPECIAL.get(json) ?? json, type),
  fromValue: (value) => {
    const number = floatFromValue(value, type);
    if (Object.is(number, -0)) return "-0";
    return Number.isFinite(number) ? number : String(number);
  },
});

const bytes: Codec = {
  toValue: (json) => {
    const decoded = typeof json === "string" ? fromBase64(json) : undefined;
    if (decoded === undefined) throw new Misfit("bytes in base64");
    return decoded;
  },
  fromValue: (value) => {
    if (value instanceof Uint8Array) return toBase64(value);
    throw new Misfit("bytes");
  },
};

function isOption(type: WitType): boolean {
  return typeof type !== "string" && "option" in type;
}

function option(inner: Codec, type: WitType): Codec {
  const wrapped = isOption(type); // a bare null would not say whose none it is
  return {
    toValue: (json) => {
      if (json === null) return null;
      if (!wrapped) return [inner.toValue(json)];
      const isSome =
        isObject(json) && Object.hasOwn(json, "some") && Object.keys(json).length === 1;
      if (!isSome) throw new Misfit('null or {"some": …}');
      try {
        return [inner.toValue(json["some"])];
      } catch (thrown) {
        throw inside(thrown, "some");
      }
    },
    fromValue: (value) => {
      if (value === null) return null;
      const [only] = isList(value) && value.length === 1 ? value : [];
      if (only === undefined) throw new Misfit("null or a list of one");
      const json = inner.fromValue(only);
      return wrapped ? { some: json } : json;
    },
  };
}

const choice =
  (emptyAsName: boolean) =>
  (cases: ReadonlyMap<string, Codec | null>): Codec => {
    const expected = `one of the cases ${[...cases.keys()].join(", ")}`;
    return {
      toValue: (json) => {
        if (typeof json === "string" && cases.get(json) === null) return { [json]: null };
        const [entry, ...others] = isObject(json) ? Object.entries(json) : [];
        const codec = entry === undefined ? undefined : cases.get(entry[0]);
        if (entry === undefined || codec === undefined || others.length > 0) {
          throw new Misfit(expected);
        }
        const [name, payload] = entry;
        try {
          return { [name]: codec === null ? nothing(payload) : codec.toValue(payload) };
        } catch (thrown) {
          throw inside(thrown, name);
        }
      },
      fromValue: (value) => {
        const { name, codec, payload } = caseOf(value, cases, expected);
        try {
          if (codec !== null) return { [name]: codec.fromValue(payload) };
          nothing(payload);
          return emptyAsName ? name : { [name]: null };
        } catch (thrown) {
          throw inside(thrown, name);
        }
      },
    };
  };

function flags(names: readonly string[]): Codec {
  return {
    toValue: (json) => {
      const given = new Set<unknown>(Array.isArray(json) ? json : []);
      const ordered = names.filter((name) => given.has(name));
      if (!Array.isArray(json) || ordered.length !== json.length) {
        throw new Misfit(`a list of flags, each at most once, of ${names.join(", ")}`);
      }
      return ordered;
    },
    fromValue: (value) => [...flagsOf(value, names)],
  };
}

const JSON_DIALECT: Dialect = {
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
    char: same("one character", isCharacter),
    string: text,
  },
  bytes,
  handle: u32,
  option,
  variant: choice(true),
  result: choice(false),
  flags,
  fieldName: (name) => name,
  missing: (type) => (isOption(type) ? { value: null } : null),
  isListLike: (json): json is ArrayLike<unknown> => Array.isArray(json),
};

const compile = compilerFor(JSON_DIALECT);
