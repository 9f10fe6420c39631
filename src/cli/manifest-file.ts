// A manifest on this machine. It is read with the server's own schema, offline; what it names may be files
// beside it.

import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { ensureTheaterError, TheaterError } from "../lib/errors.ts";
import { readManifest } from "../manifest/manifest.ts";
import { readTable } from "../manifest/toml.ts";
import { localRegistry } from "./local-registry.ts";
import { readArgument } from "./messages.ts";

/** The part of a manifest that building needs. */
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

/**
 * For a build, which makes the component that the manifest names. A manifest with `{{…}}` is not whole before
 * its start, so only what building needs is looked at. Throws bad-manifest, and unsupported.
 */
export async function readManifestFile(dir: string): Promise<ManifestFile> {
  const path = join(dir, "manifest.toml");
  const text = await readText(path);
  const { name, component, handler = [] } = readTableOf(text, path);
  if (typeof name !== "string" || name === "") {
    throw wrong(path, 'needs a name, as in name = "chess"');
  }
  if (typeof component !== "string") {
    throw wrong(path, `needs a component, as in component = "./${name}.wasm"`);
  }
  if (!component.endsWith(".wasm") || isReference(component)) {
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
  if (!text.includes("{{")) readManifest(text, await localRegistry(dir, handler));
  return { path, name, component, handlers, plugins };
}

/** Throws bad-manifest for what is not TOML. */
export function readTableOf(text: string, path: string): Record<string, unknown> {
  try {
    return readTable(text);
  } catch (thrown) {
    const { message } = ensureTheaterError(thrown);
    throw wrong(path, message.replace(/^The manifest is/, "is").trim());
  }
}

/** Whether a component is named in a way that the server follows, and not as a file. */
export function isReference(component: string): boolean {
  return /^[a-z][a-z0-9+.-]*:/i.test(component);
}

/** What a file holds that `init_state` names. A path says so by how it begins; all else is the server's. */
export async function stateInFile(
  initState: unknown,
  folder: string,
): Promise<Uint8Array | undefined> {
  if (typeof initState !== "string" || !/^\.{0,2}\//.test(initState)) return undefined;
  return await readFile(resolve(folder, initState));
}

/** The JSON object of `--variables`, a literal or `@file`. Throws bad-request for anything else. */
export async function readVariables(argument: string): Promise<Record<string, unknown>> {
  const text = new TextDecoder().decode(await readArgument(argument));
  const value = parseJson(text);
  if (isTable(value)) return value;
  const message = `--variables takes a JSON object, as in '{"stage":"test"}', or @file`;
  throw new TheaterError("bad-request", message);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Throws bad-manifest where there is no such file. */
export async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch {
    throw new TheaterError(
      "bad-manifest",
      `there is no ${path}: name an actor's folder, or make one with theater build new <name>`,
    );
  }
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function wrong(path: string, what: string): TheaterError {
  return new TheaterError("bad-manifest", `${path} ${what}`, { path });
}
