// `theater bundle`: writes module sets that the next deployment has in its Worker.

import { readFile } from "node:fs/promises";
import { basename, relative } from "node:path";
import { toUtf8 } from "../lib/bytes.ts";
import { ensureTheaterError, TheaterError } from "../lib/errors.ts";
import { BUNDLED_FOLDER, writeBundled } from "./bundled-folder.ts";
import { startTranspiler, type ComponentTranspiler } from "./component-transpiler.ts";
import type { Context } from "./context.ts";
import { fields } from "./output.ts";

interface Bundled {
  file: string;
  /** "sha256:<hex>", as an upload of it is called. */
  component: string;
  /** "sha256:<hex>" of the module set's index: what a genesis names. */
  modules: string;
}

/** Throws what an upload of the component throws, naming the file. Those before it are written. */
export async function bundleComponents(
  { output }: Context,
  files: readonly string[],
  out: string,
): Promise<void> {
  const sources = await Promise.all(
    files.map(async (file) => ({ file, source: await readComponent(file) })),
  );
  output.note("starting workerd");
  const transpiler = await startTranspiler();
  try {
    const bundled: Bundled[] = [];
    for (const { file, source } of sources) {
      output.note(`transpiling ${basename(file)}`);
      const made = await transpile(transpiler, file, source);
      const modules = `sha256:${await writeBundled(out, { source, ...made })}`;
      const { component } = JSON.parse(toUtf8(made.index)) as { component: string };
      bundled.push({ file, component: `sha256:${component}`, modules });
    }
    output.show({ folder: out, bundled }, () => bundled.map(lines).join("\n\n"));
    output.note(advice(out));
  } finally {
    await transpiler.dispose();
  }
}

const lines = ({ file, component, modules }: Bundled): string =>
  fields([
    ["file", file],
    ["component", component],
    ["modules", modules],
  ]);

function advice(out: string): string {
  const isDeployed = relative(BUNDLED_FOLDER, out) === "";
  if (isDeployed) return "part of the Worker from now on: npx wrangler deploy, or npx theater dev";
  return `try it: npx theater dev --bundled ${out} (deployed is what is in ${BUNDLED_FOLDER})`;
}

async function transpile(
  transpiler: ComponentTranspiler,
  file: string,
  source: Uint8Array,
): ReturnType<ComponentTranspiler["transpile"]> {
  try {
    return await transpiler.transpile(source);
  } catch (thrown) {
    const { code, message } = ensureTheaterError(thrown);
    throw new TheaterError(code, `${file}: ${message}`);
  }
}

async function readComponent(file: string): Promise<Uint8Array> {
  return await readFile(file).catch(() => {
    throw new TheaterError("bad-request", `There is no ${file}: name a component's file.`);
  });
}
