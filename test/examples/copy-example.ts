// A copy of an example to build in: without what an earlier build left, and within reach of node_modules.

import { cp, mkdir, mkdtemp } from "node:fs/promises";
import { join } from "node:path";

/** Returns the folder; whoever asks removes it. */
export async function copyExample(name: string): Promise<string> {
  await mkdir("build", { recursive: true });
  const dir = await mkdtemp(join("build", `${name}-`));
  for (const file of ["manifest.toml", "actor.ts"]) {
    await cp(join("examples", name, file), join(dir, file));
  }
  return dir;
}
