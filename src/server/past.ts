// Routes into an actor's past: its state, now or after an event, and where a turn stands in the chain.

import { z } from "zod";
import { parseDigest } from "../chain/cid.ts";
import { REVERT_TURNS_MAX, type RevertInput } from "../runtime/protocol.ts";
import { START_REFUSALS } from "./actors.ts";
import { idempotencyKey, readJson, readQuery, wholeNumber } from "./input.ts";
import { FORK_BODY_BYTES_MAX, REVERT_BODY_BYTES_MAX } from "./limits.ts";
import { eventHeader, respond } from "./problem.ts";
import { json, RAW } from "./route.ts";
import type { Route } from "./route.ts";
import { forked, reason, reverted, turnPlace } from "./schemas.ts";

const stateQuery = z.object({
  at: wholeNumber(0, Number.MAX_SAFE_INTEGER)
    .optional()
    .describe("The state after this event; by default the present one."),
});

const state: Route = {
  method: "GET",
  path: "/v1/actors/:id/state",
  summary: "Download an actor's state, of now or of then",
  query: stateQuery,
  success: [
    {
      status: 200,
      description: "The state, as the guest returned it; with `at`, `Theater-Event` recorded it.",
      content: RAW,
    },
    { status: 204, description: "The actor has, or had, no state." },
  ],
  refusals: ["unavailable", "outcome-unknown", "content-corrupt", "host-failure", "erased"],
  async serve(call) {
    const { actors, param } = call;
    const { at } = readQuery(call, stateQuery);
    if (at === undefined) return respond(await actors.state(param("id")), (now) => raw(now, {}));
    return respond(await actors.stateAt(param("id"), at), ({ state: then, event }) =>
      raw(then, event === null ? {} : eventHeader(event)),
    );
  },
};

function raw(bytes: Uint8Array | null, headers: Record<string, string>): Response {
  if (bytes === null) return new Response(null, { status: 204, headers });
  const type = { "content-type": "application/octet-stream" };
  return new Response(bytes, { headers: { ...type, ...headers } });
}

const turn: Route = {
  method: "GET",
  path: "/v1/actors/:id/turns/:turn",
  summary: "Find a turn in the chain, by its number",
  success: [{ status: 200, description: "Its events.", content: json(turnPlace) }],
  refusals: ["unavailable", "outcome-unknown", "chain-broken"],
  serve: async ({ actors, param }) =>
    respond(await actors.turn(param("id"), Number(param("turn"))), (place) => Response.json(place)),
};

const revertBody = z.union([
  z.strictObject({ turns: z.int().min(1).max(REVERT_TURNS_MAX), reason }),
  z.strictObject({ to: z.int().min(0), reason }),
]);

const revert: Route = {
  method: "POST",
  path: "/v1/actors/:id/revert",
  idempotent: true,
  summary: "Give an actor an earlier state again",
  body: {
    description:
      "How many turns to undo, or the event after which the actor had the wanted state; and why.",
    mediaType: "application/json",
    bytesMax: REVERT_BODY_BYTES_MAX,
    schema: revertBody,
  },
  success: [
    {
      status: 200,
      description: "Done, as an event. What the turns sent stays sent.",
      content: json(reverted),
      event: true,
    },
  ],
  refusals: [
    "wrong-state",
    "erased",
    "busy",
    "key-reused",
    "chain-fork",
    "host-failure",
    "content-corrupt",
    "unavailable",
    "outcome-unknown",
  ],
  async serve(call) {
    const limit = { name: "body", bytesMax: REVERT_BODY_BYTES_MAX };
    const body = await readJson(call, revertBody, limit);
    const key = idempotencyKey(call)?.key ?? null;
    const common = { reason: body.reason, principal: call.principal, key };
    const input: RevertInput =
      "turns" in body
        ? { ...common, turns: body.turns, to: null }
        : { ...common, turns: null, to: body.to };
    return respond(await call.actors.revert(call.param("id"), input), (done) =>
      Response.json(done, { headers: eventHeader(done.event) }),
    );
  },
};

const forkBody = z.strictObject({
  at: z.int().min(0).describe("The event after which the fork goes on: between two turns."),
  component: z
    .string()
    .refine((text) => parseDigest(text) !== undefined, "expected `sha256:` and 64 hex digits")
    .nullish()
    .describe("Another component than the one that ran then."),
  name: z.string().nullish().describe("Another name than the origin's."),
});

const fork: Route = {
  method: "POST",
  path: "/v1/actors/:id/chain/fork",
  idempotent: true,
  summary: "Start an actor that goes on from an event of another one's chain",
  body: {
    description: "From where, and with what.",
    mediaType: "application/json",
    bytesMax: FORK_BODY_BYTES_MAX,
    schema: forkBody,
  },
  success: [
    {
      status: 201,
      description: "Started. `Theater-Event` records the state with which it begins.",
      content: json(forked),
      event: true,
    },
  ],
  refusals: [...START_REFUSALS, "erased", "chain-fork", "chain-broken", "host-failure"],
  async serve(call) {
    const idempotency = idempotencyKey(call);
    const limit = { name: "body", bytesMax: FORK_BODY_BYTES_MAX };
    const { at, component, name } = await readJson(call, forkBody, limit);
    const input = {
      at,
      component: component ?? null,
      name: name ?? null,
      ...(idempotency === undefined ? {} : { idempotency }),
    };
    return respond(await call.actors.fork(call.param("id"), input), (actor) =>
      Response.json(actor, {
        status: 201,
        headers: { location: `/v1/actors/${actor.id}`, ...eventHeader(actor.head) },
      }),
    );
  },
};

export const pastRoutes: readonly Route[] = [state, turn, revert, fork];
