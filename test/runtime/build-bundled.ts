// Bundles two actors for the Worker of these tests, after they were built.

import { readFile, rm } from "node:fs/promises";
import { writeBundled, writeRegistry } from "../../src/cli/bundled-folder.ts";
import { startTranspiler } from "../../src/cli/component-transpiler.ts";
import { PROBE } from "./build-probe.ts";

const FOLDER = "build/test/bundled";

export async function setup(): Promise<void> {
  await rm(FOLDER, { recursive: true, force: true });
  const transpiler = await startTranspiler();
  try {
    for (const file of [PROBE, "build/program-actor.wasm"]) {
      const source = await readFile(file);
      await writeBundled(FOLDER, { source, ...(await transpiler.transpile(source)) });
    }
    await writeRegistry(FOLDER, "build/test/build/bundled.js");
  } finally {
    await transpiler.dispose();
  }
}
