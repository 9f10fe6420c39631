// An actor's folder: manifest.toml and actor.ts in, a component out; or the files of a new one. Sources that
// did not change keep their component byte for byte, and so its digest.

import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { componentWit } from "@bytecodealliance/jco-transpile/wasm-tools";
import { TheaterError } from "../lib/errors.ts";
import { bundleActor } from "./build-bundle.ts";
import { isMadeOf, makeComponent } from "./build-component.ts";
import { newActorFiles } from "./build-template.ts";
import { findPrebuilt } from "./build-prebuilt.ts";
import { checkPluginGrants, readPluginWit } from "./build-wit.ts";
import { checkGrants, composeWorld, isBuiltIn } from "./build-world.ts";
import { readManifestFile } from "./manifest-file.ts";

export interface BuiltActor {
  readonly name: string;
  readonly component: Uint8Array;
  /** `sha256:<hex>` of the component's bytes. */
  readonly digest: string;
  readonly wasmPath: string;
  readonly manifestPath: string;
  /** The interfaces that the component imports, also those that hold only types. */
  readonly imports: readonly string[];
  /** False where the sources had not changed since the last build. */
  readonly rebuilt: boolean;
}

/**
 * Builds the actor in `dir`, or checks the component that stands there without sources, and, unless `write` is false, writes the file that its manifest names as the
 * component. Throws bad-manifest, not-an-actor, bad-component, missing-handler and unknown-import.
 */
export async function buildActor(
  dir: string,
  { write = true }: { readonly write?: boolean } = {},
): Promise<BuiltActor> {
  const folder = resolve(dir);
  const manifest = await readManifestFile(folder);
  const { name, path: manifestPath, component: file, handlers } = manifest;
  const wasmPath = resolve(folder, file);
  const prebuilt = await findPrebuilt(folder, manifest, wasmPath);
  if (prebuilt !== undefined) {
    const digest = digestOf(prebuilt.component);
    return { name, ...prebuilt, digest, wasmPath, manifestPath, rebuilt: false };
  }
  const wit = await readPluginWit(folder);
  const bundle = await bundleActor(folder, handlers);
  const ownWorld = await readFile(join(folder, "world.wit"), "utf8").catch(() => undefined);
  const foreign = bundle.imports.filter((one) => wit.interfaces.includes(one));
  checkPluginGrants(foreign, manifest, isBuiltIn);
  const world = ownWorld ?? composeWorld({ ...bundle, plugins: foreign }, handlers);
  const source = { code: bundle.code, world, wit };
  const earlier = await readFile(wasmPath).catch(() => undefined);
  const kept = earlier !== undefined && (await isMadeOf(earlier, source)) ? earlier : undefined;
  const component = kept ?? (await makeComponent(source));
  const imports = await importsOf(component);
  if (ownWorld !== undefined) checkGrants(imports.filter(isOurs), handlers);
  if (write && kept === undefined) {
    await mkdir(dirname(wasmPath), { recursive: true });
    await writeFile(wasmPath, component);
  }
  const digest = digestOf(component);
  return { name, component, digest, wasmPath, manifestPath, imports, rebuilt: kept === undefined };
}

/** Writes the files of a new actor into `dir` and returns their paths. Throws bad-request. */
export async function newActor(dir: string, name: string): Promise<string[]> {
  if (!/^[a-z][a-z0-9-]{0,62}$/.test(name)) {
    throw new TheaterError(
      "bad-request",
      `${name} is no name for an actor: use up to 63 lower-case letters, digits and hyphens`,
    );
  }
  const folder = resolve(dir);
  await mkdir(folder, { recursive: true });
  if ((await readdir(folder)).length > 0) {
    throw new TheaterError("bad-request", `${folder} is not empty: name a folder that is`);
  }
  const files = Object.entries(newActorFiles(name));
  for (const [file, text] of files) await writeFile(join(folder, file), text, { flag: "wx" });
  return files.map(([file]) => join(folder, file));
}

function digestOf(component: Uint8Array): string {
  return `sha256:${createHash("sha256").update(component).digest("hex")}`;
}

async function importsOf(component: Uint8Array): Promise<string[]> {
  const wit = await componentWit(component);
  const root = /world root \{([^}]*)\}/.exec(wit)?.[1] ?? "";
  return [...root.matchAll(/import ([^;{]+);/g)].map(([, name = ""]) => name.trim());
}

function isOurs(name: string): boolean {
  return name.startsWith("theater:simple/") || name.startsWith("theater:edge/");
}
