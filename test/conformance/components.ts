// Components for the conformance suite besides the tools actor: the small ones in C, and one for each interface
// that nobody serves yet.

import { readFileSync } from "node:fs";
import type { TestProject } from "vitest/node";
import { componentEmbed, componentNew } from "@bytecodealliance/jco-transpile/wasm-tools";
import { packageText } from "../attack/make-signatures.ts";
import { GAP_IMPORTS } from "./gaps.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** In base64, by name; those of interfaces without a handler by the interface. */
    components: Record<string, string>;
  }
}

/** A component that imports the interface, and would trap. */
async function importing(name: string): Promise<Uint8Array> {
  const world = `world wants { import ${name}; export theater:simple/actor; }`;
  const witSource = packageText().replace("package theater:all;", `package theater:all; ${world}`);
  return await componentNew(await componentEmbed({ dummy: true, witSource, world: "wants" }), []);
}

export async function setup(project: TestProject): Promise<void> {
  const components: Record<string, string> = {};
  for (const name of ["tiny", "abi"]) {
    components[name] = readFileSync(`test/fixtures/${name}.wasm`).toString("base64");
  }
  for (const name of GAP_IMPORTS) {
    components[name] = Buffer.from(await importing(name)).toString("base64");
  }
  project.provide("components", components);
}
