// `npm run bench`: Theater beside what people would pick instead, and what its parts take. docs/benchmarks.md says
// what is measured and how. Options after `--`:
//   --quick            fewer and shorter rounds: under three minutes
//   --only a,b,e       some of the comparison, or some groups of the further measurements (spawn, chain, …)
//   --no-peers         only what needs no package but our own
//   --compare, --further   one of the two parts
//   --json <file>      where the numbers go, build/bench.json if not said
//   --write            puts the tables into docs/benchmarks.md and README.md

import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { compare, SHAPES, type Row } from "./compare/compare.ts";
import { installPeers } from "./compare/peer-packages.ts";
import { SUBJECTS } from "./compare/subjects.ts";
import { targets, type Target } from "./compare/targets.ts";
import { further, type Further } from "./further/further.ts";
import { compareReport } from "./report/compare-report.ts";
import { machineLine, writeCompared, writeFurther } from "./report/documents.ts";
import { furtherReport } from "./report/further-report.ts";
import { thisMachine, type Machine } from "./report/machine.ts";

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    "no-peers": { type: "boolean", default: false },
    compare: { type: "boolean", default: false },
    further: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
    json: { type: "string", default: join(import.meta.dirname, "../build/bench.json") },
    rounds: { type: "string" },
    ms: { type: "string" },
  },
});

const ROUNDS_MAX = 100;
const MS_MAX = 60_000;

const begun = Date.now();
const note = (line: string): void => {
  const seconds = ((Date.now() - begun) / 1000).toFixed(0);
  process.stderr.write(`${seconds.padStart(4)} s  ${line}\n`);
};
const only = values.only?.split(",");

interface Compared {
  rounds: number;
  ms: number;
  rows: Row[];
  targets: Target[];
}

async function compared(machine: Machine): Promise<Compared> {
  const pace = values.quick ? { rounds: 3, ms: 350 } : { rounds: 5, ms: 1_000 };
  const rounds = Math.min(Number(values.rounds ?? pace.rounds), ROUNDS_MAX);
  const ms = Math.min(Number(values.ms ?? pace.ms), MS_MAX);
  const subjects = SUBJECTS.filter(
    ({ id, isPeer }) => (only?.includes(id) ?? true) && !(isPeer && values["no-peers"]),
  );
  if (subjects.some(({ isPeer }) => isPeer)) {
    // Without them the rest is compared, and the table says what is missing.
    await installPeers(note).catch((thrown: unknown) => note(`no peers: ${String(thrown)}`));
  }
  const rows = await compare({ subjects, shapes: SHAPES, rounds, ms, note });
  for (const row of rows) Object.assign(machine.versions, row.versions);
  const met = targets(
    rows,
    SHAPES.map(({ id }) => id),
  );
  const text = compareReport(rows, { shapes: SHAPES, targets: met });
  console.log(`${machineLine(machine)}\n\n${text}\n`);
  if (values.write) await writeCompared(text, { machine, rows, shapes: SHAPES });
  return { rounds, ms, rows, targets: met };
}

async function measured(machine: Machine): Promise<Further> {
  const found = await further({ isQuick: values.quick, note }, only);
  const text = furtherReport(found);
  console.log(`${text}\n`);
  if (values.write) await writeFurther(text, machine);
  return found;
}

const machine = await thisMachine();
const comparison = values.further ? undefined : await compared(machine);
const furtherFound = values.compare ? undefined : await measured(machine);
await mkdir(dirname(values.json), { recursive: true });
const all = { machine, compare: comparison, further: furtherFound };
await writeFile(values.json, `${JSON.stringify(all, null, 2)}\n`);
note(`written to ${values.json}`);
// Sockets of a group that did not end in time must not hold this process.
process.exit(0);
