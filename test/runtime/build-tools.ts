// Builds the actor of the tests about capabilities once for a run of the tests.

import { mkdir, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { bundleActor } from "../../src/cli/build-bundle.ts";
import { makeComponent } from "../../src/cli/build-component.ts";
import { composeWorld } from "../../src/cli/build-world.ts";

const HANDLERS = [
  "runtime",
  "message-server",
  "store",
  "random",
  "environment",
  "filesystem",
  "http-client",
  "http-framework",
  "process",
  "timing",
  "timers",
  "supervisor",
];

const TOOLS = "build/tools-actor.wasm";

export async function setup(): Promise<void> {
  const { code, imports, exports } = await bundleActor(
    resolve("test/runtime/tools-actor"),
    HANDLERS,
  );
  const world = composeWorld({ imports, exports }, HANDLERS);
  await mkdir("build", { recursive: true });
  await writeFile(TOOLS, await makeComponent({ code, world }));
}
