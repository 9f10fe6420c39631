// The rows of http-framework and http-handlers. Ids count up over everything that the actor makes, behind what it
// has for WebSockets, in the order of the rows.

import { expect } from "vitest";
import { fromUtf8 } from "../../src/lib/bytes.ts";
import type { HttpInput } from "../../src/runtime/protocol.ts";
import { must, theater, type Probe } from "../runtime/stage.ts";
import { gave, tools } from "../runtime/tools.ts";
import { err, ok, type ImportRows } from "./import-row.ts";
import { frameworkSockets, SOCKET_SITE } from "./socket-rows.ts";

const UNKNOWN = err(/^not-found: there is no /);
const SERVER = { port: 8080, host: "localhost", "tls-config": null };
const TLS = { "cert-path": "a.pem", "key-path": "b.pem" };
const [ONE, TWO, HANDLER, ROUTE, OTHER_ROUTE, MIDDLEWARE, OTHER_MIDDLEWARE] = [
  1, 2, 3, 4, 5, 6, 7,
].map((id) => id + SOCKET_SITE);
const NOBODY = 99;
const INFO = {
  id: ONE,
  port: 8080,
  host: "localhost",
  running: false,
  "routes-count": 0,
  "middleware-count": 0,
  "websocket-enabled": false,
};

export const httpFramework: ImportRows = {
  "create-server": {
    works: () => [
      [[SERVER], ok(ONE)],
      [[{ port: null, host: null, "tls-config": TLS }], ok(TWO)],
    ],
    bad: () => [[[{ ...SERVER, host: "x".repeat(300) }], err(/^bad-server/)]],
  },
  "get-server-info": { works: () => [[[ONE], ok(INFO)]], bad: () => [[[NOBODY], UNKNOWN]] },
  "start-server": {
    works: () => [[[ONE], ok(8080)]],
    bad: () => [[[NOBODY], UNKNOWN]],
  },
  "stop-server": { works: () => [[[ONE], ok(null)]], bad: () => [[[ONE], err(/^wrong-state/)]] },
  "destroy-server": { works: () => [[[TWO], ok(null)]], bad: () => [[[TWO], UNKNOWN]] },
  "register-handler": {
    works: () => [[["pages"], ok(HANDLER)]],
    bad: () => [[["x".repeat(300)], err(/^bad-handler/)]],
  },
  "add-route": {
    works: () => [
      [[ONE, "/entries/{id}", "GET", HANDLER], ok(ROUTE)],
      [[ONE, "/files/{*path}", "*", HANDLER], ok(OTHER_ROUTE)],
    ],
    bad: () => [
      [[ONE, "no slash", "GET", HANDLER], err(/^bad-route: a path begins with/)],
      [[ONE, "/entries/{other}", "get", HANDLER], err(/has a route for GET/)],
      [[ONE, "/x", "GET", NOBODY], UNKNOWN],
    ],
  },
  "remove-route": {
    works: () => [[[OTHER_ROUTE], ok(null)]],
    bad: () => [[[OTHER_ROUTE], UNKNOWN]],
  },
  "add-middleware": {
    works: () => [
      [[ONE, "/", HANDLER], ok(MIDDLEWARE)],
      [[ONE, "/entries", HANDLER], ok(OTHER_MIDDLEWARE)],
    ],
    bad: () => [[[NOBODY, "/", HANDLER], UNKNOWN]],
  },
  "remove-middleware": {
    works: () => [[[OTHER_MIDDLEWARE], ok(null)]],
    bad: () => [[[OTHER_MIDDLEWARE], UNKNOWN]],
  },
  "enable-websocket": {
    works: () => [[[ONE, "/live", HANDLER, HANDLER, null], ok(null)]],
    bad: () => [[[ONE, "/live", null, NOBODY, null], UNKNOWN]],
  },
  ...frameworkSockets,
};

/** A request for the routes of an actor that has one for everything, and perhaps a middleware. */
export const httpRequest = (uri: string, length = 0): HttpInput => ({
  method: "POST",
  path: uri,
  query: "",
  headers: [],
  forwarded: { host: "example.com", proto: "https", prefix: "" },
  body: fromUtf8("x".repeat(length)),
  principal: "token:test",
});

export const REQUEST_BYTES = 10;

let made: Promise<Probe> | undefined;

/** One actor that serves: with a middleware, the one of id 2, above its route. */
export async function httpActor(): Promise<Probe> {
  return await (made ??= makeHttpActor());
}

async function makeHttpActor(): Promise<Probe> {
  const actor = await tools({ "http-framework": { max_request_bytes: REQUEST_BYTES } });
  const call = (fn: string, ...args: unknown[]) =>
    ["call", `theater:simple/http-framework#${fn}`, ...args] as const;
  await gave(
    actor,
    call("create-server", { port: null, host: null, tlsConfig: null }),
    call("register-handler", "all"),
    call("add-route", 1, "/*", "*", 2),
    call("add-middleware", 1, "/", 2),
    call("start-server", 1),
  );
  const { status } = must(await theater.http(actor.id, httpRequest("/x", 1)));
  expect(status).toBe(200);
  return actor;
}
