// Routes of signed evidence: checkpoints, receipts, consistency proofs and tiles. The formats are public
// (C2SP tlog-checkpoint, tlog-proof, tlog-tiles), so the answers are for any tool that reads those.

import { z } from "zod";
import { entryBundle, parseTilePath } from "../chain/tiles.ts";
import { TheaterError } from "../lib/errors.ts";
import type { ChainEntry } from "../runtime/protocol.ts";
import { readQuery, wholeNumber } from "./input.ts";
import { problem, respond, valueOf } from "./problem.ts";
import { json, RAW } from "./route.ts";
import type { Call, Route } from "./route.ts";

const TEXT = "text/plain; charset=utf-8";
const text = { "text/plain": null };
const refusals = ["unsupported", "unavailable", "outcome-unknown", "chain-fork"] as const;

const checkpoint: Route = {
  method: "GET",
  path: "/v1/actors/:id/chain/checkpoint",
  summary: "Sign what the ledger holds",
  success: [{ status: 200, description: "A C2SP checkpoint: a signed note.", content: text }],
  refusals,
  serve: async ({ actors, param }) =>
    respond(
      await actors.checkpoint(param("id")),
      (note) => new Response(note, { headers: { "content-type": TEXT } }),
    ),
};

const size = wholeNumber(0, Number.MAX_SAFE_INTEGER);
const proofQuery = z.object({
  seq: size.optional().describe("Prove that this event is in the signed chain."),
  from: size
    .optional()
    .describe("With `to`: prove that the tree of `to` events begins with that of `from`."),
  to: size.optional(),
});
const consistency = z.object({
  from: z.int(),
  to: z.int(),
  hashes: z.array(z.base64()).describe("32 bytes each, in the order of RFC 9162."),
});

const proof: Route = {
  method: "GET",
  path: "/v1/actors/:id/chain/proof",
  summary: "Prove an event, or that a chain only grew",
  query: proofQuery,
  success: [
    {
      status: 200,
      description:
        "For `seq` a receipt (C2SP tlog-proof); for `from` and `to` a consistency proof.",
      content: { ...text, ...json(consistency) },
    },
  ],
  refusals,
  async serve(call) {
    const { seq, from, to } = readQuery(call, proofQuery);
    const { actors, param } = call;
    if (seq !== undefined && from === undefined && to === undefined) {
      return respond(
        await actors.receipt(param("id"), seq),
        (receipt) => new Response(receipt, { headers: { "content-type": TEXT } }),
      );
    }
    if (seq === undefined && from !== undefined && to !== undefined) {
      return respond(await actors.consistency(param("id"), from, to), (given) =>
        Response.json(given),
      );
    }
    throw new TheaterError("bad-request", "Ask with `seq`, or with `from` and `to`.");
  },
};

const tile: Route = {
  method: "GET",
  path: "/v1/actors/:id/chain/tile/:tile{.+}",
  summary: "Read a tile of the Merkle tree",
  success: [
    {
      status: 200,
      description: "Hashes, or for `entries` the events: C2SP tlog-tiles.",
      content: RAW,
    },
  ],
  refusals,
  async serve(call) {
    const { actors, param } = call;
    const place = parseTilePath(param("tile"));
    if (place === undefined) {
      return problem({ code: "not-found", message: "No tile has this path: see C2SP tlog-tiles." });
    }
    const { level, index, width } = place;
    if (level === "entries") return await entries(call, index * TILE_WIDTH, width);
    return respond(await actors.tile(param("id"), { level, index, width }), bytes);
  },
};

const TILE_WIDTH = 256;

/** The events of a level 0 tile. At most 256 of 512 bytes. */
async function entries({ actors, param }: Call, first: number, count: number): Promise<Response> {
  const found: ChainEntry[] = [];
  const last = first + count - 1;
  let from: number | null = first;
  while (from !== null && from <= last) {
    const query = { from, to: last, types: [], limit: count - found.length };
    const page: { entries: ChainEntry[]; next: number | null } = valueOf(
      await actors.chain(param("id"), query),
    );
    found.push(...page.entries);
    from = page.next;
  }
  if (found.length < count) {
    return problem({ code: "not-found", message: "The chain is not that long yet." });
  }
  return bytes(entryBundle(found.map(({ block }) => block)));
}

function bytes(content: Uint8Array): Response {
  return new Response(content, { headers: { "content-type": "application/octet-stream" } });
}

export const proofRoutes: readonly Route[] = [checkpoint, proof, tile];
