// The part of a manifest that building needs: which component it names and which handlers it grants. The
// server checks the whole manifest when the actor starts; this reads and never changes it.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "smol-toml";
import { TheaterError } from "../lib/errors.ts";

export interface ManifestFile {
  readonly path: string;
  readonly name: string;
  /** The component's path, relative to the manifest's folder. */
  readonly component: string;
  /** The types of all `[[handler]]` tables. */
  readonly handlers: readonly string[];
  /** The interfaces of all tables with the type "plugin". */
  readonly plugins: readonly string[];
}

/** Throws bad-manifest. */
export async function readManifestFile(dir: string): Promise<ManifestFile> {
  const path = join(dir, "manifest.toml");
  const table = parseToml(path, await readText(path));
  const { name, component, handler = [] } = table;
  if (typeof name !== "string" || name === "") {
    throw wrong(path, 'needs a name, as in name = "chess"');
  }
  if (typeof component !== "string") {
    throw wrong(path, `needs a component, as in component = "./${name}.wasm"`);
  }
  if (!component.endsWith(".wasm") || /^[a-z]+:/i.test(component)) {
    throw wrong(
      path,
      `names the component ${component}, which is no file to build: ` +
        `write component = "./${name}.wasm"`,
    );
  }
  if (!Array.isArray(handler)) {
    throw wrong(path, "needs [[handler]] with two brackets on each side");
  }
  const handlers = handler.map((entry: unknown) => {
    const type = isTable(entry) ? entry["type"] : undefined;
    if (typeof type !== "string") throw wrong(path, 'has a [[handler]] without type = "…"');
    return type;
  });
  const plugins = handler.flatMap((entry: unknown) => {
    const isPlugin = isTable(entry) && entry["type"] === "plugin";
    return isPlugin && typeof entry["interface"] === "string" ? [entry["interface"]] : [];
  });
  return { path, name, component, handlers, plugins };
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch {
    throw new TheaterError(
      "bad-manifest",
      `there is no ${path}: name an actor's folder, or make one with theater build new <name>`,
    );
  }
}

function parseToml(path: string, text: string): Record<string, unknown> {
  try {
    return parse(text);
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    throw wrong(path, `is not valid TOML: ${reason.trim()}`);
  }
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function wrong(path: string, what: string): TheaterError {
  return new TheaterError("bad-manifest", `${path} ${what}`, { path });
}
