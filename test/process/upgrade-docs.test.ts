// The session of docs/upgrade.md, run as it stands: the chess example goes from one version of chess.js to another
// through a rehearsal of a whole game, and one that would have played otherwise is refused at the right event.

import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startDevServer, type DevServer } from "../../src/cli/dev.ts";
import { form, sessionOf } from "./console-session.ts";

const ROOT = join(import.meta.dirname, "../..");
const MODULES = join(ROOT, "node_modules");
/** Where the versions of chess.js are that the session installs. */
const VERSIONS: Readonly<Record<string, string>> = { "1.2.0": "chess.js-1.2", "1.4.0": "chess.js" };

let folder: string;
let server: DevServer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "theater-upgrade-"));
  await cp(join(ROOT, "examples/chess"), join(folder, "chess"), {
    recursive: true,
    filter: (path) => !path.endsWith(".wasm"),
  });
  await mkdir(join(folder, "node_modules"));
  server = await startDevServer({ port: 0, data: join(folder, ".theater") });
}, 60_000);

afterAll(async () => {
  await server.dispose();
  await rm(folder, { recursive: true, force: true });
});

async function run(words: readonly string[]): Promise<{ code: number; output: string }> {
  const env = {
    ...process.env,
    THEATER_URL: server.url,
    THEATER_TOKEN: server.token,
    NO_COLOR: "1",
  };
  const [command = "", ...args] = words;
  const done = promisify(execFile)(command, args, { cwd: folder, env });
  const told = await done
    .then((streams) => ({ ...streams, code: 0 }))
    .catch((thrown: { stdout: string; stderr: string; code: number }) => thrown);
  return { code: told.code, output: (told.stdout === "" ? told.stderr : told.stdout).trim() };
}

async function install(spec: string): Promise<void> {
  const version = VERSIONS[spec.replace("chess.js@", "")];
  if (version === undefined) throw new Error(`${spec} is not here`);
  const path = join(folder, "node_modules/chess.js");
  await rm(path, { force: true });
  await symlink(join(MODULES, version), path);
}

/** `npx theater …` as it is in this repository. */
function commandOf([command = "", ...args]: readonly string[]): string[] {
  if (command === "node") return [process.execPath, ...args];
  if (command !== "npx") return [command, ...args];
  return [process.execPath, join(ROOT, "src/cli/main.ts"), ...args.slice(1)];
}

test("every command of the upgrade's session prints what docs/upgrade.md says", async () => {
  const session = await sessionOf(join(ROOT, "docs/upgrade.md"));
  expect(session.length).toBeGreaterThan(12);
  const codes: number[] = [];
  let id = "";
  for (const { words, output } of session) {
    if (words[0] === "npm") {
      await install(words[2] ?? "");
      continue;
    }
    const mine = words.map((word) => (/^[a-z2-7]{32}$/.test(word) ? id : word));
    const seen = await run(commandOf(mine));
    expect(`${words.join(" ")}\n${form(seen.output)}`).toBe(`${words.join(" ")}\n${form(output)}`);
    codes.push(seen.code);
    if (words[2] === "start") id = seen.output;
  }
  // The two that found a difference said so to whoever asked from a script.
  expect(codes.filter((code) => code !== 0)).toEqual([3, 3]);
}, 120_000);
