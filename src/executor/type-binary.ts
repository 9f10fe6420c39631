// Reads type definitions, imports, exports and aliases of the component binary format (the part that
// occurs both in sections and inside instance and component types).

import { type BinaryReader, malformed, unsupported } from "./binary-reader.ts";
import type {
  Declaration,
  Extern,
  FunctionDefinition,
  Sort,
  TypeDefinition,
  TypeRef,
} from "./component-syntax.ts";
import { readCoreName } from "./core-sections.ts";
import type { Primitive } from "./wit-type.ts";
import { camelCase } from "./wit-value.ts";

/** Types inside types inside types; what wit-component emits needs two. */
export const NESTING_MAX = 32;
/** Fields, cases, parameters: the limit that wasm-tools has too. */
const PARTS_MAX = 1000;
/** The component model's own limit: flags are one 32-bit word. */
const FLAGS_MAX = 32;
/** Far above what the largest known worlds have (WASI: some hundreds). */
export const ENTRIES_MAX = 100_000;

const PRIMITIVES: Readonly<Record<number, Primitive>> = {
  0x7f: "bool",
  0x7e: "s8",
  0x7d: "u8",
  0x7c: "s16",
  0x7b: "u16",
  0x7a: "s32",
  0x79: "u32",
  0x78: "s64",
  0x77: "u64",
  0x76: "f32",
  0x75: "f64",
  0x74: "char",
  0x73: "string",
};

const UNSUPPORTED: Readonly<Record<number, string>> = {
  0x43: "async functions",
  0x3e: "resources with async destructors",
  0x63: "maps",
  0x64: "error-contexts",
  0x65: "futures",
  0x66: "streams",
  0x67: "lists of fixed length",
};

const SORTS: Readonly<Record<number, Sort>> = {
  1: "func",
  3: "type",
  4: "component",
  5: "instance",
};

const LABEL = /^(?:[a-z][a-z0-9]*|[A-Z][A-Z0-9]*)(?:-(?:[a-z0-9]+|[A-Z0-9]+))*$/;

export function isLabel(name: string): boolean {
  return LABEL.test(name);
}

export function readType(reader: BinaryReader, depth: number): TypeDefinition {
  const at = reader.at;
  const code = reader.byte();
  const primitive = PRIMITIVES[code];
  if (primitive !== undefined) return { is: "primitive", primitive };
  switch (code) {
    case 0x72:
      return { is: "record", fields: readLabelled(reader, "fields", () => readRef(reader)) };
    case 0x71:
      return { is: "variant", cases: readLabelled(reader, "cases", () => readCase(reader)) };
    case 0x70:
      return { is: "list", element: readRef(reader) };
    case 0x6b:
      return { is: "option", element: readRef(reader) };
    case 0x6f:
      return { is: "tuple", elements: readSome(reader, "elements", () => readRef(reader)) };
    case 0x6e:
      return { is: "flags", names: readNames(reader, "flags", FLAGS_MAX) };
    case 0x6d:
      return { is: "enum", names: readNames(reader, "cases", PARTS_MAX) };
    case 0x6a:
      return { is: "result", ok: readOptionalRef(reader), err: readOptionalRef(reader) };
    case 0x69:
      return { is: "own", resource: reader.u32() };
    case 0x68:
      return { is: "borrow", resource: reader.u32() };
    case 0x40:
      return readFunction(reader);
    case 0x41:
      return { is: "component", body: readTypeBody(reader, depth) };
    case 0x42:
      return { is: "instance", body: readTypeBody(reader, depth) };
    case 0x3f:
      return readResource(reader);
    default: {
      const feature = UNSUPPORTED[code];
      if (feature !== undefined) throw unsupported(at, feature);
      throw malformed(at, `0x${code.toString(16)} is not the code of a type`);
    }
  }
}

function readRef(reader: BinaryReader): TypeRef {
  const at = reader.at;
  const index = reader.s33();
  if (index >= 0) return index;
  const code = index + 0x80;
  const primitive = PRIMITIVES[code];
  if (primitive !== undefined) return primitive;
  const feature = UNSUPPORTED[code];
  if (feature !== undefined) throw unsupported(at, feature);
  throw malformed(at, `${index} is not a type`);
}

function readOptionalRef(reader: BinaryReader): TypeRef | null {
  return readFlag(reader) ? readRef(reader) : null;
}

function readFlag(reader: BinaryReader): boolean {
  const at = reader.at;
  const flag = reader.byte();
  if (flag > 1) throw malformed(at, "a presence mark is neither 0 nor 1");
  return flag === 1;
}

function readCase(reader: BinaryReader): TypeRef | null {
  const type = readOptionalRef(reader);
  if (readFlag(reader)) throw malformed(reader.at - 1, "a case refines another one");
  return type;
}

function readSome<T>(reader: BinaryReader, what: string, read: () => T): T[] {
  const at = reader.at;
  const entries = reader.many(read, { what, max: PARTS_MAX });
  if (entries.length === 0) throw malformed(at, `a type has no ${what}`);
  return entries;
}

function readLabelled<T>(
  reader: BinaryReader,
  what: string,
  read: () => T,
): (readonly [string, T])[] {
  const at = reader.at;
  const parts = readSome(reader, what, () => [readLabel(reader), read()] as const);
  requireDistinct(
    at,
    parts.map(([name]) => name),
  );
  return parts;
}

function readNames(reader: BinaryReader, what: string, max: number): string[] {
  const at = reader.at;
  const names = reader.many(() => readLabel(reader), { what, max });
  if (names.length === 0) throw malformed(at, `a type has no ${what}`);
  requireDistinct(at, names);
  return names;
}

/** Names that differ only in case count as the same, as in the component model. Names that JavaScript
 * could not tell apart (`x1`, `x-1`) count as the same too: jco would give one the other's value. */
export function requireDistinct(at: number, names: readonly string[]): void {
  if (new Set(names.map(camelCase)).size < names.length) {
    throw malformed(at, "two of its parts have the same name");
  }
}

function readLabel(reader: BinaryReader): string {
  const at = reader.at;
  const name = reader.name();
  if (!isLabel(name)) throw malformed(at, `${JSON.stringify(name)} is not a kebab-case name`);
  return name;
}

function readFunction(reader: BinaryReader): FunctionDefinition {
  const at = reader.at;
  const limit = { what: "parameters", max: PARTS_MAX };
  const params = reader.many(() => [readLabel(reader), readRef(reader)] as const, limit);
  requireDistinct(
    at,
    params.map(([name]) => name),
  );
  const form = reader.byte();
  if (form === 0) return { is: "func", params, result: readRef(reader) };
  if (form !== 1 || reader.byte() !== 0) throw malformed(reader.at - 1, "named results");
  return { is: "func", params, result: null };
}

function readResource(reader: BinaryReader): TypeDefinition {
  const at = reader.at;
  if (reader.byte() !== 0x7f) throw malformed(at, "a resource is not represented by an i32");
  if (readFlag(reader)) reader.u32(); // the destructor, a core function
  return { is: "resource" };
}

function readTypeBody(reader: BinaryReader, depth: number): Declaration[] {
  if (depth >= NESTING_MAX) throw malformed(reader.at, `nested deeper than ${NESTING_MAX} levels`);
  const limit = { what: "declarations in a type", max: ENTRIES_MAX };
  return reader.many(() => readDeclaration(reader, depth), limit).flat();
}

function readDeclaration(reader: BinaryReader, depth: number): Declaration[] {
  const at = reader.at;
  const code = reader.byte();
  switch (code) {
    case 0:
      throw unsupported(at, "core types inside component types");
    case 1:
      return [{ at, does: "type", definition: readType(reader, depth + 1) }];
    case 2:
      return readAlias(reader);
    case 3:
    case 4: {
      const does = code === 3 ? "import" : "declare";
      return [{ at, does, name: readExternName(reader), extern: readExtern(reader) }];
    }
    default:
      throw malformed(at, `0x${code.toString(16)} is not the code of a declaration`);
  }
}

export function readExternName(reader: BinaryReader): string {
  const at = reader.at;
  if (reader.byte() > 1) throw unsupported(at, "names with options");
  return reader.name();
}

export function readExtern(reader: BinaryReader): Extern {
  const at = reader.at;
  switch (reader.byte()) {
    case 0:
      if (reader.byte() !== 0x11) throw malformed(at, "an import is not of a known sort");
      reader.u32();
      return { is: "core" };
    case 1:
      return { is: "func", type: reader.u32() };
    case 2:
      throw unsupported(at, "values as imports or exports");
    case 3:
      return readFlag(reader) ? { is: "resource" } : { is: "eq", type: reader.u32() };
    case 4:
      return { is: "component", type: reader.u32() };
    case 5:
      return { is: "instance", type: reader.u32() };
    default:
      throw malformed(at, "an import or export is not of a known sort");
  }
}

export function readSort(reader: BinaryReader): Sort {
  const at = reader.at;
  const code = reader.byte();
  if (code === 0) {
    reader.byte();
    return "core";
  }
  if (code === 2) throw unsupported(at, "values as imports or exports");
  const sort = SORTS[code];
  if (sort === undefined) throw malformed(at, `0x${code.toString(16)} is not a sort`);
  return sort;
}

/** Nothing for an alias of something inside core WebAssembly. */
export function readAlias(reader: BinaryReader): Declaration[] {
  const at = reader.at;
  const sort = readSort(reader);
  const target = reader.byte();
  switch (target) {
    case 0: {
      const [instance, name] = [reader.u32(), reader.name()];
      return sort === "core" ? [] : [{ at, does: "alias", sort, instance, name }];
    }
    case 1:
      if (sort !== "core") throw malformed(at, "an alias takes a component's part from core code");
      reader.u32();
      readCoreName(reader);
      return [];
    case 2: {
      const [levels, index] = [reader.u32(), reader.u32()];
      return sort === "core" ? [] : [{ at, does: "outer", sort, levels, index }];
    }
    default:
      throw malformed(at, `0x${target.toString(16)} is not the target of an alias`);
  }
}
