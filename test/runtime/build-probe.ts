// Builds the probe actor once for a run of the tests, against those functions of `theater:simple` that
// this version of the host provides: componentize imports every function of an interface, used or not.

import { mkdtemp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { componentize } from "componentize-qjs";
import { bundleActor } from "../../src/cli/build-bundle.ts";
import { composeWorld, witFiles, writeWorld } from "../../src/cli/build-world.ts";

const HANDLERS = ["runtime", "message-server", "store", "timing", "random", "timers"];
const FUNCTION = /^ *([a-z-]+): func\(.*;$/gm;
const PROVIDED: Record<string, readonly string[]> = {
  "message-server.wit": ["send", "request"],
};

export const PROBE = "build/runtime-probe.wasm";

export async function setup(): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), "theater-runtime-probe-"));
  try {
    const { code, imports, exports } = await bundleActor(
      resolve("test/runtime/probe-actor"),
      HANDLERS,
    );
    await writeWorld(dir, composeWorld({ imports, exports }, HANDLERS));
    for (const { place } of await witFiles()) {
      const provided = PROVIDED[basename(place)];
      if (provided === undefined) continue;
      const text = await readFile(join(dir, place), "utf8");
      const keep = (line: string, name: string): string =>
        provided.includes(name) || name.startsWith("handle-") ? line : "";
      await writeFile(join(dir, place), text.replaceAll(FUNCTION, keep));
    }
    const { component } = await componentize({
      witPath: dir,
      jsSource: code,
      sync: true,
      stubWasi: true,
    });
    await mkdir("build", { recursive: true });
    await writeFile(PROBE, component);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
