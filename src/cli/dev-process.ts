// Processes as the lock of a data folder names them. A pid alone may have been given to another program
// since, so a process is always a pid and the moment it started; both must match before one is ended.

import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { TheaterError } from "../lib/errors.ts";

const run = promisify(execFile);

/** `started` is opaque: equal for the same process, different for any other that had its pid. */
export interface ProcessRef {
  pid: number;
  started: string;
}

const END_MS_MAX = 5_000;
const END_POLL_MS = 20;

/** Undefined if no such process runs (one that ended and was not yet reaped does not run). */
export async function processRef(pid: number): Promise<ProcessRef | undefined> {
  const started = process.platform === "linux" ? await startedInProc(pid) : await startedInPs(pid);
  return started === undefined ? undefined : { pid, started };
}

export async function isRunning(ref: ProcessRef): Promise<boolean> {
  return (await processRef(ref.pid))?.started === ref.started;
}

/** Ends the process and waits until it is gone. Does nothing if it is not that very process any more. */
export async function endProcess(ref: ProcessRef): Promise<boolean> {
  if (!(await isRunning(ref))) return false;
  process.kill(ref.pid, "SIGKILL");
  for (let waitedMs = 0; await isRunning(ref); waitedMs += END_POLL_MS) {
    if (waitedMs >= END_MS_MAX) {
      throw new TheaterError("wrong-state", `process ${ref.pid} does not end; end it by hand`);
    }
    await sleep(END_POLL_MS);
  }
  return true;
}

/** The processes named `name` that `parent` started. */
export async function childrenNamed(parent: number, name: string): Promise<ProcessRef[]> {
  const pids =
    process.platform === "linux"
      ? await childrenInProc(parent, name)
      : await childrenInPs(parent, name);
  const refs = await Promise.all(pids.map(processRef));
  return refs.filter((ref) => ref !== undefined);
}

async function readOrEmpty(path: string): Promise<string> {
  return await readFile(path, "utf8").catch(() => "");
}

async function startedInProc(pid: number): Promise<string | undefined> {
  const stat = await readOrEmpty(`/proc/${pid}/stat`);
  // The second field is the program's name in brackets and may hold anything: count from the last one.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, ticks] = [fields[0], fields[19]];
  if (ticks === undefined || state === "X") return undefined;
  if (state === "Z" && !(await hasOtherThreads(pid))) return undefined;
  // Ticks count from boot; with the boot's own id they name one moment.
  return `${(await readOrEmpty("/proc/sys/kernel/random/boot_id")).trim()}/${ticks}`;
}

/**
 * A killed process is a zombie as soon as its first thread has ended. While others are still in the
 * kernel, its files and its port are still open (seen under load: the port was taken).
 */
async function hasOtherThreads(pid: number): Promise<boolean> {
  return (await readdir(`/proc/${pid}/task`).catch(() => [])).length > 1;
}

async function startedInPs(pid: number): Promise<string | undefined> {
  const { stdout } = await run("ps", ["-o", "stat=,lstart=", "-p", String(pid)]).catch(() => ({
    stdout: "",
  }));
  const [state = "Z", ...started] = stdout.trim().split(/\s+/);
  return state.startsWith("Z") || started.length === 0 ? undefined : started.join(" ");
}

async function childrenInProc(parent: number, name: string): Promise<number[]> {
  const threads = await readdir(`/proc/${parent}/task`).catch(() => []);
  const lists = await Promise.all(
    threads.map((thread) => readOrEmpty(`/proc/${parent}/task/${thread}/children`)),
  );
  const pids = lists.flatMap((list) => list.split(" ").filter(Boolean).map(Number));
  const names = await Promise.all(pids.map((pid) => readOrEmpty(`/proc/${pid}/comm`)));
  return pids.filter((_, index) => names[index]?.trim() === name);
}

async function childrenInPs(parent: number, name: string): Promise<number[]> {
  const { stdout } = await run("ps", ["-axo", "pid=,ppid=,comm="]).catch(() => ({ stdout: "" }));
  return stdout.split("\n").flatMap((line) => {
    const [pid, ppid, ...command] = line.trim().split(/\s+/);
    return ppid === String(parent) && command.join(" ").endsWith(name) ? [Number(pid)] : [];
  });
}
