// The manifests that a manifest names as its children's, as files on this machine, and theirs. Rule: none is
// its own ancestor, and there are limits to depth and number, so that every walk over them ends.

import { readdir, realpath, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { TheaterError } from "../lib/errors.ts";
import { isReference } from "./manifest-file.ts";

/** Levels below the first manifest: as many as `theater tree` shows. */
const DEPTH_MAX = 16;
/** Files of one walk, each counted once however many children run it. */
const MANIFESTS_MAX = 100;

/** The way from the first manifest down to one: real paths. */
export type Way = readonly string[];

export class Lineage {
  readonly #seen = new Set<string>();

  /** The way to `file` itself, for what it names. Throws `bad-manifest`. */
  async enter(file: string, way: Way): Promise<Way> {
    const path = await realpath(file);
    this.#seen.add(path);
    if (way.includes(path)) {
      const circle = [...way.slice(way.indexOf(path)), path].join(" → ");
      throw wrong(`${file} would be started by its own children: ${circle}`);
    }
    if (way.length > DEPTH_MAX) {
      throw wrong(`${file} is ${way.length} levels down; at most ${DEPTH_MAX} are started`);
    }
    if (this.#seen.size > MANIFESTS_MAX) {
      throw wrong(`${file} is one manifest too many: a start takes at most ${MANIFESTS_MAX}`);
    }
    return [...way, path];
  }
}

/** The file that a child of the manifest in `file` runs; undefined for a reference that the server follows. */
export async function childFile(reference: string, file: string): Promise<string | undefined> {
  if (isReference(reference)) return undefined;
  const path = resolve(dirname(file), reference);
  try {
    return await manifestAt(path);
  } catch (thrown) {
    if (thrown instanceof TheaterError) throw thrown;
    throw wrong(`${file} has a [[child]] whose manifest is not there: ${path}`);
  }
}

/** The file itself, or the manifest of a folder: `manifest.toml`, or the only `.toml` in it. */
export async function manifestAt(path: string): Promise<string> {
  if (!(await stat(path)).isDirectory()) return path;
  const found = (await readdir(path)).filter((name) => name.endsWith(".toml")).toSorted();
  const name = found.includes("manifest.toml") ? "manifest.toml" : found[0];
  if (name !== undefined && (name === "manifest.toml" || found.length === 1)) {
    return join(path, name);
  }
  throw wrong(
    name === undefined
      ? `There is no manifest in ${path}: name one, or make an actor with theater build new.`
      : `Name one of the manifests in ${path}: ${found.join(", ")}.`,
  );
}

function wrong(message: string): TheaterError {
  return new TheaterError("bad-manifest", message);
}
