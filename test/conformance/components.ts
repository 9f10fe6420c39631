// Components for the conformance suite besides the tools actor: the small ones in C.

import { readFileSync } from "node:fs";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** In base64, by name. */
    components: Record<string, string>;
  }
}

export async function setup(project: TestProject): Promise<void> {
  const components: Record<string, string> = {};
  for (const name of ["tiny", "abi"]) {
    components[name] = readFileSync(`test/fixtures/${name}.wasm`).toString("base64");
  }
  project.provide("components", components);
}
