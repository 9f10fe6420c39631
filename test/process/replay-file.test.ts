// `theater replay` of a file, as a person uses it: what an export holds by default is enough, what is missing is
// named, what was changed is found, and a run that was killed goes on.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startDevServer, type DevServer } from "../../src/cli/dev.ts";
import { childrenNamed, isRunning, type ProcessRef } from "../../src/cli/dev-process.ts";
import { theater as run, type Run } from "../cli/run-theater.ts";

const MAIN = join(import.meta.dirname, "../../src/cli/main.ts");
const TINY = join(import.meta.dirname, "../fixtures/tiny.wasm");
const MANIFEST = `name = "tiny"
version = "0.1.0"
component = "${TINY}"
[[handler]]
type = "runtime"
[[handler]]
type = "message-server"
`;
const TURNS = 40;
const KILL_MS_MAX = 30_000;

let folder: string;
let id: string;
let server: DevServer | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "theater-replay-"));
  server = await startDevServer({ port: 0, data: join(folder, "data") });
  await writeFile(join(folder, "tiny.toml"), MANIFEST);
  id = (await ok("start", "tiny.toml")).stdout.trim();
  const headers = { authorization: `Bearer ${server.token}` };
  for (let turn = 0; turn < TURNS; turn++) {
    const asked = { method: "POST", headers, body: "x" };
    await fetch(`${server.url}/v1/actors/${id}/request`, asked).then((answer) => answer.text());
  }
  await ok("export", id, "-o", "all.car");
  await ok("export", id, "-o", "bare.car", "--include", "none");
  await server.dispose();
  server = undefined;
}, 60_000);

afterAll(async () => {
  await server?.dispose();
  await rm(folder, { recursive: true, force: true });
});

async function theater(...args: string[]): Promise<Run> {
  return await run(args, { cwd: folder, ...(server ?? { url: "http://127.0.0.1:1" }) });
}

async function ok(...args: string[]): Promise<Run> {
  const done = await theater(...args);
  if (done.code !== 0) throw new Error(`theater ${args.join(" ")}: ${done.stdout}${done.stderr}`);
  return done;
}

test("an export replays when its server is gone, with the modules that its genesis names", async () => {
  const report = JSON.parse((await ok("replay", "all.car", "--json")).stdout);
  expect(report).toMatchObject({
    actor: id,
    verdict: "verified",
    turns: { agreed: TURNS + 1, cut: 0, erased: 0, foreign: 0 },
    chain: { verdict: "verified" },
    next: null,
  });
  expect(report.ran.modules).toBe(report.ran.recorded.modules);
});

test("what an export lacks is named with the flag that brings it", async () => {
  const { code, stderr } = await theater("replay", "bare.car");
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /^not-found: Export the chain again with --include manifest,component,blocks/m,
  );
});

test("a changed byte is found before anything runs", async () => {
  const bytes = await readFile(join(folder, "all.car"));
  bytes[20_000] = (bytes[20_000] ?? 0) ^ 1;
  await writeFile(join(folder, "bent.car"), bytes);
  const { code, stdout } = await theater("replay", "bent.car");
  expect(code).toBe(3);
  expect(stdout).toMatch(/^nothing was run: the file does not hold\nbroken at \d+/);
});

test("another component parts from the record at the first turn that it does otherwise", async () => {
  const bytes = await readFile(TINY);
  bytes.set(Buffer.from("INC"), bytes.indexOf("inc"));
  await writeFile(join(folder, "other.wasm"), bytes);
  const { code, stdout } = await theater(
    "replay",
    "all.car",
    "--component",
    "other.wasm",
    "--json",
  );
  expect(code).toBe(3);
  expect(JSON.parse(stdout)).toMatchObject({
    verdict: "diverged",
    turns: { agreed: 1 },
    difference: {
      turn: 2,
      likely: "component-differs",
      expected: { type: "host.called", fields: { args: ["inc"] } },
      found: { fields: { args: ["INC"] } },
    },
  });
});

test(
  "a replay that was killed goes on, and ends the workerd that was left",
  { timeout: 120_000 },
  async () => {
    const args = [MAIN, "replay", "all.car", "--progress", "note", "--every", "0"];
    const env = { ...process.env, THEATER_TRUST: join(folder, "trust.json") };
    const child = spawn(process.execPath, args, { cwd: folder, env, stdio: "ignore" });
    const left = await noteOf(join(folder, "note"), 1);
    child.kill("SIGKILL");
    await new Promise((resolve) => child.once("close", resolve));
    const kept = await noteOf(join(folder, "note"), 1);
    const done = JSON.parse((await ok("replay", "all.car", "--progress", "note", "--json")).stdout);
    expect(done).toMatchObject({ verdict: "verified", turns: { agreed: TURNS + 1 } });
    expect(kept.turns.agreed).toBeLessThan(TURNS + 1);
    expect(await isRunning(left.workerd)).toBe(false);
    expect(existsSync(join(folder, "note"))).toBe(false);
  },
);

test("the workerd of a replay that was killed ends with it, also where nothing was kept", async () => {
  const env = { ...process.env, THEATER_TRUST: join(folder, "trust.json") };
  const args = [MAIN, "replay", "all.car", "--every", "0"];
  const child = spawn(process.execPath, args, {
    cwd: folder,
    env,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (text: Buffer) => (said += text.toString()));
  const workerd = await until(async () => (await childrenNamed(child.pid ?? 0, "workerd"))[0]);
  // Before it has begun, it ends by itself: its configuration came from the one that is gone.
  await until(async () => (said.includes("turns agree so far") ? true : undefined));
  child.kill("SIGKILL");
  await expect.poll(() => isRunning(workerd), { timeout: KILL_MS_MAX }).toBe(false);
}, 60_000);

async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (let waitedMs = 0; waitedMs < KILL_MS_MAX; waitedMs += 5) {
    const found = await look();
    if (found !== undefined) return found;
    await sleep(5);
  }
  throw new Error("it did not come to that");
}

interface Note {
  cursor: string | null;
  turns: { agreed: number };
  workerd: ProcessRef;
}

/** Waits until so many turns are noted. */
async function noteOf(path: string, turns: number): Promise<Note> {
  for (let waitedMs = 0; waitedMs < KILL_MS_MAX; waitedMs += 2) {
    const text = await readFile(path, "utf8").catch(() => "null");
    const note = JSON.parse(text) as Note | null;
    if ((note?.turns.agreed ?? 0) >= turns) return note as Note;
    await sleep(2);
  }
  throw new Error("no progress was noted");
}
