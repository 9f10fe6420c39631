// The memory that workerd takes while something is measured. Linux only: the kernel keeps the peak of each
// process, and forgets it when asked to (proc(5), clear_refs).

import { readFile, writeFile } from "node:fs/promises";
import { childrenNamed } from "../src/cli/dev-process.ts";
import { median } from "./server.ts";

const SAMPLE_MS = 50;

/** From now on; the answer is for people: what was usual at first and at last, and the most of all. */
export async function watchMemory(): Promise<() => Promise<string>> {
  const [workerd] = await childrenNamed(process.pid, "workerd");
  if (process.platform !== "linux" || workerd === undefined) return async () => "not measured";
  const status = `/proc/${workerd.pid}/status`;
  await writeFile(`/proc/${workerd.pid}/clear_refs`, "5");
  const samples = [await megabytes(status, "VmRSS")];
  const timer = setInterval(() => {
    void megabytes(status, "VmRSS").then((sample) => samples.push(sample));
  }, SAMPLE_MS);
  return async () => {
    clearInterval(timer);
    const quarter = Math.ceil(samples.length / 4);
    const [first, last] = [samples.slice(0, quarter), samples.slice(-quarter)];
    const peak = await megabytes(status, "VmHWM");
    return `${median(first)} MB in the first quarter, ${median(last)} in the last, at most ${peak}`;
  };
}

/** Resident now, of all workerds that this process has started. */
export async function rssBytes(): Promise<number> {
  const workerds = await childrenNamed(process.pid, "workerd");
  const kilobytes = await Promise.all(
    workerds.map(({ pid }) => kilobytesOf(`/proc/${pid}/status`, "VmRSS")),
  );
  return kilobytes.reduce((all, each) => all + each, 0) * 1024;
}

/** Ticks of the kernel's clock in a second, as it tells processes (sysconf(3), CLK_TCK). */
const TICKS = 100;

/** Of all workerds that this process has started, since they started. */
export async function cpuSeconds(): Promise<number> {
  const workerds = await childrenNamed(process.pid, "workerd");
  const seconds = await Promise.all(
    workerds.map(async ({ pid }) => {
      const stat = await readFile(`/proc/${pid}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return (Number(fields[11]) + Number(fields[12])) / TICKS;
    }),
  );
  return seconds.reduce((all, each) => all + each, 0);
}

async function megabytes(status: string, field: string): Promise<number> {
  return Math.round((await kilobytesOf(status, field)) / 1024);
}

async function kilobytesOf(status: string, field: string): Promise<number> {
  const line = new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(await readFile(status, "utf8"));
  return Number(line?.[1] ?? 0);
}
