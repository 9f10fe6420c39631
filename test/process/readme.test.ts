// The README's console session, run as it stands against a server of its own. What differs from run to run
// (ids, hashes, sizes) is compared by its form; everything else must be what the README says.

import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startDevServer, type DevServer } from "../../src/cli/dev.ts";
import { form, sessionOf } from "./console-session.ts";

const ROOT = join(import.meta.dirname, "../..");
const MAIN = join(ROOT, "src/cli/main.ts");

let folder: string;
let server: DevServer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "theater-readme-"));
  server = await startDevServer({ port: 0, data: folder });
}, 60_000);

afterAll(async () => {
  await server.dispose();
  await rm(folder, { recursive: true, force: true });
});

/** Both streams, as a terminal shows them; notes of progress on stderr are not in the README. */
async function theater(args: string[]): Promise<string> {
  const env = {
    ...process.env,
    THEATER_URL: server.url,
    THEATER_TOKEN: server.token,
    NO_COLOR: "1",
    THEATER_TRUST: join(folder, "trust.json"),
  };
  const run = promisify(execFile)(process.execPath, [MAIN, ...args], { cwd: ROOT, env });
  const { stdout, stderr } = await run.catch(
    (thrown: { stdout: string; stderr: string }) => thrown,
  );
  return (stdout === "" ? stderr : stdout).trim();
}

test("every command of the README's session prints what the README says", async () => {
  const session = await sessionOf(join(ROOT, "README.md"));
  expect(session.length).toBeGreaterThan(5);
  let id = "";
  for (const { words, output } of session) {
    const args = words.slice(2); // npx theater
    const seen = await theater(args.map((arg) => (/^[a-z2-7]{32}$/.test(arg) ? id : arg)));
    expect(`${args.join(" ")}\n${form(seen)}`).toBe(`${args.join(" ")}\n${form(output)}`);
    if (args[0] === "start") id = seen;
  }
}, 60_000);

test("the actor in the README is the counter example, line by line", async () => {
  const readme = await readFile(join(ROOT, "README.md"), "utf8");
  const source = await readFile(join(ROOT, "examples/counter/actor.ts"), "utf8");
  const shown = /^```ts\n(.*?)^```/ms.exec(readme)?.[1] ?? "";
  expect(shown.trim().split("\n")).toEqual(source.trim().split("\n").slice(2));
});
