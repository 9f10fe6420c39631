// Routes of components: upload by bytes, look up by digest. The digest is the name, so putting the same
// bytes again is no change.

import { COMPONENT_BYTES_MAX } from "./limits.ts";
import { readBody } from "./input.ts";
import { respond } from "./problem.ts";
import { json } from "./route.ts";
import type { Route } from "./route.ts";
import { component } from "./schemas.ts";

const upload: Route = {
  method: "PUT",
  path: "/v1/components",
  summary: "Upload a component",
  body: {
    description: "The component's bytes.",
    mediaType: "application/wasm",
    bytesMax: COMPONENT_BYTES_MAX,
  },
  success: [{ status: 201, description: "Stored, or there already.", content: json(component) }],
  refusals: [
    "not-wasm",
    "core-module",
    "truncated-component",
    "bad-component",
    "unknown-import",
    "not-an-actor",
    "transpile-failed",
    "unavailable",
  ],
  async serve({ request, actors }) {
    const bytes = await readBody(request, { name: "component", bytesMax: COMPONENT_BYTES_MAX });
    return respond(await actors.upload(bytes), (summary) =>
      Response.json(summary, {
        status: 201,
        headers: { location: `/v1/components/${summary.component}` },
      }),
    );
  },
};

const inspect: Route = {
  method: "GET",
  path: "/v1/components/:digest",
  summary: "Show what a component imports, exports and lacks",
  success: [{ status: 200, description: "The component.", content: json(component) }],
  refusals: ["unavailable"],
  serve: async ({ actors, param }) =>
    respond(await actors.component(param("digest")), (summary) => Response.json(summary)),
};

const wasm: Route = {
  method: "GET",
  path: "/v1/components/:digest/wasm",
  summary: "Download a component",
  success: [{ status: 200, description: "Its bytes.", content: { "application/wasm": null } }],
  refusals: ["unavailable", "content-corrupt"],
  serve: async ({ actors, param }) =>
    respond(
      await actors.componentWasm(param("digest")),
      (bytes) => new Response(bytes, { headers: { "content-type": "application/wasm" } }),
    ),
};

const wit: Route = {
  method: "GET",
  path: "/v1/components/:digest/wit",
  summary: "Show a component's world",
  success: [{ status: 200, description: "WIT text.", content: { "text/plain": null } }],
  refusals: ["unavailable"],
  serve: async ({ actors, param }) =>
    respond(await actors.componentWit(param("digest")), (text) => new Response(text)),
};

export const componentRoutes: readonly Route[] = [upload, inspect, wasm, wit];
