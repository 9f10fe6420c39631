// What an instance of a core module can change: its memories, tables and globals, and which of its segments it has
// dropped. Here a module is made to export all of the first three, so that they can be put back (wasm-store.ts).
//
// Rule: where anything could be hidden the module stays as it is, and says so: it gets a new instance each time.

import { concat, fromUtf8 } from "../lib/bytes.ts";
import { BinaryReader } from "./binary-reader.ts";
import { leb, readImport, sections } from "./core-sections.ts";

/** What the added exports are called, with a number behind it. No module that uses these names itself is changed. */
export const STATE_EXPORT = "theater:state/";

const [IMPORTS, TABLES, MEMORIES, GLOBALS, EXPORTS, CODE] = [2, 4, 5, 6, 7, 10];
const [TABLE, MEMORY, GLOBAL] = [1, 2, 3];
/** What is exported, put back one by one and listed for each instance. Above, the upload alone would cost too much. */
const OWN_MAX = 1_000;
const EXPORTS_MAX = 10_000;
/** The sections that stand behind the exports; sections of other numbers may stand anywhere. */
const BEHIND_EXPORTS: ReadonlySet<number> = new Set([8, 9, 10, 11, 12]);

const PREFIX = 0xfc;
/** `data.drop` and `elem.drop`, behind the prefix: nothing outside can see which segments are gone. */
const DROPS: ReadonlySet<number> = new Set([9, 13]);

/** The module with its state exported; undefined where it has state that cannot be. */
export function exportState(bytes: Uint8Array): Uint8Array | undefined {
  const found = inspect(bytes);
  if (found.hides) return undefined;
  const added = found.own.map(({ kind, index }, n) => {
    const name = fromUtf8(`${STATE_EXPORT}${n}`);
    return concat([leb(name.length), name, Uint8Array.of(kind), leb(index)]);
  });
  if (added.length === 0) return bytes;
  const list = concat([leb(found.count + added.length), found.exports, ...added]);
  const section = concat([Uint8Array.of(EXPORTS), leb(list.length), list]);
  const { from, to } = found.place;
  return concat([bytes.subarray(0, from), section, bytes.subarray(to)]);
}

/** jco's own modules have names of other kinds; here they go from one binary into another. */
const anyName = (reader: BinaryReader): string => reader.name();

interface Found {
  /** Defined by the module itself. */
  own: { kind: number; index: number }[];
  /** How much it exports. */
  count: number;
  /** The entries of the export section. */
  exports: Uint8Array;
  /** Of the export section, or where it would stand. */
  place: { from: number; to: number };
  /** Whether its code may drop a segment, an export has a name of ours, or there is too much of anything. */
  hides: boolean;
}

function inspect(bytes: Uint8Array): Found {
  const place = { from: bytes.length, to: bytes.length };
  const found: Found = { own: [], count: 0, exports: new Uint8Array(), place, hides: false };
  const counts = [0, 0, 0, 0, 0];
  const define = (kind: number, count: number): void => {
    if (found.own.length + count > OWN_MAX) found.hides = true;
    else for (let n = 0; n < count; n++) found.own.push({ kind, index: (counts[kind] ?? 0) + n });
  };
  for (const { id, at, body } of sections(new BinaryReader(bytes, { from: 0, to: bytes.length }))) {
    if (BEHIND_EXPORTS.has(id) && place.from === bytes.length) place.from = place.to = at;
    if (id === IMPORTS) {
      for (let left = body.u32(); left > 0; left--) {
        const kind = readImport(body, anyName);
        counts[kind] = (counts[kind] ?? 0) + 1;
      }
    }
    if (id === TABLES) define(TABLE, body.u32());
    if (id === MEMORIES) define(MEMORY, body.u32());
    if (id === GLOBALS) define(GLOBAL, body.u32());
    if (id === EXPORTS) {
      found.count = body.u32();
      const { at: from, left } = body;
      found.exports = bytes.subarray(from, from + left);
      if (found.count > EXPORTS_MAX || usesOurNames(body, bytes, found.count)) found.hides = true;
      found.place = { from: at, to: from + left };
    }
    if (id === CODE && !found.hides) found.hides = mayDrop(body, bytes);
  }
  return found;
}

/** A name may be of any length here: it goes from one binary into another. */
function usesOurNames(body: BinaryReader, bytes: Uint8Array, count: number): boolean {
  const ours = fromUtf8(STATE_EXPORT);
  for (let n = 0; n < count; n++) {
    const { at, left } = body.part(body.u32());
    if (left >= ours.length && ours.every((byte, i) => bytes[at + i] === byte)) return true;
    body.byte();
    body.u32();
  }
  return false;
}

/** By the bytes alone: other instructions' operands may look like it, and then a module is not restored that could be. */
function mayDrop(body: BinaryReader, bytes: Uint8Array): boolean {
  for (let left = body.u32(); left > 0; left--) {
    const { at, left: length } = body.part(body.u32());
    for (let i = at; i < at + length; i++) {
      if (bytes[i] === PREFIX && DROPS.has(lebAt(bytes, i + 1))) return true;
    }
  }
  return false;
}

/** A number may be written longer than it needs. */
function lebAt(bytes: Uint8Array, at: number): number {
  let value = 0;
  for (let place = 0; place < 5; place++) {
    const byte = bytes[at + place] ?? 0;
    value += (byte & 0x7f) * 2 ** (7 * place);
    if (byte < 0x80) return value;
  }
  return value;
}
