// `npm run soak -- [--minutes 30] [--seed s] [--write]`: mixed work at a steady pace, and whether memory and latency are
// flat at its end. The numbers and their picture go to build/, with --write to docs/. Exit code 1 if they are not flat, or
// anything that was acknowledged is missing.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { machineLine } from "./report/documents.ts";
import { thisMachine } from "./report/machine.ts";
import { writeBetween } from "./report/write.ts";
import { withBench } from "./server.ts";
import { plot } from "./soak/plot.ts";
import { soak, type Soaked } from "./soak/soak.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "30" },
    seed: { type: "string", default: "theater" },
    write: { type: "boolean", default: false },
  },
});

const ROOT = join(import.meta.dirname, "..");
const MINUTES_MAX = 24 * 60;
const WINDOW_MS = 30_000;
/** A short one has smaller windows: fewer say nothing. */
const WINDOWS_MIN = 20;

const minutes = Math.min(Number(values.minutes), MINUTES_MAX);
const ms = minutes * 60_000;
const machine = await thisMachine();
const soaked = await withBench((bench) =>
  soak(bench, {
    ms,
    windowMs: Math.min(WINDOW_MS, ms / WINDOWS_MIN),
    seed: values.seed,
    note: (line) => void process.stderr.write(`${line}\n`),
  }),
);

const text = words(soaked);
console.log(text);
const folder = join(ROOT, values.write ? "docs" : "build");
await mkdir(folder, { recursive: true });
const json = JSON.stringify({ machine, minutes, ...soaked }, null, 2);
await writeFile(join(folder, "soak.json"), `${json}\n`);
await writeFile(
  join(folder, "soak.svg"),
  plot(
    soaked.samples,
    `${minutes} minutes, ${machine.date.slice(0, 10)}, ${machine.cores} cores, commit ${machine.commit}`,
  ),
);
if (values.write) {
  const whole = `${machineLine(machine)}\n\n![memory and latency over time](soak.svg)\n\n${text}`;
  await writeBetween(join(ROOT, "docs/benchmarks.md"), "soak", whole);
}
const isGood = soaked.problems.length === 0 && soaked.flat.every(({ isFlat }) => isFlat);
process.exit(isGood ? 0 : 1);

function words({ operations, flat, problems }: Soaked): string {
  const counts = Object.entries(operations).map(([kind, count]) => `${count} ${kind}`);
  const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
  return [
    `${minutes} minutes: ${counts.join(", ")}.`,
    ...flat.map(
      ({ name, growth, bound, isFlat }) =>
        `- ${name}: ${percent(growth)} over the second half (at most ${percent(bound)}): ${isFlat ? "flat" : "NOT FLAT"}`,
    ),
    problems.length === 0
      ? "- everything that was acknowledged was there at the end, and every audit found its chain whole"
      : `- ${problems.length} PROBLEMS, the first: ${problems.slice(0, 5).join("; ")}`,
  ].join("\n");
}
