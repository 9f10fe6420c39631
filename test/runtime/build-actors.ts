// Builds the actors of these tests, beside each other, once for a run: what was made of the same sources is kept. Two
// of them are then bundled for the Worker of the tests.

import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { buildActor } from "../../src/cli/build-actor.ts";
import { bundleActor } from "../../src/cli/build-bundle.ts";
import { isMadeOf, makeComponent } from "../../src/cli/build-component.ts";
import { composeWorld } from "../../src/cli/build-world.ts";
import { writeBundled, writeRegistry } from "../../src/cli/bundled-folder.ts";
import { startTranspiler } from "../../src/cli/component-transpiler.ts";
import { TYPES } from "./handler-types.ts";

const PROBE = "runtime-probe";
const PROGRAMS = "program-actor";
const BUNDLED = "build/test/bundled";
const MESSAGES = ["runtime", "message-server"];

interface Built {
  /** Of build/NAME.wasm. */
  name: string;
  /** Beside this file. */
  folder: string;
  handlers: readonly string[];
  /** What of the actor's exports the component does not have. */
  without?: string;
}

const ACTORS: readonly Built[] = [
  {
    name: PROBE,
    folder: "probe-actor",
    handlers: [...MESSAGES, "store", "timing", "random", "timers"],
  },
  {
    name: "tools-actor",
    folder: "tools-actor",
    handlers: TYPES,
  },
  { name: "exchange-actor", folder: "exchange-actor", handlers: MESSAGES },
  { name: "upgrade-plain", folder: "upgrade-actor", handlers: MESSAGES, without: "upgrade" },
  { name: "upgrade-migrating", folder: "upgrade-actor", handlers: MESSAGES },
];

const fileOf = (name: string): string => `build/${name}.wasm`;

export async function setup(): Promise<void> {
  await mkdir("build", { recursive: true });
  await Promise.all([
    ...ACTORS.map(make),
    // These two have manifests.
    buildActor("test/runtime/plugin-actor"),
    buildActor(`test/runtime/${PROGRAMS}`),
  ]);
  await bundle([PROBE, PROGRAMS]);
}

async function make({ name, folder, handlers, without }: Built): Promise<void> {
  const dir = resolve(join("test/runtime", folder));
  const { code, imports, exports } = await bundleActor(dir, handlers);
  const world = composeWorld(
    { imports, exports: exports.filter((each) => each !== without) },
    handlers,
  );
  const kept = await readFile(fileOf(name)).catch(() => undefined);
  if (kept !== undefined && (await isMadeOf(kept, { code, world }))) return;
  await writeFile(fileOf(name), await makeComponent({ code, world }));
}

async function bundle(names: readonly string[]): Promise<void> {
  await rm(BUNDLED, { recursive: true, force: true });
  const transpiler = await startTranspiler();
  try {
    for (const name of names) {
      const source = await readFile(fileOf(name));
      await writeBundled(BUNDLED, { source, ...(await transpiler.transpile(source)) });
    }
    await writeRegistry(BUNDLED, "build/test/build/bundled.js");
  } finally {
    await transpiler.dispose();
  }
}
