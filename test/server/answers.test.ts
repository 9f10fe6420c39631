// Goal: the document says what is true. Method: one real request per route, held against it.

import { expect, test } from "vitest";
import type { z } from "zod";
import { routes } from "../../src/server/app.ts";
import { codesOf, templateOf } from "../../src/server/openapi.ts";
import { PROBLEM_KINDS, problemType } from "../../src/server/problem.ts";
import type { ErrorCode } from "../../src/lib/errors.ts";
import { exampleOf, frontDoor } from "./front-door.ts";
import { ID, refAt } from "./memory-actors.ts";

interface Document {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
}

interface Operation {
  parameters: { name: string; in: string; required: boolean; schema: Record<string, unknown> }[];
  responses: Record<
    string,
    { headers?: Record<string, unknown>; content?: Record<string, unknown> }
  >;
}

async function readDocument(): Promise<Document> {
  return (await frontDoor().ask("/v1/openapi.json")).json();
}

test("every route is in the document, and everything in the document is a route", async () => {
  const { openapi, paths } = await readDocument();
  const own = Object.entries(paths).filter(([path]) => !path.endsWith("/{path}"));
  expect(own.length).toBe(Object.keys(paths).length - 2); // the actors' own routes
  const documented = own.flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const routed = frontDoor()
    .app.routes.filter(({ method }) => method !== "ALL")
    .map(({ method, path }) => `${method} ${templateOf(path)}`);
  expect(openapi).toBe("3.1.0");
  expect(documented.toSorted()).toEqual(routed.toSorted());
  expect(new Set(routed).size).toBe(routed.length);
});

test.each(routes.map((route) => [`${route.method} ${route.path}`, route] as const))(
  "%s answers as the document says",
  async (_, route) => {
    const response = await frontDoor().ask(...exampleOf(route));
    const { paths } = await readDocument();
    const operation = paths[templateOf(route.path)]?.[route.method.toLowerCase()];
    const documented = operation?.responses[response.status];
    expect(documented).toBeDefined();
    const mediaType = response.headers.get("content-type")?.split(";")[0];
    expect(Object.keys(documented?.content ?? { none: {} })).toContain(mediaType ?? "none");
    expect(response.headers.has("theater-event")).toBe(documented?.headers !== undefined);
    const success = route.success.find(({ status }) => status === response.status);
    const schema: z.ZodType | null = success?.content?.["application/json"] ?? null;
    if (mediaType !== "application/json") return;
    expect(schema?.safeParse(await response.json()).error).toBeUndefined();
  },
);

test("every reference in the document and every problem's type leads somewhere in it", async () => {
  const document = await readDocument();
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#([^"]+)"/g)].map(
    ([, at]) => at,
  );
  const types = Object.keys(PROBLEM_KINDS).map(
    (code) => problemType(code as ErrorCode).split("#")[1],
  );
  expect(references.length).toBeGreaterThan(10);
  expect(JSON.stringify(document)).not.toContain('"$ref":"#"');
  for (const pointer of [...references, ...types]) {
    const target = pointer
      ?.split("/")
      .slice(1)
      .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], document);
    expect([pointer, typeof target]).toEqual([pointer, "object"]);
  }
});

test("parameters are documented with their limits", async () => {
  const { paths } = await readDocument();
  const parameters = paths["/v1/actors/{id}/chain"]?.["get"]?.parameters ?? [];
  expect(parameters.map(({ name }) => name)).toEqual([
    "id",
    "from",
    "to",
    "type",
    "about",
    "since",
    "until",
    "limit",
    "include",
    "cursor",
  ]);
  expect(parameters.find(({ name }) => name === "limit")).toMatchObject({
    in: "query",
    required: false,
    schema: { type: "integer", minimum: 1, maximum: 1000 },
  });
  const keyed = Object.entries(paths).filter(([, { post }]) =>
    post?.parameters.some(({ name }) => name === "Idempotency-Key"),
  );
  expect(keyed.map(([path]) => path)).toEqual([
    "/v1/actors",
    "/v1/actors/{id}/revert",
    "/v1/actors/{id}/chain/fork",
    "/v1/actors/{id}/upgrade",
    "/v1/actors/{id}/send",
    "/v1/actors/{id}/request",
  ]);
});

test("a route documents the codes that follow from what it takes", () => {
  const request = routes.find(({ path }) => path === "/v1/actors/:id/request");
  expect(request && codesOf(request)).toEqual(
    expect.arrayContaining([
      "unauthorized",
      "not-configured",
      "not-found",
      "bad-request",
      "too-large",
    ]),
  );
});

test("a reply is passed on byte by byte with its event, an empty one too", async () => {
  const { ask, actors } = frontDoor();
  const ask1 = async (): Promise<Response> =>
    ask(`/v1/actors/${ID}/request`, { method: "POST", body: "x" });
  for (const reply of [Uint8Array.of(0, 255, 10), new Uint8Array()]) {
    actors.reply = reply;
    const response = await ask1();
    expect(response.status).toBe(200);
    expect(response.headers.get("theater-event")).toBe(`4:${refAt(4).cid}`);
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(reply);
  }
});

test("an actor without a state has no content, and health follows its parts", async () => {
  const { ask, actors } = frontDoor();
  actors.stateBytes = null;
  expect((await ask(`/v1/actors/${ID}/state`)).status).toBe(204);
  const parts = { ok: false, ledger: false, content: true, loader: true, bundled: [] };
  actors.health = () => Promise.resolve(parts);
  const response = await ask("/healthz");
  expect(response.status).toBe(503);
  expect(await response.json()).toEqual(parts);
});
