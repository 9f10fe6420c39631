// The tables of a run as they stand in docs/benchmarks.md and, shorter, in README.md.

import { join } from "node:path";
import type { Row, Shape } from "../compare/compare.ts";
import type { Machine } from "./machine.ts";
import { shortTable } from "./compare-report.ts";
import { writeBetween } from "./write.ts";

const ROOT = join(import.meta.dirname, "../..");
const DOCUMENT = join(ROOT, "docs/benchmarks.md");

export function machineLine({ date, cores, cpu, memoryGb, commit, versions }: Machine): string {
  const names = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return (
    `Measured ${date.slice(0, 10)} on ${cores} cores (${cpu}), ${memoryGb} GB, commit ${commit}; ` +
    `${names.join(", ")}.`
  );
}

export async function writeCompared(
  text: string,
  { machine, rows, shapes }: { machine: Machine; rows: readonly Row[]; shapes: readonly Shape[] },
): Promise<void> {
  await writeBetween(DOCUMENT, "bench:compare", `${machineLine(machine)}\n\n${text}`);
  const short = `${shortTable(rows, shapes)}\n\n${machineLine(machine)}`;
  await writeBetween(join(ROOT, "README.md"), "bench", short);
}

export async function writeFurther(text: string, machine: Machine): Promise<void> {
  await writeBetween(DOCUMENT, "bench:further", `${machineLine(machine)}\n\n${text}`);
}
