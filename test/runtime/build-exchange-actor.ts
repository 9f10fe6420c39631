// Builds the actor of the exchange once for a run of the tests.

import { mkdir, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { bundleActor } from "../../src/cli/build-bundle.ts";
import { makeComponent } from "../../src/cli/build-component.ts";
import { composeWorld } from "../../src/cli/build-world.ts";

const HANDLERS = ["runtime", "message-server"];

export async function setup(): Promise<void> {
  const source = resolve("test/runtime/exchange-actor");
  const { code, imports, exports } = await bundleActor(source, HANDLERS);
  const world = composeWorld({ imports, exports }, HANDLERS);
  await mkdir("build", { recursive: true });
  await writeFile("build/exchange-actor.wasm", await makeComponent({ code, world }));
}
