// The memory that workerd takes while something is measured. Linux only: the kernel keeps the peak of each
// process, and forgets it when asked to (proc(5), clear_refs).

import { readFile, writeFile } from "node:fs/promises";
import { childrenNamed } from "../src/cli/dev-process.ts";

/** From now on; the answer is for people. */
export async function watchMemory(): Promise<() => Promise<string>> {
  const [workerd] = await childrenNamed(process.pid, "workerd");
  if (process.platform !== "linux" || workerd === undefined) return async () => "not measured";
  const status = `/proc/${workerd.pid}/status`;
  const before = await megabytes(status, "VmRSS");
  await writeFile(`/proc/${workerd.pid}/clear_refs`, "5");
  return async () => {
    const peak = await megabytes(status, "VmHWM");
    return `${before} MB before, at most ${peak} MB`;
  };
}

async function megabytes(status: string, field: string): Promise<number> {
  const line = new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(await readFile(status, "utf8"));
  return Math.round(Number(line?.[1] ?? 0) / 1024);
}
