// The drill's worker as a component, built when it is not there yet or its source is newer.

import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { componentize } from "componentize-qjs";
import { bundleActor } from "../../src/cli/build-bundle.ts";
import { composeWorld, writeWorld } from "../../src/cli/build-world.ts";

export const HANDLERS = ["runtime", "message-server"] as const;

const SOURCE = join(import.meta.dirname, "actor.ts");
const BUILT = join(import.meta.dirname, "../../build/drill-worker.wasm");

export async function workerComponent(): Promise<Uint8Array> {
  if (await isFresh()) return await readFile(BUILT);
  const dir = await mkdtemp(join(tmpdir(), "theater-drill-worker-"));
  try {
    const { code, imports, exports } = await bundleActor(import.meta.dirname, HANDLERS);
    await writeWorld(dir, composeWorld({ imports, exports }, HANDLERS));
    const { component } = await componentize({
      witPath: dir,
      jsSource: code,
      sync: true,
      stubWasi: true,
    });
    await mkdir(join(BUILT, ".."), { recursive: true });
    await writeFile(BUILT, component);
    return component;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function isFresh(): Promise<boolean> {
  const [built, source] = await Promise.all(
    [BUILT, SOURCE].map((path) => stat(path).catch(() => undefined)),
  );
  return built !== undefined && source !== undefined && built.mtimeMs > source.mtimeMs;
}
