// `theater replay --tree`: has an actor and all below it replayed together, part by part, and shows for each whether
// its turns agree, and where what one says of another does not fit.

import { actorPath } from "./actors.ts";
import { askJson, asList, asObject, asText, type JsonObject } from "./client.ts";
import type { Context } from "./context.ts";
import { printable } from "./output.ts";
import { describe as describeActor } from "./replay-report.ts";
import { DIFFERENCE, VERIFIED } from "./verify-report.ts";

/** As many as one part names. */
const MISMATCHES_MAX = 100;
/** Of the fields of an event, for people; `--json` has all. */
const FIELDS_CHARS_MAX = 400;

/** The worst counts. */
const VERDICTS = ["verified", "mismatched", "diverged", "broken"];

const worse = (a: unknown, b: unknown): string =>
  VERDICTS[Math.max(VERDICTS.indexOf(String(a)), VERDICTS.indexOf(String(b)))] ?? "broken";

/** The exit code: 3 where anything does not agree. */
export async function replayTree({ connection, output }: Context, id: string): Promise<number> {
  let whole: JsonObject | undefined;
  for (let cursor: string | null = null; ;) {
    const headers = { "content-type": "application/json" };
    const sent = cursor === null ? {} : { body: JSON.stringify({ cursor }), headers };
    const path = `${actorPath(id)}/chain/replay?tree=true`;
    const part: JsonObject = await askJson(connection, "POST", path, sent);
    whole = whole === undefined ? part : joined(whole, part);
    if (typeof part["next"] !== "string") break;
    cursor = part["next"];
    const { links, actors } = whole;
    const matched = Number(asObject(links, "links")["matched"]);
    output.note(`${sumOf(asList(actors, "actors"))} turns agree, ${matched} links match so far`);
  }
  const told = whole;
  output.show(told, () => describe(told));
  return told["verdict"] === "verified" ? VERIFIED : DIFFERENCE;
}

/** What two parts, one after the other, say together. */
function joined(before: JsonObject, part: JsonObject): JsonObject {
  const actors = new Map(
    asList(before["actors"], "actors").map((each) => [asObject(each, "actor")["actor"], each]),
  );
  for (const each of asList(part["actors"], "actors")) {
    const actor = asObject(each, "actor");
    const known = actors.get(actor["actor"]);
    actors.set(
      actor["actor"],
      known === undefined ? actor : joinedActor(asObject(known, "actor"), actor),
    );
  }
  const links = { ...added(before["links"], part["links"]) };
  const mismatches = [before, part].flatMap((one) => asList(one["mismatches"], "mismatches"));
  return {
    ...part,
    verdict: worse(before["verdict"], part["verdict"]),
    actors: [...actors.values()],
    links: { ...links, pending: asObject(part["links"], "links")["pending"] },
    mismatches: mismatches.slice(0, MISMATCHES_MAX),
  };
}

function joinedActor(before: JsonObject, part: JsonObject): JsonObject {
  const [chain, later] = [asObject(before["chain"], "chain"), asObject(part["chain"], "chain")];
  return {
    ...part,
    verdict: worse(before["verdict"], part["verdict"]),
    turns: added(before["turns"], part["turns"]),
    erasedTurns: [before, part].flatMap((one) => asList(one["erasedTurns"], "erasedTurns")),
    difference: before["difference"] ?? part["difference"],
    chain: { ...later, firstBad: chain["firstBad"] ?? later["firstBad"] },
  };
}

function added(one: unknown, other: unknown): JsonObject {
  const sums: Record<string, number> = {};
  for (const counts of [asObject(one, "counts"), asObject(other, "counts")]) {
    for (const [name, count] of Object.entries(counts)) {
      sums[name] = (sums[name] ?? 0) + Number(count);
    }
  }
  return sums;
}

function sumOf(actors: readonly unknown[]): number {
  const agreed = (each: unknown): number =>
    Number(asObject(asObject(each, "actor")["turns"], "turns")["agreed"]);
  return actors.reduce((sum: number, each) => sum + agreed(each), 0);
}

function describe(report: JsonObject): string {
  const actors = asList(report["actors"], "actors");
  const links = asObject(report["links"], "links");
  const mismatches = asList(report["mismatches"], "mismatches");
  const others = ["outside", "erased", "unchecked", "pending"].filter((name) => links[name] !== 0);
  const counts = [
    `${actors.length} actors`,
    `${sumOf(actors)} turns agree`,
    `${Number(links["matched"])} links match`,
    ...others.map((name) => `${Number(links[name])} ${OTHERS[name] ?? name}`),
  ];
  const rows = actors.map((each) => {
    const actor = asObject(each, "actor");
    return `  ${printable(asText(actor["actor"], "actor"))}  ${describeActor(actor)}`;
  });
  return [
    `${printable(String(report["verdict"]))}: ${counts.join(", ")}`,
    ...rows,
    ...mismatches.slice(0, 1).map(describeMismatch),
    ...(mismatches.length > 1 ? [`and ${mismatches.length - 1} more, with --json`] : []),
    ...(report["more"] === true
      ? ["there are more actors than one replay takes: replay the rest"]
      : []),
  ].join("\n");
}

const OTHERS: Readonly<Record<string, string>> = {
  outside: "lead out of the tree",
  erased: "cannot be compared, something was erased",
  unchecked: "cannot be compared, the other chain is not there yet or wrong",
  pending: "on their way",
};

function describeMismatch(given: unknown): string {
  const { kind, actor, seq, rule, found, other } = asObject(given, "mismatch");
  const there = asObject(other, "other");
  return [
    `${printable(String(kind))}: event ${Number(seq)} of ${printable(String(actor))} is contradicted`,
    `  ${printable(String(rule))}`,
    `  here   ${said(found)}`,
    `  there  ${printable(String(there["actor"]))} ${there["seq"] === null ? "" : `event ${Number(there["seq"])}: `}${said(there["said"])}`,
  ].join("\n");
}

function said(given: unknown): string {
  if (given === null) return "nothing";
  const { type, about, fields } = asObject(given, "event");
  const text = JSON.stringify(fields);
  const shown = text.length > FIELDS_CHARS_MAX ? `${text.slice(0, FIELDS_CHARS_MAX)}…` : text;
  return printable([type, about, shown].filter((part) => part !== "").join(" "));
}
