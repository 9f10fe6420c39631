// The comparison as tables: one for each shape of load, then the targets.

import type { Row, Shape } from "../compare/compare.ts";
import type { Target } from "../compare/targets.ts";
import { digits, table } from "./table.ts";

const HEAD = ["", "requests/s", "× (a)", "× (b)", "p50 ms", "p99 ms", "p50 × (b)"];

export function compareReport(
  rows: readonly Row[],
  { shapes, targets }: { shapes: readonly Shape[]; targets: readonly Target[] },
): string {
  const parts = shapes.map((shape) => `${title(shape)}\n\n${shapeTable(rows, shape)}`);
  const missing = rows.filter(({ error }) => error !== undefined);
  const notes = missing.map(({ id, error }) => `- (${id}) was not measured: ${error}`);
  if (notes.length > 0) parts.push(notes.join("\n"));
  return [...parts, generator(rows), targetTable(targets)].join("\n\n");
}

function generator(rows: readonly Row[]): string {
  const cells = rows.flatMap((row) => Object.values(row.cells).map((cell) => ({ row, cell })));
  const busiest = cells.toSorted((x, y) => y.cell.busy - x.cell.busy).at(0);
  if (busiest === undefined) return "Nothing was measured.";
  const { row, cell } = busiest;
  const share = (cell.busy * 100).toFixed(0);
  const increments = rows.reduce((all, one) => all + one.increments, 0);
  return (
    `The load generator was busiest with ${row.id === "floor" ? "the empty Worker" : `(${row.id})`}: ` +
    `at work ${share} % of the time. ${increments} increments were acknowledged, and each number came once.`
  );
}

function title({ keys, callers }: Shape): string {
  const words = (count: number, word: string): string => `${count} ${word}${count > 1 ? "s" : ""}`;
  return `**${words(keys, "key")}, ${words(callers, "caller")}**`;
}

function shapeTable(rows: readonly Row[], { id: shape }: Shape): string {
  const of = (id: string) => rows.find((row) => row.id === id)?.cells[shape];
  const [a, b] = [of("a"), of("b")];
  return table(
    HEAD,
    rows.map(({ id, name, cells }) => {
      const cell = cells[shape];
      const label = id === "floor" ? name : `(${id}) ${name}`;
      if (cell === undefined) return [label, "–", "–", "–", "–", "–", "–"];
      const ratio = (value: number, to: number | undefined): string => digits(value / (to ?? NaN));
      return [
        label,
        digits(cell.rate),
        ratio(cell.rate, a?.rate),
        ratio(cell.rate, b?.rate),
        digits(cell.p50),
        digits(cell.p99),
        ratio(cell.p50, b?.p50),
      ];
    }),
  );
}

function targetTable(targets: readonly Target[]): string {
  const texts = [...new Set(targets.map(({ text }) => text))];
  const shapes = [...new Set(targets.map(({ shape }) => shape ?? ""))];
  return table(
    ["target", ...shapes.map((shape) => `${shape.replace("x", " keys × ")} callers`), ""],
    texts.map((text) => {
      const all = targets.filter((target) => target.text === text);
      const isMet = all.every((target) => target.isMet);
      const isOpen = all.some(({ measured }) => measured === undefined);
      return [
        text,
        ...all.map(({ measured }) => digits(measured ?? NaN)),
        isOpen ? "not measured" : isMet ? "met" : "not met",
      ];
    }),
  );
}

/** Requests per second and p50 under each load, for the README. */
export function shortTable(rows: readonly Row[], shapes: readonly Shape[]): string {
  const shown = shapes.filter(({ id }) => ["1x1", "1x32", "32x32"].includes(id));
  const head = shown.map(({ keys, callers }) => `${keys} key${keys > 1 ? "s" : ""} × ${callers}`);
  return table(
    ["requests/s (p50 ms), keys × callers", ...head],
    rows
      .filter(({ error, id }) => error === undefined && id !== "d-unsynced")
      .map(({ name, cells }) => [
        name,
        ...shown.map(({ id }) => {
          const cell = cells[id];
          return cell === undefined ? "–" : `${digits(cell.rate)} (${digits(cell.p50)})`;
        }),
      ]),
  );
}
