// The processor time that workerd takes while something is measured. Unlike the time on the wall it hardly depends on what
// else the machine does. Linux only.

import { readFile } from "node:fs/promises";
import { childrenNamed } from "../src/cli/dev-process.ts";

/** Ticks of the kernel's clock for user space, the same on every Linux (USER_HZ). */
const TICKS_PER_SECOND = 100;

/** The workerd of each server, in the order in which this process started them. */
export async function workerds(): Promise<number[]> {
  const found = await childrenNamed(process.pid, "workerd");
  return found.map(({ pid }) => pid).toSorted((a, b) => a - b);
}

/** Milliseconds so far, of all threads; NaN where the kernel does not tell. */
export async function processorMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  // The name in brackets may hold anything: the fields are counted from behind it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND;
}
