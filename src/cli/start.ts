// `theater start`: a manifest on this machine may name files of this machine; the server gets a manifest
// that names content.

import { readdir, readFile, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { parse, stringify } from "smol-toml";
import { toBase64, toUtf8 } from "../lib/bytes.ts";
import { TheaterError } from "../lib/errors.ts";
import { askJson, asText } from "./client.ts";
import { readTableOf, readVariables, stateInFile } from "./manifest-file.ts";
import { readArgument } from "./messages.ts";
import { printable } from "./output.ts";
import type { Context } from "./program.ts";

export interface StartOptions {
  /** A literal, or @file; instead of the manifest's. */
  initState?: string;
  parent?: string;
  /** A JSON object, or @file. */
  variables?: string;
}

export async function start(context: Context, path: string, options: StartOptions): Promise<void> {
  const { connection, output } = context;
  const file = await manifestAt(path);
  const text = toUtf8(await readFile(file));
  const manifest = readTableOf(text, file);
  const component = await upload(context, manifest["component"], dirname(file));
  const initState =
    options.initState === undefined
      ? await stateInFile(manifest["init_state"], dirname(file))
      : await readArgument(options.initState);
  const actor = await askJson(connection, "POST", "/v1/actors", {
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      manifest: component === undefined ? text : withComponent(text, component),
      ...(initState === undefined ? {} : { initState: toBase64(initState) }),
      ...(options.variables === undefined
        ? {}
        : { variables: await readVariables(options.variables) }),
      ...(options.parent === undefined ? {} : { parent: options.parent }),
    }),
  });
  output.show(actor, () => printable(asText(actor["id"], "id")));
}

/** The file itself, or the manifest of a folder: `manifest.toml`, or the only `.toml` in it. */
async function manifestAt(path: string): Promise<string> {
  if (!(await stat(path)).isDirectory()) return path;
  const found = (await readdir(path)).filter((name) => name.endsWith(".toml")).toSorted();
  const name = found.includes("manifest.toml") ? "manifest.toml" : found[0];
  if (name !== undefined && (name === "manifest.toml" || found.length === 1)) {
    return join(path, name);
  }
  const message =
    name === undefined
      ? `There is no manifest in ${path}: name one, or make an actor with theater build new.`
      : `Name one of the manifests in ${path}: ${found.join(", ")}.`;
  throw new TheaterError("bad-manifest", message, { path });
}

/** The digest of the component if the manifest names a file; undefined if the server finds it itself. */
async function upload(
  { connection, output }: Context,
  component: unknown,
  folder: string,
): Promise<string | undefined> {
  if (typeof component !== "string" || /^(sha256:|store:\/\/|https?:\/\/)/.test(component)) {
    return undefined; // What is wrong with it, if anything, the server says better.
  }
  const body = await readFile(resolve(folder, component)).catch(() => {
    const message = `There is no ${resolve(folder, component)}: build it first, with theater build ${folder}.`;
    throw new TheaterError("bad-manifest", message, { key: "component" });
  });
  output.note(`uploading ${component} (${body.length} bytes)`);
  const headers = { "content-type": "application/wasm" };
  const answer = await askJson(connection, "PUT", "/v1/components", { body, headers });
  return asText(answer["component"], "component");
}

/** Keeps the author's text and comments, because the chain commits to the manifest, where that is safe. */
function withComponent(text: string, component: string): string {
  const wanted = stringify({ ...parse(text), component });
  const edited = text.replace(
    /^component\s*=\s*("[^"\n]*"|'[^'\n]*')/m,
    `component = "${component}"`,
  );
  return stringify(parse(edited)) === wanted ? edited : wanted;
}
