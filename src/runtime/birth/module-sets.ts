// Module sets in the content store: an index that names each file by its digest. The index's own digest
// names the whole set, and a genesis commits to it.

import { fromHex, toHex, toUtf8 } from "../../lib/bytes.ts";
import { TheaterError } from "../../lib/errors.ts";
import type { ModuleSet, ModuleSetRef } from "../../executor/executor.ts";
import { fileIn, type MadeModules } from "../../executor/module-index.ts";
import type { ContentStore } from "../../store/store.ts";

/** Stores the files and the index that names them. */
export async function keepModuleSet(
  content: ContentStore,
  made: MadeModules,
): Promise<{ set: ModuleSet; modules: Uint8Array }> {
  const [modules] = await Promise.all([content.put(made.index), content.put(made.content)]);
  return { set: made.set, modules };
}

export async function readModuleSet(content: ContentStore, digest: Uint8Array): Promise<ModuleSet> {
  return JSON.parse(toUtf8(await need(content, digest))) as ModuleSet;
}

export function moduleSetRef(content: ContentStore, digest: Uint8Array): ModuleSetRef {
  return {
    digest: toHex(digest),
    load: async () => {
      const set = await readModuleSet(content, digest);
      const bytes = await need(content, fromHex(set.content) ?? new Uint8Array(0));
      return { set, read: async (hex) => fileOf(set, bytes, hex) };
    },
  };
}

function fileOf(set: ModuleSet, bytes: Uint8Array, hex: string): Uint8Array {
  const file = fileIn(set, bytes, hex);
  if (file !== undefined) return file;
  throw new TheaterError("internal", `The module set has no file ${hex}.`);
}

async function need(content: ContentStore, digest: Uint8Array): Promise<Uint8Array> {
  const bytes = await content.get(digest);
  if (bytes !== null) return bytes;
  const message = `The content store lacks sha256:${toHex(digest)}: upload the component again.`;
  throw new TheaterError("host-failure", message);
}
