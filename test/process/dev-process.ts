// `theater dev` as a process of its own, to be killed in every way that a machine can kill it.

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { childrenNamed, isRunning, type ProcessRef } from "../../src/cli/dev-process.ts";

const MAIN = join(import.meta.dirname, "../../src/cli/main.ts");
export const TOKEN = "process-test-token";

const GONE_MS_MAX = 10_000;
const POLL_MS = 20;

export interface DevProcess {
  node: ChildProcess;
  url: string;
  workerd: ProcessRef;
  /** What it has written to stderr so far. */
  notes(): string;
}

const running = new Set<ChildProcess>();

export interface Ended {
  code: number | null;
  stderr: string;
}

/** Resolves when it says that it is ready, or when it has ended without. */
export async function startDev(folder: string, port = 0, main = MAIN): Promise<DevProcess | Ended> {
  const args = [main, "dev", "--port", String(port), "--data", folder, "--token", TOKEN, "--json"];
  // A process group of its own, so that afterwards nothing of it is left, whatever the test killed.
  const node = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"], detached: true });
  running.add(node);
  let stderr = "";
  node.stderr.on("data", (chunk) => (stderr += String(chunk)));
  const ready = once(node.stdout, "data").then(([chunk]) => String(chunk));
  const ended = once(node, "close").then(() => undefined);
  const line = await Promise.race([ready, ended]);
  if (line === undefined) return { code: node.exitCode, stderr };
  const [workerd] = await childrenNamed(node.pid ?? 0, "workerd");
  if (workerd === undefined) throw new Error("the server runs without workerd");
  return { node, url: JSON.parse(line).url, workerd, notes: () => stderr };
}

/** As `startDev`, where nothing but success is expected. */
export async function startedDev(folder: string, port = 0, main = MAIN): Promise<DevProcess> {
  const started = await startDev(folder, port, main);
  if ("url" in started) return started;
  throw new Error(`theater dev ended with ${started.code}: ${started.stderr}`);
}

/** As the kernel does when memory is short, or a person who sees one process only. workerd lives on. */
export async function killNode({ node }: DevProcess): Promise<void> {
  node.kill("SIGKILL");
  await once(node, "close");
}

/** As a machine that loses power. */
export async function killBoth({ node, workerd }: DevProcess): Promise<void> {
  process.kill(workerd.pid, "SIGKILL");
  node.kill("SIGKILL");
  await once(node, "close");
  await gone(workerd);
}

/** Throws if it does not go within some seconds. */
export async function gone(ref: ProcessRef): Promise<void> {
  for (let waitedMs = 0; await isRunning(ref); waitedMs += POLL_MS) {
    if (waitedMs > GONE_MS_MAX) throw new Error(`process ${ref.pid} still runs`);
    await sleep(POLL_MS);
  }
}

/** Ends everything that a test has started, orphans included. */
export function endAll(): void {
  for (const { pid } of running) {
    try {
      if (pid !== undefined) process.kill(-pid, "SIGKILL");
    } catch {
      // The whole group is gone already.
    }
  }
  running.clear();
}

export async function get(url: string, path: string): Promise<Response> {
  return await fetch(url + path, { headers: { authorization: `Bearer ${TOKEN}` } });
}
