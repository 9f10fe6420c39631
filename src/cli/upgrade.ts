// `theater upgrade`: another component, manifest or both for an actor that lives. The server rehearses the history
// part by part; this asks until it is through, and shows where it parts if it does.

import { randomUUID } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import { actorPath } from "./actors.ts";
import {
  askJson,
  asObject,
  asText,
  ServerRefusal,
  type Connection,
  type JsonObject,
  type Sent,
} from "./client.ts";
import type { Context } from "./context.ts";
import { manifestAt } from "./lineage.ts";
import { readVariables } from "./manifest-file.ts";
import { ManifestUpload } from "./manifest-upload.ts";
import { printable } from "./output.ts";
import { describeDifference } from "./replay-report.ts";
import { DIFFERENCE, VERIFIED } from "./verify-report.ts";

export interface UpgradeOptions {
  /** A file, or a reference. */
  component?: string;
  /** A file. */
  manifest?: string;
  variables?: string;
  rollback?: true;
  accept?: string;
  from?: number;
  since?: number;
  key?: string;
}

/** The exit code: 3 where the new version would have done something else. */
export async function upgrade(
  context: Context,
  id: string,
  options: UpgradeOptions,
): Promise<number> {
  const { connection, output } = context;
  const body = JSON.stringify(await bodyOf(context, options));
  // One key for all parts: an answer that is lost on the way is asked for again, and nothing happens twice.
  const key = options.key ?? randomUUID();
  const headers = { "content-type": "application/json", "idempotency-key": key };
  try {
    for (;;) {
      const report = await asked(connection, `${actorPath(id)}/upgrade`, { body, headers });
      if (report["status"] === "upgraded") {
        output.show(report, () => describe(report));
        return VERIFIED;
      }
      const { to, turns } = asObject(report["rehearsal"], "rehearsal");
      const agreed = Number(asObject(turns, "turns")["agreed"]);
      output.note(
        `${agreed} turns agree so far, up to event ${Number(to)} of ${Number(report["head"])}`,
      );
    }
  } catch (thrown) {
    if (!(thrown instanceof ServerRefusal) || thrown.code !== "rehearsal-differs") throw thrown;
    const evidence = asObject(thrown.evidence, "evidence");
    const refused = { actor: id, status: "refused", event: null, ...evidence };
    output.show(refused, () =>
      [
        `refused: ${counted(refused)}`,
        describeDifference(evidence["difference"]),
        "the version before stays in force; --accept <reason> upgrades all the same",
      ].join("\n"),
    );
    return DIFFERENCE;
  }
}

/** An answer that was lost, or that says "not now", is asked for again: the key makes it the same upgrade. */
async function asked(connection: Connection, path: string, sent: Sent): Promise<JsonObject> {
  for (let tried = 1; ; tried++) {
    try {
      return await askJson(connection, "POST", path, sent);
    } catch (thrown) {
      const isAgain = thrown instanceof ServerRefusal && AGAIN.has(thrown.code);
      if (!isAgain || tried === TRIES_MAX) throw thrown;
      await setTimeout(AGAIN_MS);
    }
  }
}

const AGAIN: ReadonlySet<string> = new Set(["outcome-unknown", "unavailable", "busy"]);
const AGAIN_MS = 500;
const TRIES_MAX = 5;

async function bodyOf(
  context: Context,
  { component, manifest, variables, rollback, accept, from, since }: UpgradeOptions,
): Promise<Record<string, unknown>> {
  const upload = new ManifestUpload(context);
  const resolved =
    manifest === undefined ? undefined : await upload.resolved(await manifestAt(manifest));
  return {
    ...(component === undefined ? {} : { component: await upload.component(component) }),
    ...(resolved === undefined ? {} : { manifest: resolved.text }),
    ...(variables === undefined ? {} : { variables: await readVariables(variables) }),
    ...(rollback === undefined ? {} : { rollback }),
    ...(accept === undefined ? {} : { accept }),
    ...(from === undefined ? {} : { from }),
    ...(since === undefined ? {} : { since: String(since) }),
  };
}

function describe(report: JsonObject): string {
  const { seq } = asObject(report["event"], "event");
  const accepted = report["accepted"] === null ? null : asObject(report["accepted"], "accepted");
  return [
    `upgraded at event ${Number(seq)} to ${printable(asText(report["component"], "component"))}`,
    counted(report),
    ...(accepted === null
      ? []
      : [
          `it differs from event ${Number(accepted["seq"])} on, accepted: ${printable(String(accepted["reason"]))}`,
        ]),
  ].join("\n");
}

function counted(report: JsonObject): string {
  const { from, to, turns } = asObject(report["rehearsal"], "rehearsal");
  const { agreed, cut, erased } = asObject(turns, "turns");
  if (Number(to) < Number(from)) return "there was nothing to compare";
  return [
    `${Number(agreed)} turns agree`,
    ...(cut === 0 ? [] : [`${Number(cut)} were cut off and agree up to there`]),
    ...(erased === 0 ? [] : [`${Number(erased)} were not run, what they need was erased`]),
    `events ${Number(from)} to ${Number(to)}`,
  ].join(", ");
}
