// The route that upgrades an actor. Rule: only an actor that runs the new version is answered 200; one whose
// rehearsal is not through yet 202, and one whose history would be another 409, with both sides.

import { z } from "zod";
import { fromUtf8 } from "../lib/bytes.ts";
import { checkedManifest, START_REFUSALS } from "./actors.ts";
import { idempotencyKey, moment, readJson } from "./input.ts";
import { MANIFEST_BYTES_MAX, REFERENCE_CHARS_MAX, UPGRADE_BODY_BYTES_MAX } from "./limits.ts";
import { eventHeader, respond } from "./problem.ts";
import { json, type Route } from "./route.ts";
import { reason, upgradeReport } from "./schemas.ts";

const upgradeBody = z
  .strictObject({
    component: z
      .string()
      .min(1)
      .max(REFERENCE_CHARS_MAX)
      .nullish()
      .describe("`sha256:…`, `store://…` or `https://…`; the manifest's by default."),
    manifest: z
      .union(
        [z.string(), z.record(z.string(), z.unknown())],
        `expected TOML text or an object, at most ${MANIFEST_BYTES_MAX} bytes`,
      )
      .nullish()
      .describe("What it may do from then on; by default the manifest in force, worked out anew."),
    variables: z
      .record(z.string(), z.unknown())
      .nullish()
      .describe("What `{{…}}` in the manifest names."),
    rollback: z
      .boolean()
      .nullish()
      .describe("Back to the version before the one in force; instead of component and manifest."),
    accept: reason
      .nullish()
      .describe("Why a version is wanted that would have done something else. Recorded for ever."),
    from: z.int().min(0).nullish().describe("The first event to rehearse."),
    since: moment().nullish().describe("Rehearses what is not before this time."),
  })
  .refine(
    ({ rollback, component, manifest }) =>
      (rollback === true) !== (component != null || manifest != null),
    "expected component, manifest or both, or rollback alone",
  );

const upgrade: Route = {
  method: "POST",
  path: "/v1/actors/:id/upgrade",
  idempotent: true,
  summary: "Rehearse another version with an actor's history, and put it in force",
  body: {
    description: "What is to run, and what a rehearsal has to hold.",
    mediaType: "application/json",
    bytesMax: UPGRADE_BODY_BYTES_MAX,
    schema: upgradeBody,
  },
  success: [
    {
      status: 200,
      description: "In force, now or before under the same key.",
      content: json(upgradeReport),
      event: true,
    },
    {
      status: 202,
      description: "The rehearsal is not through: send the same again to go on with it.",
      content: json(upgradeReport),
    },
  ],
  refusals: [
    ...START_REFUSALS,
    "rehearsal-differs",
    "plugin-failed",
    "unsupported",
    "erased",
    "host-failure",
    "chain-broken",
    "chain-gap",
    "chain-fork",
  ],
  async serve(call) {
    const limit = { name: "body", bytesMax: UPGRADE_BODY_BYTES_MAX };
    const given = await readJson(call, upgradeBody, limit);
    const { component, manifest, variables, rollback, accept, from, since } = given;
    const asked = {
      component: component ?? null,
      manifest: manifest == null ? null : checkedManifest(manifest),
      variables: variables == null ? {} : checkedManifest(variables),
      rollback: rollback ?? false,
      accept: accept ?? null,
      from: from ?? null,
      since: since ?? null,
      principal: call.principal,
      key: idempotencyKey(call)?.key ?? null,
      body: fromUtf8(JSON.stringify(given)),
    };
    return respond(await call.actors.upgrade(call.param("id"), asked), (report) =>
      report.event === null
        ? Response.json(report, { status: 202 })
        : Response.json(report, { headers: eventHeader(report.event) }),
    );
  },
};

export const upgradeRoutes: readonly Route[] = [upgrade];
