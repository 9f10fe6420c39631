// `npm run scaling [-- --write]`: the scaling model from the numbers of the last `npm run bench` (build/bench.json), as
// tables; with --write into docs/scaling.md.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { total } from "./further/cost.ts";
import type { Further } from "./further/further.ts";
import { ISOLATE_BYTES, OBJECT_WRITES_PER_SECOND } from "./limits.ts";
import { machineLine } from "./report/documents.ts";
import type { Machine } from "./report/machine.ts";
import { digits, table } from "./report/table.ts";
import { writeBetween } from "./report/write.ts";
import {
  actorsInLedger,
  ceilings,
  COMPONENTS,
  DAYS,
  PEAK,
  scale,
  UNSEALED_EVENTS,
  type Measured,
} from "./scaling/model.ts";

const ROOT = join(import.meta.dirname, "..");

/** An actor with more turns than that has several of them in one flush. */
const QUIET_PER_SECOND = 1;

interface Numbers {
  machine: Machine;
  further?: Further;
}

const { machine, further } = JSON.parse(
  await readFile(join(ROOT, "build/bench.json"), "utf8"),
) as Numbers;
if (further === undefined || further.perTurn.length === 0) {
  throw new Error("build/bench.json has no further measurements; run `npm run bench -- --further`");
}
const text = report(machine, further);
console.log(text);
if (process.argv.includes("--write")) {
  await writeBetween(join(ROOT, "docs/scaling.md"), "scaling", text);
}

function report(on: Machine, found: Further): string {
  const value = (id: string): number => {
    const measurement = found.measurements.find((each) => each.id === id);
    if (measurement === undefined) throw new Error(`build/bench.json has no ${id}`);
    return measurement.value;
  };
  const measured = (id: string, turnsPerActor: number): Measured => {
    const perTurn = found.perTurn.find((each) => each.id === id);
    const parts = found.costs.find((each) => each.id === id)?.parts;
    if (perTurn === undefined || parts === undefined) throw new Error(`no counts for ${id}`);
    return { perTurn, parts, turnsPerActor, eventBytes: value("chain.bytes") };
  };
  const [busy, quiet] = [
    measured("one", OBJECT_WRITES_PER_SECOND),
    measured("quiet", QUIET_PER_SECOND),
  ];
  const awake = ISOLATE_BYTES / (value("memory.actor") * 1e6);
  return [
    machineLine(on),
    `A turn costs $${(total(busy.parts) / 1e6).toExponential(2)} where actors are busy and ` +
      `$${(total(quiet.parts) / 1e6).toExponential(2)} where each has one now and then. ${COMPONENTS} components in use; ` +
      `the busiest second has ${PEAK} times the turns of the mean one.`,
    scales("actors are quiet: each turn is a flush of its own", quiet),
    scales("actors are busy: a flush carries many turns", busy),
    ceilingTable(busy, quiet),
    `The ledger's databases hold the newest ${UNSEALED_EVENTS.toLocaleString("en")} events of ` +
      `${thousands(actorsInLedger(quiet.eventBytes))} actors; one isolate holds about ${Math.floor(awake)} actors that are awake.`,
  ].join("\n\n");
}

function scales(title: string, measured: Measured): string {
  const all = DAYS.map((turns) => scale(turns, measured));
  const row = (name: string, cell: (one: (typeof all)[number]) => string): string[] => [
    name,
    ...all.map(cell),
  ];
  return table(
    [`${title}; turns a day`, ...all.map((one) => thousands(one.turnsPerDay))],
    [
      row("turns in the busiest second", (one) => thousands(one.turnsPerSecond)),
      row("actors, at least", (one) => thousands(one.actorsMin)),
      row("D1 statements in that second", (one) => thousands(one.statementsPerSecond)),
      row("D1 rows written in it", (one) => thousands(one.rowsPerSecond)),
      row("ledger shards", (one) => String(one.shards)),
      row("new in R2, GB a month", (one) => thousands(one.storedGbPerMonth)),
      row("dollars a month", (one) => `$${thousands(one.dollarsPerMonth)}`),
    ],
  );
}

function ceilingTable(busy: Measured, quiet: Measured): string {
  const quietly = ceilings(quiet);
  const rows = ceilings(busy).map(({ name, turnsPerSecond }) => {
    const other = quietly.find((each) => each.name === name)?.turnsPerSecond ?? Number.NaN;
    return [name, thousands(turnsPerSecond), thousands(other)];
  });
  return table(["turns per second at most", "busy", "quiet"], rows);
}

function thousands(value: number): string {
  return value >= 1_000 ? Math.round(value).toLocaleString("en") : digits(value);
}
