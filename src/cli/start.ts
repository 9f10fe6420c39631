// `theater start`: a manifest on this machine may name files of this machine; the server gets a manifest
// that names content.

import { dirname } from "node:path";
import { toBase64 } from "../lib/bytes.ts";
import { askJson, asText } from "./client.ts";
import { manifestAt } from "./lineage.ts";
import { readVariables, stateInFile } from "./manifest-file.ts";
import { ManifestUpload } from "./manifest-upload.ts";
import { readArgument } from "./messages.ts";
import { printable } from "./output.ts";
import type { Context } from "./context.ts";

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
  const { text, table } = await new ManifestUpload(context).resolved(file);
  const initState =
    options.initState === undefined
      ? await stateInFile(table["init_state"], dirname(file))
      : await readArgument(options.initState);
  const actor = await askJson(connection, "POST", "/v1/actors", {
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      manifest: text,
      ...(initState === undefined ? {} : { initState: toBase64(initState) }),
      ...(options.variables === undefined
        ? {}
        : { variables: await readVariables(options.variables) }),
      ...(options.parent === undefined ? {} : { parent: options.parent }),
    }),
  });
  output.show(actor, () => printable(asText(actor["id"], "id")));
}
