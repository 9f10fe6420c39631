// Components made runnable where a chain is replayed, because a file has them as they were uploaded.

import { sha256 } from "../chain/hash.ts";
import { describeComponent } from "../executor/describe-component.ts";
import type { Executor, ModuleSet } from "../executor/executor.ts";
import { moduleIndex } from "../executor/module-index.ts";
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
  const files = (await executor.transpile(component, description)).map((file) => ({
    ...file,
    digest: toHex(sha256(file.bytes)),
  }));
  const listed = files.map(({ name: own, digest, bytes }) => ({
    name: own,
    digest,
    bytes: bytes.length,
  }));
  const set: ModuleSet = { component: name, transpiler: TRANSPILER, description, files: listed };
  const read = async (digest: string): Promise<Uint8Array> => {
    const file = files.find((each) => each.digest === digest);
    if (file === undefined) throw new TheaterError("internal", `no file ${digest} in the set`);
    return file.bytes;
  };
  const digest = toHex(sha256(moduleIndex(set)));
  return { modules: { digest, load: async () => ({ set, read }) }, description };
}
