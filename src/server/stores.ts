// Routes of content: by CID across all stores, and by label within one.

import { z } from "zod";
import { CONTENT_BYTES_MAX, LABEL_BODY_BYTES_MAX, NAME_CHARS_MAX } from "./limits.ts";
import { readBody, readJson, readQuery } from "./input.ts";
import { problem, respond } from "./problem.ts";
import { RAW, json } from "./route.ts";
import type { Route } from "./route.ts";
import { labelBody, labels, stored } from "./schemas.ts";

const octets = { "content-type": "application/octet-stream" };

const content: Route = {
  method: "GET",
  path: "/v1/content/:cid",
  summary: "Download a block or a content by its CID",
  success: [{ status: 200, description: "Bytes that have this CID.", content: RAW }],
  refusals: ["unavailable", "content-corrupt"],
  serve: async ({ actors, param }) =>
    respond(
      await actors.content(param("cid")),
      (bytes) => new Response(bytes, { headers: octets }),
    ),
};

const putQuery = z.object({
  label: z
    .string()
    .min(1)
    .max(NAME_CHARS_MAX)
    .optional()
    .describe("Points at the content afterwards."),
});

const put: Route = {
  method: "PUT",
  path: "/v1/stores/:store/content",
  summary: "Store content",
  query: putQuery,
  body: {
    description: "The content.",
    mediaType: "application/octet-stream",
    bytesMax: CONTENT_BYTES_MAX,
  },
  success: [{ status: 201, description: "Stored, or there already.", content: json(stored) }],
  refusals: ["unavailable"],
  async serve(call) {
    const { label } = readQuery(call, putQuery);
    const bytes = await readBody(call.request, { name: "content", bytesMax: CONTENT_BYTES_MAX });
    return respond(
      await call.actors.putContent(call.param("store"), bytes, label ?? null),
      (names) =>
        Response.json(names, { status: 201, headers: { location: `/v1/content/${names.cid}` } }),
    );
  },
};

const list: Route = {
  method: "GET",
  path: "/v1/stores/:store/labels",
  summary: "List a store's labels",
  success: [{ status: 200, description: "The labels.", content: json(labels) }],
  refusals: ["unavailable"],
  serve: async ({ actors, param }) =>
    respond(await actors.labels(param("store")), (names) => Response.json({ labels: names })),
};

const get: Route = {
  method: "GET",
  path: "/v1/stores/:store/labels/:label",
  summary: "Show what a label points at",
  success: [{ status: 200, description: "The content's names.", content: json(stored) }],
  refusals: ["unavailable"],
  serve: async ({ actors, param }) =>
    respond(await actors.label(param("store"), param("label")), (names) =>
      names === null
        ? problem({ code: "not-found", message: "The store has no such label: list its labels." })
        : Response.json(names),
    ),
};

const set: Route = {
  method: "PUT",
  path: "/v1/stores/:store/labels/:label",
  summary: "Point a label at content",
  body: {
    description: "What it points at from now on.",
    mediaType: "application/json",
    bytesMax: LABEL_BODY_BYTES_MAX,
    schema: labelBody,
  },
  success: [{ status: 204, description: "Done." }],
  refusals: ["unavailable"],
  async serve(call) {
    const limit = { name: "label body", bytesMax: LABEL_BODY_BYTES_MAX };
    const { digest } = await readJson(call, labelBody, limit);
    return respond(
      await call.actors.setLabel(call.param("store"), call.param("label"), digest),
      () => new Response(null, { status: 204 }),
    );
  },
};

export const storeRoutes: readonly Route[] = [content, put, list, get, set];
