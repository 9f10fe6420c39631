// Reads the interfaces of a WIT text: one package, no worlds, no resources. It gives bare signatures
// (wit-signature.ts): what functions take and give, without the names of types and parameters.
//
// The text may come from another Worker, so its size, and that of every type written out, is limited.

import { TheaterError } from "../lib/errors.ts";
import { Tokens } from "./wit-tokens.ts";
import { WitScope, type WrittenInterface, type WrittenType } from "./wit-scope.ts";
import type { Primitive, WitFunction, WitType } from "./wit-type.ts";

export const WIT_CHARS_MAX = 16 * 1024;
/** `interface#function` in an event (docs/chain-format.md). */
const ABOUT_BYTES_MAX = 128;

/** By `interface#function`, as in `example:weather/forecast#tomorrow`. Throws `bad-request` with the line. */
export function readWit(text: string): Map<string, WitFunction> {
  if (text.length > WIT_CHARS_MAX) {
    const message = `A plug-in's WIT may have ${WIT_CHARS_MAX} characters: leave out what it does not serve.`;
    throw new TheaterError("bad-request", message, { limit: WIT_CHARS_MAX });
  }
  const tokens = new Tokens(text);
  tokens.expect("package");
  const namespace = tokens.name();
  tokens.expect(":");
  const name = tokens.name();
  const version = tokens.version();
  tokens.expect(";");
  const interfaces = new Map<string, WrittenInterface>();
  while (!tokens.isAtEnd) {
    tokens.expect("interface");
    define(tokens, interfaces, tokens.name(), () => readInterface(tokens));
  }
  const scope = new WitScope(interfaces);
  const functions = new Map<string, WitFunction>();
  for (const [own, { functions: written, types }] of interfaces) {
    for (const type of types.keys()) scope.resolveName(own, type); // also those that nothing uses
    for (const [fn, { params, result }] of written) {
      const about = `${namespace}:${name}/${own}${version}#${fn}`;
      if (about.length > ABOUT_BYTES_MAX) {
        throw new TheaterError("bad-request", `Choose shorter names than ${about}.`);
      }
      functions.set(about, {
        params: params.map((param) => ["", scope.resolve(own, param)] as const),
        result: result === null ? null : scope.resolve(own, result),
      });
    }
  }
  return functions;
}

function readInterface(tokens: Tokens): WrittenInterface {
  const found: WrittenInterface = { types: new Map(), functions: new Map() };
  tokens.expect("{");
  while (!tokens.take("}")) {
    if (tokens.take("use")) {
      readUse(tokens, found);
    } else if (tokens.take("type")) {
      const name = tokens.name();
      tokens.expect("=");
      define(tokens, found.types, name, () => readType(tokens));
      tokens.expect(";");
    } else {
      const kind = KINDS.find((each) => tokens.take(each));
      const name = tokens.name();
      if (kind !== undefined) define(tokens, found.types, name, () => readBlock(tokens, kind));
      else define(tokens, found.functions, name, () => readFunction(tokens));
    }
  }
  return found;
}

function readUse(tokens: Tokens, { types }: WrittenInterface): void {
  const from = tokens.name();
  tokens.expect(".", "{");
  tokens.list("}", () => {
    const name = tokens.name();
    const local = tokens.take("as") ? tokens.name() : name;
    define(tokens, types, local, () => ({ from, name }));
  });
  tokens.expect(";");
}

function readFunction(tokens: Tokens) {
  tokens.expect(":", "func", "(");
  const params = readParts(tokens, ")", () => {
    tokens.expect(":");
    return readType(tokens);
  });
  const result = tokens.take("->") ? readType(tokens) : null;
  tokens.expect(";");
  return { params: [...params.values()], result };
}

const KINDS = ["record", "variant", "enum", "flags"] as const;

function readBlock(tokens: Tokens, kind: (typeof KINDS)[number]): WrittenType {
  tokens.expect("{");
  const read = {
    record: () => {
      tokens.expect(":");
      return readType(tokens);
    },
    variant: () => {
      if (!tokens.take("(")) return null;
      const payload = readType(tokens);
      tokens.expect(")");
      return payload;
    },
    enum: () => null,
    flags: () => null,
  }[kind];
  const parts = readParts<WrittenType | null>(tokens, "}", read);
  if (parts.size === 0) throw tokens.wrong(`a ${kind} has at least one part`);
  const names = [...parts.keys()];
  const make = (types: (WitType | null)[]): WitType => {
    if (kind === "enum") return { enum: names };
    if (kind === "flags") return { flags: names };
    if (kind === "variant") return { variant: names.map((each, i) => [each, types[i] ?? null]) };
    return { record: names.map((each, i) => [each, types[i] ?? "bool"]) };
  };
  return { is: "shape", parts: [...parts.values()], make };
}

/** Parts by name, in order. */
function readParts<T>(tokens: Tokens, close: string, read: () => T): Map<string, T> {
  const parts = new Map<string, T>();
  tokens.list(close, () => define(tokens, parts, tokens.name(), read));
  return parts;
}

/** Names that differ only in case are the same name, as in components. */
function define<T>(tokens: Tokens, into: Map<string, T>, name: string, read: () => T): void {
  const isTaken = [...into.keys()].some((each) => each.toLowerCase() === name.toLowerCase());
  if (isTaken) throw tokens.wrong(`${name} stands twice`);
  into.set(name, read());
}

const PRIMITIVES = new Set<string>(
  "bool u8 s8 u16 s16 u32 s32 u64 s64 f32 f64 char string".split(" "),
);

/** As written; how deep it is, names included, is limited where it is resolved. */
const NESTING_MAX = 32;

function readType(tokens: Tokens, depth = 0): WrittenType {
  if (depth > NESTING_MAX) throw tokens.wrong(`types are at most ${NESTING_MAX} deep`);
  for (const primitive of PRIMITIVES) {
    if (tokens.take(primitive)) return { is: "primitive", primitive: primitive as Primitive };
  }
  const inner = (): WrittenType => readType(tokens, depth + 1);
  const one = (make: (part: WitType) => WitType): WrittenType => {
    tokens.expect("<");
    const parts = [inner()];
    tokens.expect(">");
    return { is: "shape", parts, make: ([part]) => make(part ?? "bool") };
  };
  if (tokens.take("list")) return one((list) => ({ list }));
  if (tokens.take("option")) return one((option) => ({ option }));
  if (tokens.take("tuple")) {
    tokens.expect("<");
    const parts = tokens.list(">", inner);
    if (parts.length === 0) throw tokens.wrong("a tuple has at least one part");
    return {
      is: "shape",
      parts,
      make: (types) => ({ tuple: types.map((type) => type ?? "bool") }),
    };
  }
  if (tokens.take("result")) {
    const parts = tokens.take("<") ? readResult(tokens, inner) : [null, null];
    const make = ([ok = null, err = null]: (WitType | null)[]) => ({ result: { ok, err } });
    return { is: "shape", parts, make };
  }
  return { is: "name", name: tokens.name() };
}

function readResult(tokens: Tokens, inner: () => WrittenType): (WrittenType | null)[] {
  const ok = tokens.take("_") ? null : inner();
  const err = tokens.take(",") ? inner() : null;
  tokens.expect(">");
  return [ok, err];
}
