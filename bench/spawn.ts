// `npm run bench:spawn [rounds]`: the part of `npm run bench` that is about births (bench/spawn/), with more contenders,
// and with processor times. What exactly is timed stands at the head of births.ts and uploads.ts.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { buildActor } from "../src/cli/build-actor.ts";
import { median, quantile } from "./load/statistics.ts";
import { digits, table } from "./report/table.ts";
import { births } from "./spawn/births.ts";
import type { Times } from "./spawn/contender.ts";
import { uploads } from "./spawn/uploads.ts";

const ROUNDS = Math.min(Number(process.argv[2] ?? 6), 100);
/** Each takes as long as twenty births. */
const UPLOADS = 3;
const TINY = await readFile(join(import.meta.dirname, "../test/fixtures/tiny.wasm"));
const SCRIPT = (await buildActor(join(import.meta.dirname, "counter"))).component;

const note = (line: string): void => void process.stderr.write(`${line}\n`);

/** The first is what the others are held against. */
function show(title: string, all: readonly Times[]): void {
  const [first] = all;
  const rows = all.map(({ name, ms, cpuMs }) => {
    const [p50, cpu] = [median(ms), median(cpuMs)];
    const ratio = [p50 / median(first?.ms ?? []), cpu / median(first?.cpuMs ?? [])];
    const numbers = [p50, quantile(ms, 0.99), ratio[0] ?? NaN, cpu, ratio[1] ?? NaN];
    return [name, ...numbers.map(digits)];
  });
  const head = [title, "p50 ms", "p99 ms", "× first", "CPU ms", "× first"];
  console.log(`\n${table(head, rows)}`);
}

note(
  `${ROUNDS} rounds of births, then of uploads in C and in TypeScript: about ${30 + ROUNDS * 15} s`,
);
show("first request", await births(ROUNDS, { all: true, note }));
for (const [language, wasm] of [
  ["C", TINY],
  ["TypeScript", SCRIPT],
] as const) {
  const given = { rounds: ROUNDS, times: UPLOADS, all: true, note };
  show(`new component, ${language}`, await uploads(wasm, given));
}
process.exit();
