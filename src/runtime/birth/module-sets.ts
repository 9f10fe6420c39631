// Module sets in the content store: an index that names each file by its digest. The index's own digest
// names the whole set, and a genesis commits to it.

import { fromHex, toHex, toUtf8 } from "../../lib/bytes.ts";
import { TheaterError } from "../../lib/errors.ts";
import type { ModuleSet, ModuleSetRef, TranspiledFile } from "../../executor/executor.ts";
import { moduleIndex } from "../../executor/module-index.ts";
import type { ContentStore } from "../../store/store.ts";

/** Stores the files and the index that names them. */
export async function keepModuleSet(
  content: ContentStore,
  parts: Omit<ModuleSet, "files">,
  files: readonly TranspiledFile[],
): Promise<{ set: ModuleSet; modules: Uint8Array }> {
  const listed = files.map(async ({ name, bytes }) => {
    return { name, digest: toHex(await content.put(bytes)), bytes: bytes.length };
  });
  const set = { ...parts, files: await Promise.all(listed) };
  return { set, modules: await content.put(moduleIndex(set)) };
}

export async function readModuleSet(content: ContentStore, digest: Uint8Array): Promise<ModuleSet> {
  return JSON.parse(toUtf8(await need(content, digest))) as ModuleSet;
}

export function moduleSetRef(content: ContentStore, digest: Uint8Array): ModuleSetRef {
  return {
    digest: toHex(digest),
    load: async () => ({
      set: await readModuleSet(content, digest),
      read: async (hex) => await need(content, fromHex(hex) ?? new Uint8Array(0)),
    }),
  };
}

async function need(content: ContentStore, digest: Uint8Array): Promise<Uint8Array> {
  const bytes = await content.get(digest);
  if (bytes !== null) return bytes;
  const message = `The content store lacks sha256:${toHex(digest)}: upload the component again.`;
  throw new TheaterError("host-failure", message);
}
