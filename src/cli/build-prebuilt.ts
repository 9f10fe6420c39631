// An actor's folder without sources: its component was made by another toolchain, so there is nothing to build. It is
// checked as the server would check it.

import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describeComponent } from "../executor/describe-component.ts";
import { checkFit } from "../manifest/fit.ts";
import { readManifest } from "../manifest/manifest.ts";
import { localRegistry } from "./local-registry.ts";
import { readTableOf, readText, type ManifestFile } from "./manifest-file.ts";

/** Undefined where there are sources, or no such file. Throws what a start would. `wasmPath`: the component's. */
export async function findPrebuilt(
  folder: string,
  { path }: ManifestFile,
  wasmPath: string,
): Promise<{ component: Uint8Array; imports: string[] } | undefined> {
  const sources = await Promise.all(["actor.ts", "actor.js"].map((file) => exists(folder, file)));
  const component = sources.includes(true) ? null : await readFile(wasmPath).catch(() => null);
  if (component === null) return undefined;
  const description = describeComponent(component);
  const text = await readText(path);
  const registry = await localRegistry(folder, readTableOf(text, path)["handler"]);
  registry.checkImports(description);
  // With `{{…}}` in it, a manifest is whole at its start only.
  if (!text.includes("{{")) checkFit(readManifest(text, registry).manifest, description, registry);
  return { component, imports: description.imports.map(({ name }) => name) };
}

const exists = async (folder: string, file: string): Promise<boolean> =>
  await access(join(folder, file)).then(
    () => true,
    () => false,
  );
