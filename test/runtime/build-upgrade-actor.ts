// Builds the actor of the tests about upgrades once for a run of the tests, with and without its migration.

import { mkdir, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { bundleActor } from "../../src/cli/build-bundle.ts";
import { makeComponent } from "../../src/cli/build-component.ts";
import { composeWorld } from "../../src/cli/build-world.ts";

const HANDLERS = ["runtime", "message-server"];

export async function setup(): Promise<void> {
  const { code, imports, exports } = await bundleActor(
    resolve("test/runtime/upgrade-actor"),
    HANDLERS,
  );
  const built = async (name: string, surface: readonly string[]): Promise<void> => {
    const world = composeWorld({ imports, exports: surface }, HANDLERS);
    await writeFile(`build/upgrade-${name}.wasm`, await makeComponent({ code, world }));
  };
  await mkdir("build", { recursive: true });
  await built(
    "plain",
    exports.filter((name) => name !== "upgrade"),
  );
  await built("migrating", exports);
}
