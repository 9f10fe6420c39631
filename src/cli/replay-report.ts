// The verdict of a replay, for people.

import { asList, asObject, type JsonObject } from "./client.ts";
import { printable } from "./output.ts";

export function describe(report: JsonObject): string {
  const turns = asObject(report["turns"], "turns");
  const counts = [
    `${Number(turns["agreed"])} turns agree`,
    ...(turns["cut"] === 0 ? [] : [`${Number(turns["cut"])} were cut off and agree up to there`]),
    ...(turns["erased"] === 0
      ? []
      : [
          `${Number(turns["erased"])} cannot be run again, what they need was erased: ${named(report)}`,
        ]),
    ...(turns["foreign"] === undefined || turns["foreign"] === 0
      ? []
      : [`${Number(turns["foreign"])} were shown another chain and need a server to run again`]),
  ].join(", ");
  const { verdict, difference, chain } = report;
  const head = [`${printable(String(verdict))}: ${counts}`, ...ranOther(report["ran"])].join("\n");
  if (verdict === "broken") {
    const { seq, problem } = asObject(asObject(chain, "chain")["firstBad"], "firstBad");
    return `${head}\nthe chain is broken at event ${Number(seq)}: ${printable(String(problem))}`;
  }
  return difference === null ? head : `${head}\n${describeDifference(difference)}`;
}

/** Said only where it is not what the chain names. */
function ranOther(ran: unknown): string[] {
  if (ran === null || ran === undefined) return [];
  const { component, modules, recorded } = asObject(ran, "ran");
  const { component: named, modules: made } = asObject(recorded, "recorded");
  if (component !== named) {
    return [`component ${printable(String(component))} ran instead of ${printable(String(named))}`];
  }
  if (modules === made) return [];
  return [`the component was transpiled by another version than then, as ${String(modules)}`];
}

/** Where the histories part, and what each has there. */
export function describeDifference(difference: unknown): string {
  const { seq, turn, likely, expected, found, rule } = asObject(difference, "difference");
  if (typeof rule === "string") {
    return [
      `event ${Number(seq)} is not as a runtime writes it (${printable(String(likely))})`,
      `  ${printable(rule)}`,
      `  recorded  ${side(expected)}`,
    ].join("\n");
  }
  return [
    `turn ${Number(turn)} parts from its record at event ${Number(seq)} (${printable(String(likely))})`,
    `  recorded  ${side(expected)}`,
    `  now       ${side(found)}`,
  ].join("\n");
}

/** The first of the turns that were erased. */
function named(report: JsonObject): string {
  const all = asList(report["erasedTurns"], "erasedTurns").map(Number);
  const shown = all.slice(0, NAMED_MAX).join(", ");
  return all.length > NAMED_MAX ? `${shown}, …` : shown;
}

const NAMED_MAX = 20;

function side(given: unknown): string {
  if (given === null) return "nothing further";
  const { type, about, wit, fields } = asObject(given, "side");
  const parts = [type, about, typeof wit === "string" ? `(${wit})` : "", inOrder(fields)];
  return printable(parts.filter((part) => part !== "").join(" "));
}

/** The fields of both sides in one order, so that they can be compared by eye. */
function inOrder(fields: unknown): string {
  const sorted = Object.entries(asObject(fields, "fields")).toSorted(([a], [b]) =>
    a < b ? -1 : 1,
  );
  return JSON.stringify(Object.fromEntries(sorted));
}
