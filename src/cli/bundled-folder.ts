// The folder of bundled components: one folder for each module set, named by the digest of its index, as `theater bundle`
// writes it. Rule: what goes into a Worker has been checked against the digests that a genesis commits to, so nobody
// deploys by accident what was edited, cut off or made of something else.

import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import type { Plugin } from "esbuild";
import { TheaterError } from "../lib/errors.ts";
import type { MadeModules } from "./component-transpiler.ts";
import { writeWhole } from "./whole-file.ts";

/** Where `wrangler deploy` and `theater dev` look: beside wrangler.toml. */
export const BUNDLED_FOLDER = join(import.meta.dirname, "../../bundled");

const INDEX = "index.json";
/** The component itself: for its size, and to be bundled again by a later version. */
const SOURCE = "source.wasm";

/** A module set on disk. */
interface BundledFolder {
  /** Hex digest of the index: the name of its folder. */
  digest: string;
  path: string;
  /** Hex digest of the component. */
  component: string;
  bytes: number;
  /** The core modules' names. */
  cores: string[];
}

/** All that are in `folder`, checked; none if there is no such folder. Throws `bad-request` naming what is wrong. */
async function readBundled(folder: string): Promise<BundledFolder[]> {
  const names = await readdir(folder).catch(() => []);
  const found: BundledFolder[] = [];
  for (const name of names.toSorted((a, b) => (a < b ? -1 : 1))) {
    if (!name.startsWith(".")) found.push(await readSet(join(folder, name), name));
  }
  return found;
}

async function readSet(path: string, digest: string): Promise<BundledFolder> {
  const index = await read(path, INDEX);
  check(sha256(index) === digest, path, `${INDEX} is not the one that its folder is named after`);
  const { component, files } = parseIndex(path, index);
  for (const { name, digest: expected } of files) {
    check(sha256(await read(path, name)) === expected, path, `${name} was changed`);
  }
  const source = await read(path, SOURCE);
  check(sha256(source) === component, path, `${SOURCE} is another component`);
  const cores = files.map(({ name }) => name).filter((name) => name.endsWith(".wasm"));
  return { digest, path, component, bytes: source.length, cores };
}

interface Index {
  component: string;
  files: readonly { name: string; digest: string }[];
}

function parseIndex(path: string, bytes: Uint8Array): Index {
  const index = JSON.parse(Buffer.from(bytes).toString()) as Index;
  // The digest only says that nobody changed it since: it may have been written by anybody.
  const isPlain = index.files.every(({ name }) => /^[\w-]+(?:\.[\w-]+)+$/.test(name));
  check(isPlain, path, `${INDEX} names files outside of its folder`);
  return index;
}

async function read(path: string, name: string): Promise<Uint8Array> {
  const bytes = await readFile(join(path, name)).catch(() => undefined);
  check(bytes !== undefined, path, `${name} is missing`);
  return bytes;
}

function check(holds: boolean, path: string, what: string): asserts holds {
  if (holds) return;
  const message = `${path}: ${what}; delete the folder and bundle the component again`;
  throw new TheaterError("bad-request", message);
}

/** Writes a module set under `folder`, all of it or nothing. The digest of its index. */
export async function writeBundled(
  folder: string,
  { source, index, files }: MadeModules & { source: Uint8Array },
): Promise<string> {
  const digest = sha256(index);
  const place = join(folder, digest);
  await mkdir(folder, { recursive: true });
  // Hidden, so that a reader does not see it half written.
  const made = await mkdtemp(join(folder, ".new-"));
  try {
    for (const { name, bytes } of files) await writeFile(join(made, name), bytes);
    await writeFile(join(made, SOURCE), source);
    await writeFile(join(made, INDEX), index);
    await rm(place, { recursive: true, force: true });
    await rename(made, place);
  } finally {
    await rm(made, { recursive: true, force: true });
  }
  return digest;
}

/** What the Worker imports as build/bundled.js, for a module in the folder `dir`. wrangler follows no absolute paths. */
function registryOf(sets: readonly BundledFolder[], dir: string): string {
  const lines: string[] = ["// Made by src/cli/bundle.ts of what `theater bundle` wrote."];
  const entries = sets.map(({ digest, path, bytes, cores }, n) => {
    const from = (name: string): string => JSON.stringify(`./${relative(dir, join(path, name))}`);
    lines.push(`import { environment as e${n} } from ${from("component.js")};`);
    lines.push(`import s${n} from ${from(INDEX)};`);
    for (const [m, name] of cores.entries()) lines.push(`import c${n}_${m} from ${from(name)};`);
    const modules = cores.map((name, m) => `${JSON.stringify(name)}: c${n}_${m}`).join(", ");
    return `  { digest: "${digest}", bytes: ${bytes}, set: s${n}, environment: e${n}, cores: { ${modules} } },`;
  });
  return [...lines, `export const BUNDLED = [`, ...entries, `];`, ``].join("\n");
}

/** Writes the registry of what is in `folder` to `file`; the empty one where there is nothing. */
export async function writeRegistry(folder: string, file: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeWhole(file, registryOf(await readBundled(folder), dirname(file)));
}

/** Puts what is in `folder` in the place of build/bundled.js; undefined leaves that as it is. */
export function bundling(folder: string | undefined): Plugin {
  return {
    name: "bundled-components",
    setup(hooks) {
      if (folder === undefined) return;
      hooks.onLoad({ filter: /[\\/]build[\\/]bundled\.js$/ }, async ({ path }) => {
        const dir = dirname(path);
        return { contents: registryOf(await readBundled(resolve(folder)), dir), resolveDir: dir };
      });
    },
  };
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
