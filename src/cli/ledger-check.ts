// `theater ledger check`: asks the server to compare ledger, archive and journal, of one actor or of all.

import { actorPath } from "./actors.ts";
import { askJson, asList, asObject, type Connection, type JsonObject } from "./client.ts";
import { printable } from "./output.ts";
import type { Context } from "./context.ts";
import { DIFFERENCE, VERIFIED } from "./verify-report.ts";

/** The exit code: 3 where any two places disagree. */
export async function checkLedger(
  { connection, output }: Context,
  id: string | undefined,
): Promise<number> {
  const ids = id === undefined ? allActors(connection) : [id];
  const reports: JsonObject[] = [];
  let isGood = true;
  for await (const each of ids) {
    const report = await askJson(connection, "POST", `${actorPath(each)}/chain/check`);
    isGood &&= asList(report["findings"], "findings").length === 0;
    reports.push(report);
  }
  output.show(reports, () =>
    reports.length === 0 ? "no actors" : reports.map(describe).join("\n"),
  );
  return isGood ? VERIFIED : DIFFERENCE;
}

async function* allActors(connection: Connection): AsyncGenerator<string> {
  for (let cursor: unknown = null; ;) {
    const query = new URLSearchParams({ limit: "1000" });
    if (typeof cursor === "string") query.set("cursor", cursor);
    const page = await askJson(connection, "GET", `/v1/actors?${query.toString()}`);
    for (const actor of asList(page["actors"], "actors")) {
      yield String(asObject(actor, "actor")["id"]);
    }
    cursor = page["cursor"] ?? null;
    if (cursor === null) return;
  }
}

function describe(report: JsonObject): string {
  const findings = asList(report["findings"], "findings").map((each) => asObject(each, "finding"));
  const text = (value: unknown): string => printable(String(value));
  const id = text(report["actor"]);
  if (findings.length === 0) return `${id}: ${text(report["events"])} events agree everywhere`;
  const lines = findings.map(
    ({ seq, where, what }) => `  ${text(seq)} ${text(where)}: ${text(what)}`,
  );
  if (report["more"] === true) lines.push("  … and more");
  return [`${id}: ledger, archive and journal disagree`, ...lines].join("\n");
}
