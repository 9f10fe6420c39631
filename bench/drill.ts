// `npm run drill -- [--rounds 200] [--seed s] [--actors 56] [--short]`: kills the real server at random
// moments and prints what came of it. Exit code 1 if anything was lost, doubled or differs.

import { parseArgs } from "node:util";
import { drill, QUIET_MS_MAX, type Table } from "./drill/drill.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "200" },
    seed: { type: "string", default: "theater" },
    actors: { type: "string", default: "56" },
    short: { type: "boolean", default: false },
  },
});

/** `--short` ends within three minutes, however far it has come. */
const SHORT_MS = 150_000;

const table = await drill({
  seed: values.seed,
  rounds: Number(values.rounds),
  actors: Number(values.actors),
  maxMs: values.short ? SHORT_MS : Infinity,
  progress({ rounds, kills, acknowledged, events, slowestQuietMs }) {
    const now = `${rounds} rounds, ${kills} kills, ${acknowledged} acknowledged, ${events} events`;
    process.stderr.write(`${now}, slowest quiet ${slowestQuietMs} ms\n`);
  },
});
print(table);
process.exitCode = table.problems.length === 0 ? 0 : 1;

function print({ problems, slowestQuietMs, ...rest }: Table): void {
  const words = (name: string): string =>
    name.replaceAll(/[A-Z]/g, (each) => ` ${each.toLowerCase()}`);
  for (const [name, value] of Object.entries(rest)) console.log(words(name).padEnd(18), value);
  console.log("slowest quiet".padEnd(18), `${slowestQuietMs} ms (limit ${QUIET_MS_MAX} ms)`);
  for (const problem of problems) console.log(`  ${problem}`);
  console.log(problems.length === 0 ? "pass" : "FAIL");
}
