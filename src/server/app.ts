// The front door. Rule: closed by default: every path, also one that leads nowhere, asks for a token
// first, unless its entry in the tables says `open`.

import { Hono } from "hono";
import { TheaterError } from "../lib/errors.ts";
import type { Actors } from "../runtime/actors.ts";
import { actorRoutes } from "./actors.ts";
import { authenticate } from "./auth.ts";
import { chainRoutes } from "./chains.ts";
import { channelRoutes } from "./channels.ts";
import { authorizationOf } from "./handshake.ts";
import { erasureRoutes } from "./erasure.ts";
import { followRoutes } from "./follow.ts";
import { pastRoutes } from "./past.ts";
import { proofRoutes } from "./proofs.ts";
import { componentRoutes } from "./components.ts";
import { messageRoutes } from "./messages.ts";
import { openApiDocument } from "./openapi.ts";
import { problem, problemOf, wrongMethod } from "./problem.ts";
import { PATH_PARAMETERS, json, pathParameters } from "./route.ts";
import type { PathParameter, Route } from "./route.ts";
import { health } from "./schemas.ts";
import { siteAddress } from "./site-address.ts";
import { serveSite } from "./sites.ts";
import { storeRoutes } from "./stores.ts";
import { upgradeRoutes } from "./upgrades.ts";

export interface ServerBindings {
  /** Hex of sha256 of a bearer token; several are separated by commas. */
  THEATER_TOKEN_SHA256?: string;
  /** `host=name` or `host=id` of the actor that is served there, separated by blanks. */
  ACTOR_HOSTS?: string;
}

export interface Waiter {
  waitUntil(promise: Promise<unknown>): void;
}

interface ServerEnv<E extends ServerBindings> {
  Bindings: E;
  Variables: { principal: string };
}

/**
 * The server as a Hono app. `actorsOf` is asked once per request. `report` gets each failure that is a
 * bug, whose text the client does not see; it must not throw.
 */
export function createApp<E extends ServerBindings>(
  actorsOf: (env: E, ctx: Waiter) => Actors,
  report: (error: TheaterError) => void,
): Hono<ServerEnv<E>> {
  const app = new Hono<ServerEnv<E>>();
  const openPaths = new Set(routes.filter(({ open }) => open).map(({ path }) => path));
  app.onError((error) => problemOf(error, report));
  app.notFound(() =>
    problem({ code: "not-found", message: "There is no such route: see /v1/openapi.json." }),
  );
  app.use(async (c, next) => {
    const address = siteAddress(new URL(c.req.url), c.env.ACTOR_HOSTS);
    if (address !== undefined) {
      const actors = actorsOf(c.env, c.executionCtx);
      const tokens = c.env.THEATER_TOKEN_SHA256;
      return await serveSite(c.req.raw, address, { actors, tokens });
    }
    await next();
    // What a guest answers must never run as a page of this origin, and a chain is not to be cached.
    c.res.headers.set("x-content-type-options", "nosniff");
    c.res.headers.set("cache-control", "no-store");
    return undefined;
  });
  app.use(async (c, next) => {
    const authorization = authorizationOf(c.req.raw);
    const open = openPaths.has(c.req.path);
    c.set("principal", open ? "" : authenticate(authorization, c.env.THEATER_TOKEN_SHA256));
    await next();
  });
  for (const { method, path, serve } of routes) {
    app.on(method, path, (c) => {
      const values = checkedParameters(path, (name) => c.req.param(name));
      return serve({
        request: c.req.raw,
        actors: actorsOf(c.env, c.executionCtx),
        principal: c.get("principal"),
        param: (name) => values[name] ?? "",
      });
    });
  }
  // Behind all routes, so that only a method that none of them takes comes here.
  for (const [path, methods] of methodsByPath()) app.all(path, () => wrongMethod(methods));
  return app;
}

function checkedParameters(
  path: string,
  read: (name: string) => string | undefined,
): Partial<Record<PathParameter, string>> {
  const entries = pathParameters(path).map((name) => {
    const { names, description } = PATH_PARAMETERS[name];
    const text = read(name) ?? "";
    if (names(text)) return [name, text] as const;
    throw new TheaterError("not-found", `There is no such ${name}. What it takes: ${description}`);
  });
  return Object.fromEntries(entries);
}

function methodsByPath(): Map<string, string[]> {
  const methods = new Map<string, string[]>();
  for (const { method, path } of routes) {
    const known = methods.get(path) ?? [];
    // Hono serves HEAD wherever there is a GET.
    methods.set(path, [...known, ...(method === "GET" ? ["GET", "HEAD"] : [method])]);
  }
  return methods;
}

const healthz: Route = {
  method: "GET",
  path: "/healthz",
  open: true,
  summary: "Tell whether the server and what it needs work",
  success: [
    { status: 200, description: "All works.", content: json(health) },
    { status: 503, description: "Some part does not.", content: json(health) },
  ],
  refusals: [],
  async serve({ actors }) {
    const parts = await actors.health();
    return Response.json(parts, { status: parts.ok ? 200 : 503 });
  },
};

const openApi: Route = {
  method: "GET",
  path: "/v1/openapi.json",
  open: true,
  summary: "This document",
  success: [{ status: 200, description: "OpenAPI 3.1.", content: { "application/json": null } }],
  refusals: [],
  serve: () => Promise.resolve(Response.json((document ??= openApiDocument(routes)))),
};

/** Made once per isolate: anybody may ask for it, and it takes milliseconds to make. */
let document: Record<string, unknown> | undefined;

/** Everything that is served. */
export const routes: readonly Route[] = [
  healthz,
  openApi,
  ...componentRoutes,
  ...actorRoutes,
  ...pastRoutes,
  ...upgradeRoutes,
  ...messageRoutes,
  ...channelRoutes,
  ...chainRoutes,
  ...erasureRoutes,
  ...proofRoutes,
  ...followRoutes,
  ...storeRoutes,
];
