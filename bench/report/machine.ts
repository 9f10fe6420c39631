// On what a run was measured: whoever reads its numbers a year later must be able to tell.

import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { availableParallelism, cpus, totalmem } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, "../..");

export interface Machine {
  /** ISO 8601. */
  date: string;
  cores: number;
  cpu: string;
  memoryGb: number;
  commit: string;
  /** Of what is measured, by name. */
  versions: Record<string, string>;
}

export async function thisMachine(): Promise<Machine> {
  const commit = await run("git", ["rev-parse", "--short", "HEAD"], { cwd: ROOT }).catch(() => ({
    stdout: "unknown",
  }));
  return {
    date: new Date().toISOString(),
    cores: availableParallelism(),
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    memoryGb: Math.round(totalmem() / 2 ** 30),
    commit: commit.stdout.trim(),
    versions: { node: process.versions.node, workerd: await workerdVersion() },
  };
}

async function workerdVersion(): Promise<string> {
  const text = await readFile(join(ROOT, "node_modules/workerd/package.json"), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
