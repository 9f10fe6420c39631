// Makes test/fixtures/abi.wasm from abi.c with clang and lld for wasm32: `node test/conformance/build-abi.ts`. The
// component is committed, because not every machine has them.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { componentEmbed, componentNew } from "@bytecodealliance/jco-transpile/wasm-tools";
import { packageText } from "../attack/make-signatures.ts";
import { ECHO_WIT } from "./echo-wit.ts";

const root = join(import.meta.dirname, "../..");
export const ABI = join(root, "test/fixtures/abi.wasm");
const CLANG = "clang-19";
/** What the committed component was made with; another version may make other bytes. */
export const CLANG_VERSION = "19.1.7";

/** The version of the compiler here; undefined where there is none, or no linker. */
export function clangVersion(): string | undefined {
  const run = (tool: string) => execFileSync(tool, ["--version"], { stdio: "pipe" }).toString();
  try {
    run("wasm-ld-19");
    return /version ([0-9.]+)/.exec(run(CLANG))?.[1];
  } catch {
    return undefined;
  }
}

const SIMPLE =
  "runtime store random timing environment message-server-host http-client filesystem " +
  "process supervisor";

const WORLD = `world abi {
  ${SIMPLE.split(" ")
    .map((name) => `import theater:simple/${name};`)
    .join("\n")}
  import theater:edge/timers;
  import test:abi/echo;
  export theater:simple/actor;
  export theater:simple/message-server-client;
  export theater:edge/timers-client;
  export theater:simple/supervisor-handlers;
}`;

/** All packages in one text, as wasm-tools takes them here, without what would make the component larger. */
function witSource(): string {
  const text = packageText()
    .replace(/^ *\/\/\/.*\n/gm, "")
    .replace("package theater:all;", `package theater:all;\n${WORLD}`);
  return `${text}\n${ECHO_WIT.replace("package test:abi;", "package test:abi {")}}`;
}

const FLAGS =
  "--target=wasm32 -Oz -ffreestanding -fno-builtin -nostdlib -mbulk-memory -Wall " +
  "-Wl,--no-entry -Wl,--strip-all -Wl,-z,stack-size=16384";

export async function buildAbi(): Promise<Uint8Array> {
  return await buildFixture("abi.c", { witSource: witSource(), world: "abi" });
}

/** A component of a source in test/fixtures. */
export async function buildFixture(
  source: string,
  wit: { witSource: string; world: string },
): Promise<Uint8Array> {
  const folder = mkdtempSync(join(tmpdir(), "theater-fixture-"));
  try {
    const core = join(folder, "core.wasm");
    execFileSync(CLANG, [...FLAGS.split(" "), "-o", core, join(root, "test/fixtures", source)], {
      stdio: ["ignore", "inherit", "inherit"],
    });
    const embedded = await componentEmbed({ binary: new Uint8Array(readFileSync(core)), ...wit });
    return await componentNew(embedded, []);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (import.meta.main) writeFileSync(ABI, await buildAbi());
