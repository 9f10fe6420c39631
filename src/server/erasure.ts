// Routes that erase payloads, and the one that reads the raw blocks that payloads link to. Rule: erasing is
// recorded with its reason, and a repetition gets the answer of the first.

import { z } from "zod";
import { ERASED_MAX } from "../runtime/protocol.ts";
import { readJson, readQuery } from "./input.ts";
import { ERASE_BODY_BYTES_MAX } from "./limits.ts";
import { eventHeader, respond } from "./problem.ts";
import { json, RAW } from "./route.ts";
import type { Body, Call, Route, Success } from "./route.ts";
import { erasure, reason } from "./schemas.ts";

const reasonBody = z.strictObject({ reason });
const reasonQuery = z.object({ reason: reason.optional() });
const seqsBody = z.strictObject({
  seqs: z
    .array(z.int().min(0))
    .min(1)
    .max(ERASED_MAX)
    .describe("Positions of the events whose payloads go, all of them or none."),
  reason,
});

const limit = { name: "body", bytesMax: ERASE_BODY_BYTES_MAX };
const bodyOf = (description: string, schema: z.ZodType): Body => ({
  description,
  mediaType: "application/json",
  bytesMax: ERASE_BODY_BYTES_MAX,
  schema,
});

const success: readonly Success[] = [
  {
    status: 200,
    description: "Erased, now or before; the event says so.",
    content: json(erasure),
    event: true,
  },
];
const refusals = ["wrong-state", "unavailable", "outcome-unknown"] as const;

const one: Route = {
  method: "DELETE",
  path: "/v1/actors/:id/chain/:seq{[0-9]+}/payload",
  summary: "Erase the payload of an event",
  query: reasonQuery,
  body: { ...bodyOf("Why, where the query does not say it.", reasonBody), optional: true },
  success,
  refusals,
  async serve(call) {
    const given = readQuery(call, reasonQuery).reason;
    const why = given ?? (await readJson(call, reasonBody, limit)).reason;
    return await erase(call, [Number(call.param("seq"))], why);
  },
};

const several: Route = {
  method: "POST",
  path: "/v1/actors/:id/chain/erase",
  summary: "Erase the payloads of several events",
  body: bodyOf("Which, and why.", seqsBody),
  success,
  refusals,
  async serve(call) {
    const { seqs, reason: why } = await readJson(call, seqsBody, limit);
    return await erase(call, seqs, why);
  },
};

async function erase(call: Call, seqs: number[], why: string): Promise<Response> {
  const input = { seqs, reason: why, by: call.principal };
  return respond(await call.actors.erase(call.param("id"), input), (erased) =>
    Response.json(erased, { headers: eventHeader(erased.event) }),
  );
}

const block: Route = {
  method: "GET",
  path: "/v1/actors/:id/content/:cid",
  summary: "Download a raw block that the actor's payloads link to",
  success: [{ status: 200, description: "Bytes that have this CID.", content: RAW }],
  refusals: ["unavailable", "content-corrupt"],
  serve: async ({ actors, param }) =>
    respond(
      await actors.block(param("id"), param("cid")),
      (bytes) => new Response(bytes, { headers: { "content-type": "application/octet-stream" } }),
    ),
};

export const erasureRoutes: readonly Route[] = [one, several, block];
