// What a core module inside a component may be: what a turn could use to outgrow or block the isolate that it shares is
// refused or capped, and names are checked as they are read (core-sections.ts).

import { BinaryReader, unsupported } from "./binary-reader.ts";
import {
  leb,
  PREAMBLE_BYTES,
  readImport,
  readLimits,
  readTable,
  readValueType,
  sections,
} from "./core-sections.ts";
import { concat } from "../lib/bytes.ts";
import { TheaterError } from "../lib/errors.ts";

/** 64 MiB for all memories of an instance together: half of the isolate that actors share. */
const MEMORY_PAGES_MAX = 1024;
/** Entries of all tables of an instance together; V8 keeps 16 bytes for one. */
const TABLE_ENTRIES_MAX = 1_000_000;
const ENTRIES_MAX = 100_000;

/** Sections that are looked into; the others pass as they are. */
const SECTION = { types: 1, imports: 2, tables: 4, memories: 5, start: 8, tags: 13 } as const;

/**
 * Throws `bad-component` for a module whose memory could not be bounded (garbage collection, shared and
 * 64-bit memories), and for tags of its own. A `catch_all` needs none and may stay: it catches no trap, and what the
 * host throws ends the turn whether the guest sees it or not (recorder.ts).
 */
export function checkCoreModule(module: BinaryReader): void {
  for (const { id, at, body } of sections(module)) {
    if (id === SECTION.types) entries(body, () => readFunctionType(body));
    if (id === SECTION.imports) entries(body, () => readImport(body));
    if (id === SECTION.tables) entries(body, () => readTable(body));
    if (id === SECTION.memories) entries(body, () => readLimits(body));
    if (id === SECTION.tags) throw unsupported(at, "exceptions");
  }
}

/** Whether code of the module runs as it is instantiated. */
export function startsItself(module: Uint8Array): boolean {
  return [...sections(readerOf(module))].some(({ id }) => id === SECTION.start);
}

/** How many times a component instantiates each of its core modules. */
export interface CoreUse {
  bytes: Uint8Array;
  instances: number;
}

/**
 * The modules with a maximum on every memory and table, so that growing fails at the same size
 * everywhere, on replay too. Throws `too-large` for modules that begin above it.
 */
export function capCoreModules(uses: readonly CoreUse[]): Uint8Array[] {
  const total = { memories: 0, tables: 0 };
  for (const { bytes, instances } of uses) {
    const { memories, tables } = countOf(bytes);
    total.memories += memories * instances;
    total.tables += tables * instances;
  }
  const memory = Math.floor(MEMORY_PAGES_MAX / Math.max(total.memories, 1));
  const table = Math.floor(TABLE_ENTRIES_MAX / Math.max(total.tables, 1));
  return uses.map(({ bytes }) => capModule(bytes, { memory, table }));
}

function entries<T>(body: BinaryReader, read: () => T): T[] {
  return body.many(read, { what: "entries in a section of a core module", max: ENTRIES_MAX });
}

function readFunctionType(reader: BinaryReader): void {
  const at = reader.at;
  if (reader.byte() !== 0x60) throw unsupported(at, "garbage-collected types");
  for (const what of ["parameters", "results"]) {
    reader.many(() => readValueType(reader), { what, max: ENTRIES_MAX });
  }
}

function readerOf(bytes: Uint8Array): BinaryReader {
  return new BinaryReader(bytes, { from: 0, to: bytes.length });
}

function countOf(bytes: Uint8Array): { memories: number; tables: number } {
  const count = { memories: 0, tables: 0 };
  for (const { id, body } of sections(readerOf(bytes))) {
    if (id === SECTION.memories) count.memories += body.u32();
    if (id === SECTION.tables) count.tables += body.u32();
  }
  return count;
}

function capModule(bytes: Uint8Array, max: { memory: number; table: number }): Uint8Array {
  const parts = [bytes.subarray(0, PREAMBLE_BYTES)];
  for (const { id, at, body } of sections(readerOf(bytes))) {
    const end = body.at + body.left;
    if (id === SECTION.memories) {
      parts.push(rebuilt(id, body, () => capped(body, max.memory)));
    } else if (id === SECTION.tables) {
      parts.push(rebuilt(id, body, () => cappedTable(body, bytes, max.table)));
    } else {
      parts.push(bytes.subarray(at, end));
    }
  }
  return concat(parts);
}

/** A table's element type stays as it is. */
function cappedTable(body: BinaryReader, bytes: Uint8Array, most: number): Uint8Array {
  const from = body.at;
  readValueType(body);
  return concat([bytes.subarray(from, body.at), capped(body, most)]);
}

function capped(body: BinaryReader, most: number): Uint8Array {
  const { min, max } = readLimits(body);
  if (min > most) {
    const message = `A memory or table begins with ${min} pages or entries; this component may have ${most} in each: build it smaller.`;
    throw new TheaterError("too-large", message, { limit: most, found: min });
  }
  return concat([Uint8Array.of(1), leb(min), leb(Math.min(max ?? most, most))]);
}

function rebuilt(id: number, old: BinaryReader, one: () => Uint8Array): Uint8Array {
  const list = entries(old, one);
  const body = concat([leb(list.length), ...list]);
  return concat([Uint8Array.of(id), leb(body.length), body]);
}
