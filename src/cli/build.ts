// `theater build` as people and programs see it. How an actor is built is in build-actor.ts.

import { readdir } from "node:fs/promises";
import { basename, dirname, relative, resolve } from "node:path";
import { buildActor, newActor, type BuiltActor } from "./build-actor.ts";
import { childFile, Lineage, type Way } from "./lineage.ts";
import { readTableOf, readText } from "./manifest-file.ts";
import { fields, printable } from "./output.ts";
import type { Context } from "./context.ts";

export async function build({ output }: Context, dir: string): Promise<void> {
  const { root, children } = await buildAll(dir, (each) => {
    output.note(`building ${shortPath(each)}`);
    return buildActor(each);
  });
  output.show(summaryOfAll(root, children), () => [root, ...children].map(lines).join("\n\n"));
  const hasChanged = [root, ...children].some(({ rebuilt }) => rebuilt);
  const manifest = shortPath(root.manifestPath);
  output.note(`${hasChanged ? "" : "nothing had changed; "}start it: theater start ${manifest}`);
}

/** Everything that building checks, and nothing written. */
export async function validate({ output }: Context, dir: string): Promise<void> {
  const { root, children } = await buildAll(dir, (each) => {
    output.note(`checking ${shortPath(each)}`);
    return buildActor(each, { write: false });
  });
  output.show(summaryOfAll(root, children), () =>
    [root, ...children].map(({ name }) => `${name} is valid`).join("\n"),
  );
}

interface Built {
  readonly root: BuiltActor;
  /** Those of its children, and of theirs, that have their sources beside their manifests. */
  readonly children: readonly BuiltActor[];
}

/** The actor in `dir` and all that its manifest starts from folders, each once. */
async function buildAll(dir: string, make: (dir: string) => Promise<BuiltActor>): Promise<Built> {
  const lineage = new Lineage();
  const done = new Set<string>();
  const children: BuiltActor[] = [];
  const below = async (manifest: string, above: Way): Promise<void> => {
    const way = await lineage.enter(manifest, above);
    for (const file of await childFiles(manifest)) {
      const folder = await sourcesOf(file);
      if (folder !== undefined && !done.has(folder)) {
        done.add(folder);
        children.push(await make(folder));
      }
      await below(file, way);
    }
  };
  const root = await make(dir);
  done.add(resolve(dir));
  await below(root.manifestPath, []);
  return { root, children };
}

async function childFiles(manifest: string): Promise<string[]> {
  const { child } = readTableOf(await readText(manifest), manifest);
  const files: string[] = [];
  for (const each of Array.isArray(child) ? (child as readonly unknown[]) : []) {
    const reference =
      typeof each === "object" && each !== null && "manifest" in each ? each.manifest : undefined;
    const file = typeof reference === "string" ? await childFile(reference, manifest) : undefined;
    if (file !== undefined) files.push(file);
  }
  return [...new Set(files)];
}

/** The folder of an actor that is built from TypeScript; undefined for a manifest of something else. */
async function sourcesOf(manifest: string): Promise<string | undefined> {
  if (basename(manifest) !== "manifest.toml") return undefined;
  const folder = dirname(manifest);
  const names = await readdir(folder);
  return names.includes("actor.ts") || names.includes("actor.js") ? folder : undefined;
}

function summaryOfAll(root: BuiltActor, children: readonly BuiltActor[]): object {
  const more = children.length === 0 ? {} : { children: children.map(summaryOf) };
  return { ...summaryOf(root), ...more };
}

function lines(built: BuiltActor): string {
  return fields([
    ["name", built.name],
    ["component", built.digest],
    ["file", `${shortPath(built.wasmPath)} (${size(built)})`],
    ["imports", built.imports.join(" ")],
  ]);
}

export async function create(
  { output }: Context,
  dir: string,
  name = basename(resolve(dir)),
): Promise<void> {
  const files = await newActor(dir, name);
  output.show({ name, files }, () => files.map((file) => printable(shortPath(file))).join("\n"));
  output.note(`build it: theater build ${dir}`);
}

function summaryOf({ component, ...built }: BuiltActor): object {
  return { ...built, bytes: component.length };
}

function shortPath(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith("..") ? path : short;
}

function size({ component }: BuiltActor): string {
  return `${Math.ceil(component.length / 1024)} KiB`;
}
