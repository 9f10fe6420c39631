// Components made runnable where a chain is replayed, because a file has them as they were uploaded.

import { sha256 } from "../chain/hash.ts";
import { describeComponent } from "../executor/describe-component.ts";
import type { Executor } from "../executor/executor.ts";
import { fileIn, makeModuleSet } from "../executor/module-index.ts";
import { TRANSPILER } from "../executor/transpile.ts";
import { toHex } from "../lib/bytes.ts";
import { TheaterError } from "../lib/errors.ts";
import type { LoadedModules } from "./source.ts";

/** Components that this process made runnable already. One that transpiles for seconds is asked for in each part. */
const known = new Map<string, Promise<LoadedModules>>();
const KNOWN_MAX = 8;

export async function transpiledHere(
  component: Uint8Array,
  executor: Executor,
): Promise<LoadedModules> {
  const name = toHex(sha256(component));
  const before = known.get(name);
  if (before !== undefined) return await before;
  const made = transpile(component, name, executor);
  if (known.size >= KNOWN_MAX) known.clear();
  known.set(name, made);
  made.catch(() => known.delete(name));
  return await made;
}

async function transpile(
  component: Uint8Array,
  name: string,
  executor: Executor,
): Promise<LoadedModules> {
  const description = describeComponent(component);
  const files = await executor.transpile(component, description);
  const parts = { component: name, transpiler: TRANSPILER, description };
  const { set, digest, content } = makeModuleSet(parts, files);
  const read = async (asked: string): Promise<Uint8Array> => {
    const file = fileIn(set, content, asked);
    if (file === undefined) throw new TheaterError("internal", `no file ${asked} in the set`);
    return file;
  };
  return { modules: { digest, load: async () => ({ set, read }) }, description };
}
