// `theater start`: a manifest on this machine may name files of this machine; the server gets a manifest
// that names content.

import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { parse, stringify } from "smol-toml";
import { toBase64, toUtf8 } from "../lib/bytes.ts";
import { TheaterError } from "../lib/errors.ts";
import { askJson, asText } from "./client.ts";
import { readArgument } from "./messages.ts";
import { printable } from "./output.ts";
import type { Context } from "./program.ts";

export async function start(
  context: Context,
  path: string,
  options: { initState?: string; parent?: string },
): Promise<void> {
  const { connection, output } = context;
  const text = toUtf8(await readFile(path));
  const manifest = parseManifest(text, path);
  const component = await upload(context, manifest["component"], dirname(path));
  const initState =
    options.initState === undefined
      ? await stateInFile(manifest["init_state"], dirname(path))
      : await readArgument(options.initState);
  const actor = await askJson(connection, "POST", "/v1/actors", {
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      manifest: component === undefined ? text : withComponent(text, component),
      ...(initState === undefined ? {} : { initState: toBase64(initState) }),
      ...(options.parent === undefined ? {} : { parent: options.parent }),
    }),
  });
  output.show(actor, () => printable(asText(actor["id"], "id")));
}

function parseManifest(text: string, path: string): Record<string, unknown> {
  try {
    return parse(text);
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    throw new TheaterError("bad-manifest", `${path} is not valid TOML: ${reason}`);
  }
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

/** A path says so by how it begins; everything else is a literal or a store reference. */
async function stateInFile(initState: unknown, folder: string): Promise<Uint8Array | undefined> {
  if (typeof initState !== "string" || !/^\.{0,2}\//.test(initState)) return undefined;
  return await readFile(resolve(folder, initState));
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
