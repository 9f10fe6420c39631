// `npm run drill -- [--rounds 70] [--seed s] [--actors 56] [--faults kill,D1] [--short]`: strikes the real server
// with one fault after the other while a tree of actors works, and prints what came of each. `--faults` takes the
// beginnings of their names. Exit code 1 if anything was lost, doubled or differs.

import { parseArgs } from "node:util";
import { drill, QUIET_MS_MAX, type Outcome, type Table } from "./drill/drill.ts";
import { FAULTS } from "./drill/faults.ts";
import { withSmallDisk } from "./drill/small-disk.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "70" },
    seed: { type: "string", default: "theater" },
    actors: { type: "string", default: "56" },
    faults: { type: "string", default: "" },
    short: { type: "boolean", default: false },
  },
});

/** `--short` ends within three minutes, however far it has come. */
const SHORT_MS = 120_000;
const SHORT_ACTORS = 14;

const NAME_WIDTH = 14;
const COLUMNS = ["rounds", "strikes", "operations", "refused", "failed", "lost", "doubled"].concat([
  "views differ",
  "quiet ms",
]);

const named = values.faults.split(",");
const table = await withSmallDisk(
  async (folder) =>
    await drill({
      seed: values.seed,
      rounds: Number(values.rounds),
      actors: values.short ? SHORT_ACTORS : Number(values.actors),
      faults: FAULTS.filter(({ name }) => named.some((start) => name.startsWith(start))),
      maxMs: values.short ? SHORT_MS : Infinity,
      ...(folder === undefined ? {} : { folder }),
      progress({ rounds, acknowledged, events, slowestQuietMs, byFault }) {
        const { fault } = byFault[(rounds - 1) % byFault.length] ?? { fault: "" };
        const now = `${rounds} rounds, last ${fault}, ${acknowledged} acknowledged, ${events} events`;
        process.stderr.write(`${now}, slowest quiet ${slowestQuietMs} ms\n`);
      },
    }),
);
print(table);
process.exitCode = table.problems.length === 0 ? 0 : 1;

function print({ problems, slowestQuietMs, byFault, ...rest }: Table): void {
  const words = (name: string): string =>
    name.replaceAll(/[A-Z]/g, (each) => ` ${each.toLowerCase()}`);
  for (const [name, value] of Object.entries(rest)) console.log(words(name).padEnd(18), value);
  console.log("slowest quiet".padEnd(18), `${slowestQuietMs} ms (limit ${QUIET_MS_MAX} ms)\n`);
  console.log(row("fault", COLUMNS));
  for (const outcome of byFault) console.log(row(outcome.fault, cells(outcome)));
  console.log("");
  for (const { fault, what, missing } of byFault) {
    console.log(`${fault}: ${what}${missing === undefined ? "" : ` (not here: ${missing})`}`);
  }
  for (const problem of problems) console.log(`  ${problem}`);
  console.log(problems.length === 0 ? "\npass" : "\nFAIL");
}

function cells(outcome: Outcome): string[] {
  const { rounds, strikes, operations, refusals, failed, lost, doubled } = outcome;
  const { viewsDifferent, slowestQuietMs } = outcome;
  return [rounds, strikes, operations, refusals, failed, lost, doubled]
    .concat([viewsDifferent, slowestQuietMs])
    .map(String);
}

function row(name: string, columns: readonly string[]): string {
  const padded = columns.map((each, index) => each.padStart((COLUMNS[index] ?? "").length));
  return [name.padEnd(NAME_WIDTH), ...padded].join("  ");
}
