// Timers across the death of a whole server: the example of docs/timers.md, killed before its timer is due
// and started after. Nobody asks for the actor in between: its own alarm has to wake it.

import { glob, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { theater } from "../cli/run-theater.ts";
import { copyExample } from "../examples/copy-example.ts";
import { endAll, killBoth, startedDev, TOKEN } from "./dev-process.ts";

/** The killed server is down across this. */
const DUE_S = 3;

let example: string;

beforeAll(async () => {
  example = await copyExample("reminder");
});

afterAll(async () => {
  endAll();
  await rm(example, { recursive: true });
});

test("the documentation shows the example as it is", async () => {
  const document = await readFile("docs/timers.md", "utf8");
  expect(document).toContain(await readFile("examples/reminder/actor.ts", "utf8"));
});

/** How many messages of timers the data on disk holds, in whichever database it is. */
async function firedOnDisk(folder: string): Promise<number> {
  let most = 0;
  for await (const file of glob(join(folder, "**/*.sqlite"))) {
    const db = new DatabaseSync(file, { readOnly: true });
    try {
      const row = db.prepare("SELECT count(*) AS fired FROM event WHERE about = 'timer'").get();
      most = Math.max(most, Number(row?.["fired"]));
    } catch {
      // Another database, or one that is just being written.
    } finally {
      db.close();
    }
  }
  return most;
}

test("a timer that came due while the server was dead fires once when it starts", async () => {
  const folder = await mkdtemp(join(tmpdir(), "theater-timers-"));
  let server = await startedDev(folder);
  const port = Number(new URL(server.url).port);
  const run = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await theater(args, { url: server.url, token: TOKEN });
    expect([code, stderr]).toEqual([0, expect.any(String)]);
    return stdout.trim();
  };
  await run("build", example);
  const id = await run("start", join(example, "manifest.toml"));
  expect(await run("request", id, "list")).toMatch(/^\d+ summary$/);
  expect(await run("request", id, "3600 never")).toMatch(/^\d{4}-/);
  expect(await run("request", id, "cancel never")).toBe("cancelled");
  const due = Date.parse(await run("request", id, `${DUE_S} tea`));
  await killBoth(server);
  await expect.poll(() => Date.now() > due, { timeout: 10_000 }).toBe(true);
  expect(await firedOnDisk(folder)).toBe(0);
  server = await startedDev(folder, port);
  await expect.poll(() => firedOnDisk(folder), { timeout: 30_000 }).toBe(1);
  await expect.poll(() => run("state", id), { timeout: 10_000 }).toBe('["tea"]');
  await killBoth(server);
  server = await startedDev(folder, port);
  expect(await run("state", id)).toBe('["tea"]');
  expect(await run("request", id, "list")).toMatch(/^\d+ summary$/);
  expect(await run("verify", id)).toContain("0 withheld");
  await rm(folder, { recursive: true, force: true });
}, 120_000);
