// Makes test/fixtures/web.wasm, a wasi:http component, from web.c: `node test/conformance/build-web.ts`. The interfaces
// of WASI are those that jco brings.

import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { buildFixture } from "./build-abi.ts";

export const WEB = join(import.meta.dirname, "../fixtures/web.wasm");

const jco = dirname(createRequire(import.meta.url).resolve("@bytecodealliance/jco"));
const WASI = join(jco, "../lib/wit/builtin/0.2.12");

/** A package in braces, as several in one text must be. */
function packageOf(name: string): string {
  const text = readFileSync(join(WASI, `wasi-${name}`, "package.wit"), "utf8");
  return `${text.replace(/^ *\/\/\/.*\n/gm, "").replace(/^(package [^;]+);/m, "$1 {")}\n}`;
}

const IMPORTS =
  "http/outgoing-handler io/poll clocks/monotonic-clock clocks/wall-clock random/random " +
  "cli/environment cli/stdout cli/stderr";

const WORLD = `package test:web;
world web {
  ${IMPORTS.split(" ")
    .map((name) => `import wasi:${name}@0.2.12;`)
    .join("\n")}
  export wasi:http/incoming-handler@0.2.12;
}`;

export async function buildWeb(): Promise<Uint8Array> {
  const packages = ["io", "clocks", "random", "cli", "http", "filesystem", "sockets"];
  const witSource = [WORLD, ...packages.map(packageOf)].join("\n");
  return await buildFixture("web.c", { witSource, world: "web" });
}

if (import.meta.main) writeFileSync(WEB, await buildWeb());
