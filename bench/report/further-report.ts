// The further measurements as tables: what was measured, what a turn makes the platform do, and what that costs.

import { total } from "../further/cost.ts";
import type { PerTurn } from "../further/counts.ts";
import type { Further } from "../further/further.ts";
import { digits, table } from "./table.ts";

export function furtherReport({ measurements, perTurn, costs, errors }: Further): string {
  const measured = measurements.map(({ name, value, unit, target }) => [
    name,
    `${value >= 1_000 ? Math.round(value).toLocaleString("en") : digits(value)} ${unit}`,
    target === undefined ? "" : digits(target.ratio),
    target === undefined ? "" : `${target.text}: ${target.isMet ? "met" : "not met"}`,
  ]);
  const parts = measured.length === 0 ? [] : [table(["", "measured", "ratio", "target"], measured)];
  if (perTurn.length > 0) parts.push(turnTable(perTurn), costTable(perTurn, costs));
  if (errors.length > 0) {
    parts.push(errors.map((error) => `- not measured: ${error}`).join("\n"));
  }
  return parts.join("\n\n");
}

const COUNTED: readonly [key: keyof PerTurn, name: string][] = [
  ["sqliteRowsWritten", "rows written in the object's SQLite"],
  ["sqliteRowsRead", "rows read in it"],
  ["d1Statements", "statements to D1"],
  ["d1RowsWritten", "rows written in D1"],
  ["d1RowsRead", "rows read in D1"],
  ["r2ClassA", "R2 operations, class A"],
  ["r2ClassB", "R2 operations, class B"],
  ["objectRequests", "requests to Durable Objects"],
  ["loaderRequests", "calls into dynamic isolates"],
  ["cpuMs", "CPU of workerd, ms"],
  ["wallMs", "an object at work, ms"],
  ["turns", "(turns counted)"],
];

function turnTable(perTurn: readonly PerTurn[]): string {
  return table(
    ["in one turn", ...perTurn.map(({ name }) => name)],
    COUNTED.map(([key, name]) => [name, ...perTurn.map((per) => count(Number(per[key])))]),
  );
}

function count(value: number): string {
  return value > 0 && value < 0.1 ? value.toFixed(4) : digits(value);
}

function costTable(perTurn: readonly PerTurn[], costs: Further["costs"]): string {
  const names = costs[0]?.parts.map(({ name }) => name) ?? [];
  const dollars = (value: number): string => `$${value.toFixed(value < 0.1 ? 3 : 2)}`;
  const rows = names.map((name, index) => [
    name,
    ...costs.map(({ parts }) => dollars(parts[index]?.dollars ?? 0)),
  ]);
  return table(
    ["dollars for a million turns", ...perTurn.map(({ name }) => name)],
    [...rows, ["**in all**", ...costs.map(({ parts }) => `**${dollars(total(parts))}**`)]],
  );
}
