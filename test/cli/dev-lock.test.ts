// The lock of a data folder, between real processes. The whole server is under test/process/.

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { lockFolder } from "../../src/cli/dev-lock.ts";
import { endProcess, isRunning, processRef } from "../../src/cli/dev-process.ts";

const HOLD = new URL("./hold-folder.ts", import.meta.url).pathname;
const STARTS = 6;

let folder: string;
let started: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "theater-lock-"));
});

afterEach(() => {
  for (const child of started) child.kill("SIGKILL");
  started = [];
});

/** A process that tries to take the folder, and the line that it says. */
async function hold(withChild = false): Promise<{ child: ChildProcess; says: string }> {
  const args = [HOLD, folder, ...(withChild ? ["with-child"] : [])];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  started.push(child);
  const [line] = await once(child.stdout, "data");
  return { child, says: String(line).trim() };
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  await once(child, "close");
}

test("a folder that a live server holds is refused, with its process named", async () => {
  const { child } = await hold();
  await expect(lockFolder(folder)).rejects.toMatchObject({
    code: "wrong-state",
    message: expect.stringContaining(`process ${child.pid} serves ${folder}`),
  });
});

test("after a kill the folder is free, and the process that was left is ended first", async () => {
  const { child, says } = await hold(true);
  const left = Number(says.replace("held ", ""));
  await kill(child);
  expect(await processRef(left)).toBeDefined();
  const { lock, orphan } = await lockFolder(folder);
  expect(orphan).toBe(left);
  expect(await processRef(left)).toBeUndefined();
  await lock.release();
});

test("a process that merely has the pid of an old workerd is left alone", async () => {
  const { child } = await hold(true);
  await kill(child);
  const name = (await readdir(folder)).find((file) => file.startsWith("lock-")) ?? "";
  const holder = JSON.parse(await readFile(join(folder, name), "utf8"));
  const other = { pid: holder.workerd.pid, started: "another time" };
  await writeFile(join(folder, name), JSON.stringify({ ...holder, workerd: other }));
  const { lock, orphan } = await lockFolder(folder);
  expect(orphan).toBeUndefined();
  expect(await isRunning(holder.workerd)).toBe(true);
  await lock.release();
  await endProcess(holder.workerd);
});

test("a released folder can be taken again, by the same process too", async () => {
  const { lock } = await lockFolder(folder);
  await lock.release();
  const again = await lockFolder(folder);
  await expect(lockFolder(folder)).rejects.toMatchObject({ code: "wrong-state" });
  await again.lock.release();
});

test("of several starts at the same moment on a folder of a killed server one wins", async () => {
  const { child } = await hold(true);
  await kill(child);
  const answers = await Promise.all(Array.from({ length: STARTS }, () => hold()));
  const held = answers.filter(({ says }) => says.startsWith("held"));
  expect(held).toHaveLength(1);
  const refused = answers.filter(({ says }) =>
    says.includes(`process ${held[0]?.child.pid} serves`),
  );
  expect(refused).toHaveLength(STARTS - 1);
});

test("a lock that a power cut left unreadable does not hold the folder", async () => {
  await writeFile(join(folder, "lock-7.json"), "");
  await writeFile(join(folder, "lock-draft-x"), "{");
  const { lock } = await lockFolder(folder);
  expect(await readdir(folder)).toEqual(["lock-8.json"]);
  await lock.release();
});
