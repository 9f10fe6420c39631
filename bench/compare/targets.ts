// What the comparison is for: ratios that have to hold within one run. Absolute numbers are those of a machine.

import type { Row } from "./compare.ts";

export interface Target {
  text: string;
  /** The worst of all shapes, and where it was. Undefined where one of the two was not measured. */
  measured?: number;
  shape?: string;
  isMet: boolean;
}

interface Wanted {
  of: string;
  to: string;
  what: "rate" | "p50";
  /** At least for a rate, at most for p50. */
  bound: number;
}

const WANTED: readonly Wanted[] = [
  { of: "e", to: "b", what: "rate", bound: 0.8 },
  { of: "e", to: "b", what: "p50", bound: 1.4 },
  // What is Theater's own: the hop is the platform's, and what (h) does nobody can do without.
  { of: "e", to: "h", what: "rate", bound: 0.8 },
  { of: "e", to: "c", what: "rate", bound: 1 },
  { of: "e", to: "d", what: "rate", bound: 2 },
  { of: "f", to: "c", what: "rate", bound: 0.7 },
];

export function targets(rows: readonly Row[], shapes: readonly string[]): Target[] {
  return WANTED.flatMap((wanted) => shapes.map((shape) => target(wanted, { rows, shape })));
}

function target(wanted: Wanted, { rows, shape }: { rows: readonly Row[]; shape: string }): Target {
  const { of, to, what, bound } = wanted;
  const isRate = what === "rate";
  const name = isRate ? "throughput" : "p50";
  const text = `(${of}) ${isRate ? "≥" : "≤"} ${bound} × ${name} of (${to})`;
  const cell = (id: string) => rows.find((row) => row.id === id)?.cells[shape];
  const [above, below] = [cell(of), cell(to)];
  if (above === undefined || below === undefined) return { text, shape, isMet: false };
  const measured = above[what] / below[what];
  return { text, shape, measured, isMet: isRate ? measured >= bound : measured <= bound };
}
