// Reads the sections of a component binary into declarations, in file order. Nothing is executed or
// compiled, and the code of core modules is stepped over: the cost is in the size of the types.

import { TheaterError } from "../lib/errors.ts";
import { BinaryReader, malformed, unsupported } from "./binary-reader.ts";
import type { Declaration, Item } from "./component-syntax.ts";
import { checkCoreModule } from "./core-module.ts";
import { readCoreName } from "./core-sections.ts";
import {
  ENTRIES_MAX,
  NESTING_MAX,
  readAlias,
  readExtern,
  readExternName,
  readSort,
  readType,
} from "./type-binary.ts";

const PREAMBLE_SIZE = 8;
const MAGIC = [0x00, 0x61, 0x73, 0x6d];
const COMPONENT_VERSION = [0x0d, 0x00, 0x01, 0x00];
const CORE_VERSION = [0x01, 0x00, 0x00, 0x00];

const ENTRIES = { what: "entries in a section", max: ENTRIES_MAX };

/**
 * Throws `not-wasm`, `core-module`, `truncated-component` or `bad-component`, with the offset where
 * there is one. A file cut exactly between two sections is a well-formed smaller component and is read
 * as such: the format holds nothing that would tell.
 */
export function readComponent(bytes: Uint8Array): Declaration[] {
  requireComponent(bytes);
  return readSections(new BinaryReader(bytes, { from: PREAMBLE_SIZE, to: bytes.length }), 0);
}

function requireComponent(bytes: Uint8Array): void {
  if (!startsWith(bytes, MAGIC, 0)) {
    throw new TheaterError("not-wasm", "The file is not WebAssembly; upload a .wasm component.", {
      offset: 0,
      size: bytes.length,
    });
  }
  if (bytes.length < PREAMBLE_SIZE) {
    throw new TheaterError(
      "truncated-component",
      `The component ends at byte ${bytes.length}, inside its preamble; upload the whole file.`,
      { offset: bytes.length, size: bytes.length },
    );
  }
  if (startsWith(bytes, CORE_VERSION, MAGIC.length)) {
    throw new TheaterError(
      "core-module",
      "The file is a core WebAssembly module; build a component, with `theater build` or `wasm-tools component new`.",
      { offset: MAGIC.length },
    );
  }
  if (!startsWith(bytes, COMPONENT_VERSION, MAGIC.length)) {
    throw malformed(MAGIC.length, "its preamble names an unknown version of the format");
  }
}

function startsWith(bytes: Uint8Array, prefix: readonly number[], offset: number): boolean {
  return prefix.every((byte, index) => bytes[offset + index] === byte);
}

function readSections(reader: BinaryReader, depth: number): Declaration[] {
  if (depth >= NESTING_MAX) throw malformed(reader.at, `nested deeper than ${NESTING_MAX} levels`);
  const body: Declaration[] = [];
  while (!reader.done) {
    const at = reader.at;
    const id = reader.byte();
    const section = reader.part(reader.u32());
    for (const declaration of readSection(section, { id, at, depth })) body.push(declaration);
    if (!section.done) throw malformed(section.at, "a section goes on after its last entry");
  }
  return body;
}

function readSection(
  section: BinaryReader,
  { id, at, depth }: { id: number; at: number; depth: number },
): Declaration[] {
  const each = (read: (at: number) => Declaration[]): Declaration[] =>
    section.many(() => read(section.at), ENTRIES).flat();
  switch (id) {
    case 0: // custom
    case 3: // core types
      section.skip(section.left);
      return [];
    case 1:
      checkCoreModule(section);
      return [];
    case 2:
      section.many(() => readCoreInstance(section), ENTRIES);
      return [];
    case 4:
      return [{ at, does: "component", body: readNested(section, depth + 1) }];
    case 5:
      return each((entry) => [readInstance(section, entry)]);
    case 6:
      return each(() => readAlias(section));
    case 7:
      return each((entry) => [{ at: entry, does: "type", definition: readType(section, depth) }]);
    case 8:
      return each((entry) => readCanonical(section, entry));
    case 10:
      return each((entry) => [
        {
          at: entry,
          does: "import",
          name: readExternName(section),
          extern: readExtern(section),
        },
      ]);
    case 11:
      return each((entry) => [readExport(section, entry)]);
    case 9:
      throw unsupported(at, "start functions");
    case 12:
      throw unsupported(at, "values as imports or exports");
    default:
      throw malformed(at, `${id} is not the number of a section`);
  }
}

function readNested(section: BinaryReader, depth: number): Declaration[] {
  const at = section.at;
  for (const expected of [...MAGIC, ...COMPONENT_VERSION]) {
    if (section.byte() !== expected) throw malformed(at, "a nested component has no preamble");
  }
  return readSections(section, depth);
}

/** Only its names matter here: jco writes them into JavaScript. */
function readCoreInstance(reader: BinaryReader): void {
  const at = reader.at;
  const form = reader.byte();
  if (form > 1) throw malformed(at, `0x${form.toString(16)} is not a form of core instance`);
  if (form === 0) reader.u32(); // the module
  reader.many(() => {
    readCoreName(reader);
    reader.byte(); // the sort
    reader.u32();
  }, ENTRIES);
}

function readInstance(reader: BinaryReader, at: number): Declaration {
  const form = reader.byte();
  if (form === 0) {
    const component = reader.u32();
    const items = reader.many(() => readItem(reader, reader.name()), ENTRIES);
    return { at, does: "instantiate", component, items };
  }
  if (form !== 1) throw malformed(at, `0x${form.toString(16)} is not a form of instance`);
  const items = reader.many(() => readItem(reader, readExternName(reader)), ENTRIES);
  return { at, does: "bundle", items };
}

function readItem(reader: BinaryReader, name: string): Item {
  return { name, sort: readSort(reader), index: reader.u32() };
}

function readExport(reader: BinaryReader, at: number): Declaration {
  const item = readItem(reader, readExternName(reader));
  const ascribed = reader.byte();
  if (ascribed > 1) throw malformed(at, "a presence mark is neither 0 nor 1");
  return { at, does: "export", item, extern: ascribed === 1 ? readExtern(reader) : null };
}

/** Only a lifted function has a place among the component's functions; the rest makes core functions. */
function readCanonical(reader: BinaryReader, at: number): Declaration[] {
  const code = reader.byte();
  switch (code) {
    case 0x00: {
      requireZero(reader);
      reader.u32();
      readOptions(reader);
      return [{ at, does: "lift", type: reader.u32() }];
    }
    case 0x01:
      requireZero(reader);
      reader.u32();
      readOptions(reader);
      return [];
    case 0x02: // resource.new
    case 0x03: // resource.drop
    case 0x04: // resource.rep
      reader.u32();
      return [];
    default:
      throw unsupported(at, `async or thread built-ins (canon 0x${code.toString(16)})`);
  }
}

function requireZero(reader: BinaryReader): void {
  const at = reader.at;
  if (reader.byte() !== 0) throw malformed(at, "a canonical function is not of a known form");
}

const OPTIONS = { what: "canonical options", max: 16 };

function readOptions(reader: BinaryReader): void {
  reader.many(() => {
    const at = reader.at;
    const code = reader.byte();
    if (code <= 2) return; // string encodings
    if (code <= 5) {
      reader.u32(); // memory, realloc, post-return
      return;
    }
    if (code <= 7) throw unsupported(at, "async functions");
    throw unsupported(at, `canonical options of kind 0x${code.toString(16)}`);
  }, OPTIONS);
}
