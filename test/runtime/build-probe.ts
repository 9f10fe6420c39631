// Builds the probe actor once for a run of the tests.

import { mkdtemp, mkdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { componentize } from "componentize-qjs";
import { bundleActor } from "../../src/cli/build-bundle.ts";
import { composeWorld, writeWorld } from "../../src/cli/build-world.ts";

const HANDLERS = ["runtime", "message-server", "store", "timing", "random", "timers"];

export const PROBE = "build/runtime-probe.wasm";

export async function setup(): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), "theater-runtime-probe-"));
  try {
    const { code, imports, exports } = await bundleActor(
      resolve("test/runtime/probe-actor"),
      HANDLERS,
    );
    await writeWorld(dir, composeWorld({ imports, exports }, HANDLERS));
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
