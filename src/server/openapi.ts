// The OpenAPI 3.1 document, made from the tables of routes and from nothing else.

import { z } from "zod";
import type { ErrorCode } from "../lib/errors.ts";
import { isList } from "./input.ts";
import { IDEMPOTENCY_KEY_CHARS_MAX } from "./limits.ts";
import { PROBLEM_KINDS } from "./problem.ts";
import { PATH_PARAMETERS, pathParameters } from "./route.ts";
import type { Body, Route, Success } from "./route.ts";
import * as schemas from "./schemas.ts";

type Json = Record<string, unknown>;

/** Schemas under a name of their own; every other one stands where it is used. */
const NAMED: Readonly<Record<string, z.ZodType>> = {
  Actor: schemas.actorSummary,
  ActorPage: schemas.actorPage,
  ChainEvent: schemas.chainEvent,
  ChainPage: schemas.chainPage,
  Component: schemas.component,
  EventRef: schemas.eventRef,
  Problem: schemas.problemBody,
  Report: schemas.report,
  StartActor: schemas.startBody,
  TreeNode: schemas.treeNode,
};

export function openApiDocument(routes: readonly Route[]): Json {
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    (paths[templateOf(route.path)] ??= {})[route.method.toLowerCase()] = operation(route);
  }
  Object.assign(paths, sitePaths());
  return {
    openapi: "3.1.0",
    info: {
      title: "Theater",
      version: "1",
      description: "WebAssembly actors whose whole history can be proved.",
    },
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: { token: { type: "http", scheme: "bearer" } },
      schemas: Object.fromEntries(Object.entries(NAMED).map(named)),
      responses: mapValues(PROBLEM_KINDS, ({ status, title }) => ({
        description: `${status}: ${title}.`,
        content: problemContent,
      })),
    },
  };
}

const SITE_METHODS = ["get", "put", "post", "delete", "options", "head", "patch"];

/** The actors' own routes: every path and method, and answers that only the actor knows. */
function sitePaths(): Record<string, Json> {
  const parameter = (name: string, description: string): Json => ({
    name,
    in: "path",
    required: true,
    description,
    schema: { type: "string" },
  });
  const path = parameter("path", "The actor's own path, as it stands in the URL.");
  const answers = {
    default: {
      description:
        "Whatever the actor answers; or, where it was not asked, a problem of the components.",
      headers: { "Theater-Event": eventHeader },
    },
  };
  const item = (summary: string, more: Json): Json =>
    Object.fromEntries(
      SITE_METHODS.map((each) => [each, { summary, ...more, responses: answers }]),
    );
  const id = parameter("id", PATH_PARAMETERS.id.description);
  const name = parameter("name", "A public name, as a manifest claims it.");
  const open = { security: [{ token: [] }, {}] };
  return {
    "/v1/actors/{id}/http/{path}": item("Ask an actor's own routes", { parameters: [id, path] }),
    "/a/{name}/{path}": item("Ask the own routes of the actor with this public name", {
      parameters: [name, path],
      ...open,
    }),
  };
}

/** A router's path as OpenAPI writes it: `/v1/actors/:id` → `/v1/actors/{id}`. */
export function templateOf(path: string): string {
  return path.replace(/:([a-z]+)(?:\{[^}]*\})?/g, "{$1}");
}

function operation(route: Route): Json {
  return {
    summary: route.summary,
    ...(route.open ? { security: [] } : {}),
    parameters: parameters(route),
    ...(route.body ? { requestBody: requestBody(route.body) } : {}),
    responses: { ...successes(route.success), ...problems(route) },
  };
}

function parameters(route: Route): Json[] {
  const path = pathParameters(route.path).map((name) => ({
    name,
    in: "path",
    required: true,
    description: PATH_PARAMETERS[name].description,
    schema: { type: name === "seq" ? "integer" : "string" },
  }));
  const query = Object.entries(route.query?.shape ?? {}).map(([name, schema]) => ({
    name,
    in: "query",
    required: false,
    ...(isList(schema) ? { style: "form", explode: true } : {}),
    schema: schemaOf(schema as z.ZodType, "output"),
  }));
  const key = {
    name: "Idempotency-Key",
    in: "header",
    required: false,
    description: "The same key with the same body has the same answer, and happens once.",
    schema: { type: "string", minLength: 1, maxLength: IDEMPOTENCY_KEY_CHARS_MAX },
  };
  return [...path, ...query, ...(route.idempotent ? [key] : [])];
}

function requestBody({ description, mediaType, bytesMax, schema, optional }: Body): Json {
  return {
    description: `${description} At most ${bytesMax} bytes.`,
    required: optional !== true,
    content: { [mediaType]: schema ? { schema: refTo(schema) } : {} },
  };
}

function successes(success: readonly Success[]): Json {
  const entries = success.map(({ status, description, content, event }) => [
    String(status),
    {
      description,
      ...(event ? { headers: { "Theater-Event": eventHeader } } : {}),
      ...(content
        ? { content: mapValues(content, (schema) => (schema ? { schema: refTo(schema) } : {})) }
        : {}),
    },
  ]);
  return Object.fromEntries(entries) as Json;
}

const eventHeader = {
  description: "`<seq>:<cid>`: where the chain records what was answered.",
  schema: { type: "string", pattern: "^[0-9]+:b[a-z2-7]{58}$" },
};

/** All codes that a route can answer with, what it lists and what follows from what it takes. */
export function codesOf(route: Route): ErrorCode[] {
  const codes: ErrorCode[] = [...route.refusals, "internal"];
  if (!route.open) codes.push("unauthorized", "not-configured");
  if (pathParameters(route.path).length > 0) codes.push("not-found");
  if (route.query || route.body?.schema || route.idempotent) codes.push("bad-request");
  if (route.body) codes.push("too-large");
  return [...new Set(codes)];
}

function problems(route: Route): Json {
  const byStatus = Map.groupBy(codesOf(route), (code) => String(PROBLEM_KINDS[code].status));
  const entries = [...byStatus].map(([status, codes]) => [
    status,
    {
      description: codes.map((code) => `\`${code}\`: ${PROBLEM_KINDS[code].title}.`).join(" "),
      content: problemContent,
    },
  ]);
  return Object.fromEntries(entries) as Json;
}

const problemContent = {
  "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
};

function refTo(schema: z.ZodType): Json {
  const name = Object.keys(NAMED).find((candidate) => NAMED[candidate] === schema);
  return name === undefined ? schemaOf(schema) : { $ref: `#/components/schemas/${name}` };
}

/** A schema that holds itself does so by its name. */
function named([name, schema]: [string, z.ZodType]): [string, Json] {
  const text = JSON.stringify(schemaOf(schema));
  const own = JSON.stringify({ $ref: `#/components/schemas/${name}` }).slice(1, -1);
  return [name, JSON.parse(text.replaceAll('"$ref":"#"', own)) as Json];
}

/** "output" is for text that becomes a number; else it would also promise that no key is ever added. */
function schemaOf(schema: z.ZodType, io: "input" | "output" = "input"): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io });
  return rest;
}

function mapValues<X, Y>(record: Readonly<Record<string, X>>, map: (x: X) => Y): Record<string, Y> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}
