// The sections of a core module, and what stands in several of them. jco writes names of core code into JavaScript
// without escaping them (jco-transpile 0.15.0), so a name is checked as it is read, before jco sees it.

import { malformed, unsupported, type BinaryReader } from "./binary-reader.ts";

/** Magic number and version. */
export const PREAMBLE_BYTES = 8;

/** What compilers and wit-component make; no quote, no backslash, nothing that could end a line. */
const CORE_NAME = /^[\w$.:/@#[\]|<>=,+~!-]*$/;

/** Reads a name of core code. Throws `bad-component` for one that JavaScript could take for code. */
export function readCoreName(reader: BinaryReader): string {
  const at = reader.at;
  const name = reader.name();
  // `__proto__` in an object literal, as jco writes it, is no property: the imports would be looked up elsewhere.
  if (CORE_NAME.test(name) && name !== "__proto__") return name;
  throw malformed(at, `${JSON.stringify(name)} is not a name that core code may have`);
}

interface Section {
  id: number;
  /** Offset of its id. */
  at: number;
  body: BinaryReader;
}

export function* sections(module: BinaryReader): Generator<Section> {
  module.skip(PREAMBLE_BYTES); // jco checks it
  while (!module.done) {
    const at = module.at;
    const id = module.byte();
    yield { id, at, body: module.part(module.u32()) };
  }
}

export function readValueType(reader: BinaryReader): number {
  const code = reader.byte();
  if (code === 0x63 || code === 0x64) reader.s33(); // a reference to a type that stands here
  return code;
}

/** Of which kind it is: 0 a function, 1 a table, 2 a memory, 3 a global. */
export function readImport(reader: BinaryReader, readName = readCoreName): number {
  readName(reader);
  readName(reader);
  const at = reader.at;
  const kind = reader.byte();
  if (kind === 0) reader.u32();
  else if (kind === 1) readTable(reader);
  else if (kind === 2) readLimits(reader);
  else if (kind === 3) {
    readValueType(reader);
    reader.byte();
  } else if (kind === 4) throw unsupported(at, "exceptions");
  else throw malformed(at, "a core import is not of a known kind");
  return kind;
}

export interface Limits {
  min: number;
  max: number | null;
}

export function readTable(reader: BinaryReader): Limits {
  const at = reader.at;
  if (readValueType(reader) === 0x40) throw unsupported(at, "tables with an initial value");
  return readLimits(reader);
}

export function readLimits(reader: BinaryReader): Limits {
  const at = reader.at;
  const flags = reader.byte();
  if (flags > 1) {
    throw unsupported(at, flags & 2 ? "shared memories" : "memories of 64 bits or of other pages");
  }
  return { min: reader.u32(), max: flags === 1 ? reader.u32() : null };
}

export function leb(value: number): Uint8Array {
  const bytes: number[] = [];
  for (let left = value; ; left = Math.floor(left / 128)) {
    if (left < 128) return Uint8Array.from([...bytes, left]);
    bytes.push((left % 128) + 128);
  }
}
