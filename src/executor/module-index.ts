// The index of a module set: names each file by its digest, and all of them together as one content of the store. Invariant:
// the same component transpiled by the same version gives the same bytes, whoever makes them, because a genesis commits to
// the index's digest.

import { sha256 } from "../chain/hash.ts";
import { concat, fromUtf8, toHex } from "../lib/bytes.ts";
import type { ModuleSet, TranspiledFile } from "./executor.ts";

export interface MadeModules {
  set: ModuleSet;
  index: Uint8Array;
  /** Of the index, hex. */
  digest: string;
  /** The files, one behind the other: a component has a dozen of them, and a store is asked once. */
  content: Uint8Array;
}

/** `parts.component` is the component's digest, hex. */
export function makeModuleSet(
  parts: Pick<ModuleSet, "component" | "transpiler" | "description">,
  files: readonly TranspiledFile[],
): MadeModules {
  const listed = files.map(({ name, bytes }) => {
    return { name, digest: toHex(sha256(bytes)), bytes: bytes.length };
  });
  const content = concat(files.map(({ bytes }) => bytes));
  const set: ModuleSet = { ...parts, content: toHex(sha256(content)), files: listed };
  const index = moduleIndex(set);
  return { set, index, digest: toHex(sha256(index)), content };
}

export function moduleIndex(set: ModuleSet): Uint8Array {
  const { component, transpiler, description, content, files } = set;
  const listed = files.map(({ name, digest, bytes }) => ({ name, digest, bytes }));
  return fromUtf8(JSON.stringify({ component, transpiler, description, content, files: listed }));
}

/** The file of this digest in the set's content; undefined for one that it does not have. */
export function fileIn(
  { files }: ModuleSet,
  content: Uint8Array,
  digest: string,
): Uint8Array | undefined {
  let from = 0;
  for (const file of files) {
    if (file.digest === digest) return content.subarray(from, from + file.bytes);
    from += file.bytes;
  }
  return undefined;
}
