// `npm run bench`: Theater beside what people would pick instead, and what its parts take. Options after `--`:
// --quick (shorter, fewer rounds), --only a,b,e (some of the comparison), --no-peers, --no-further, --further (nothing
// else), --json <file>, --write (puts the tables into docs/benchmarks.md and README.md).

import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { compare, SHAPES } from "./compare/compare.ts";
import { installPeers } from "./compare/peer-packages.ts";
import { SUBJECTS } from "./compare/subjects.ts";
import { targets } from "./compare/targets.ts";
import { compareReport } from "./report/compare-report.ts";
import { thisMachine } from "./report/machine.ts";

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    "no-peers": { type: "boolean", default: false },
    "no-further": { type: "boolean", default: false },
    further: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
    json: { type: "string", default: join(import.meta.dirname, "../build/bench.json") },
    rounds: { type: "string" },
    ms: { type: "string" },
  },
});

const pace = values.quick ? { rounds: 3, ms: 400 } : { rounds: 5, ms: 1_500 };
const rounds = Math.min(Number(values.rounds ?? pace.rounds), 100);
const ms = Math.min(Number(values.ms ?? pace.ms), 60_000);
const note = (line: string): void => void process.stderr.write(`${line}\n`);

const only = values.only?.split(",");
const subjects = SUBJECTS.filter(
  ({ id, isPeer }) => (only?.includes(id) ?? true) && !(isPeer && values["no-peers"]),
);
if (subjects.some(({ isPeer }) => isPeer)) {
  await installPeers(note).catch((thrown: unknown) =>
    note(`the peers cannot be installed: ${String(thrown)}`),
  );
}

const machine = await thisMachine();
const rows = await compare({ subjects, shapes: SHAPES, rounds, ms, note });
for (const row of rows) Object.assign(machine.versions, row.versions);
const met = targets(
  rows,
  SHAPES.map(({ id }) => id),
);
console.log(compareReport(rows, { shapes: SHAPES, targets: met }));
await mkdir(dirname(values.json), { recursive: true });
await writeFile(values.json, JSON.stringify({ machine, rounds, ms, rows, targets: met }, null, 2));
