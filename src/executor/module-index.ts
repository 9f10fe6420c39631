// The index of a module set: names each file by its digest. Invariant: the same component transpiled by the same
// version gives the same bytes, whoever makes them, because a genesis commits to their digest.

import { fromUtf8 } from "../lib/bytes.ts";
import type { ModuleSet } from "./executor.ts";

export function moduleIndex({ component, transpiler, description, files }: ModuleSet): Uint8Array {
  const listed = files.map(({ name, digest, bytes }) => ({ name, digest, bytes }));
  return fromUtf8(JSON.stringify({ component, transpiler, description, files: listed }));
}
