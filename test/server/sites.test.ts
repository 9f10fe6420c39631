// The front door to actors' own routes: who may ask, what reaches the actor, and what of its answer leaves.

import { expect, test } from "vitest";
import type { HttpInput } from "../../src/runtime/protocol.ts";
import { frontDoor, problemIn, sha256Hex, TOKEN, type FrontDoor } from "./front-door.ts";
import { ID, refAt } from "./memory-actors.ts";

const NOBODY = { headers: { authorization: "none" } };
const OWN = `/v1/actors/${ID}/http/x`;
const NAMED = "/a/site/x";

/** What the actor was asked. */
const inputOf = ({ actors }: FrontDoor): HttpInput => actors.argsOf("http")[1] as HttpInput;

const siteOf = (isPublic: boolean): FrontDoor => {
  const door = frontDoor();
  door.actors.isPublic = isPublic;
  return door;
};

test.for([
  ["with a token, of a closed actor", NAMED, false, {}, 200],
  ["with a token, by id", OWN, false, {}, 200],
  ["without one, of a public actor", NAMED, true, NOBODY, 200],
  ["without one, of a closed actor", NAMED, false, NOBODY, 401],
  ["without one, by id, of a public actor", OWN, true, NOBODY, 401],
] as const)("a request %s", async ([, path, isPublic, init, status]) => {
  const { ask, actors } = siteOf(isPublic);
  expect((await ask(path, init)).status).toBe(status);
  expect(actors.countOf("http")).toBe(status === 200 ? 1 : 0);
});

test("without a token nobody learns which names there are; with one, that there is none", async () => {
  const door = siteOf(true);
  door.actors.refusal = { refusal: { code: "not-found", message: "none" } };
  for (const path of [NAMED, "/a/NOT%20A%20NAME/x"]) {
    expect((await door.ask(path, NOBODY)).status).toBe(401);
    expect((await door.ask(path)).status).toBe(404);
  }
  expect((await door.ask("/v1/actors/short/http/", NOBODY)).status).toBe(401);
  expect((await door.ask("/v1/actors/short/http/")).status).toBe(404);
});

test("a server without a configured token answers nobody, a public actor's visitors included", async () => {
  const { ask, actors } = frontDoor(null);
  actors.isPublic = true;
  expect((await ask(NAMED)).status).toBe(503);
  expect(actors.calls).toEqual([]);
});

test("the server's own token does not reach an actor, a visitor's credentials do", async () => {
  const [mine, theirs] = [siteOf(true), siteOf(true)];
  await mine.ask(NAMED, { headers: { "x-kept": "1" } });
  expect(inputOf(mine).headers).toEqual([["x-kept", "1"]]);
  expect(inputOf(mine).principal).toMatch(/^token:/);
  await theirs.ask(NAMED, { headers: { authorization: "Bearer theirs" } });
  expect(inputOf(theirs)).toMatchObject({
    principal: "public",
    headers: [["authorization", "Bearer theirs"]],
  });
});

test("method, path, query and body reach the actor as they came, with where it is served", async () => {
  const door = siteOf(false);
  await door.ask("/a/site/a%2Fb//c?q=%20", {
    method: "POST",
    body: "hi",
    headers: { "idempotency-key": "k" },
  });
  const { body, ...input } = inputOf(door);
  expect(new TextDecoder().decode(body)).toBe("hi");
  expect(input).toMatchObject({
    method: "POST",
    path: "/a%2Fb//c",
    query: "?q=%20",
    forwarded: { host: "localhost", proto: "http", prefix: "/a/site" },
    idempotency: { key: "k" },
  });
  const other = siteOf(false);
  await other.ask(NAMED, { headers: { "idempotency-key": "k" } });
  expect(inputOf(other).idempotency).toBeUndefined();
});

test("a wrong method is told what is allowed, and OPTIONS gets it as an answer", async () => {
  const { ask, actors } = siteOf(false);
  const evidence = { allow: ["GET", "HEAD", "OPTIONS"] };
  actors.refusal = { refusal: { code: "wrong-method", message: "", evidence } };
  actors.site = () => Promise.resolve({ ok: true, value: { id: ID, isPublic: false } });
  const refused = await ask(NAMED, { method: "DELETE" });
  expect([refused.status, refused.headers.get("allow")]).toEqual([405, "GET, HEAD, OPTIONS"]);
  const asked = await ask(NAMED, { method: "OPTIONS" });
  expect([asked.status, asked.headers.get("allow")]).toEqual([204, "GET, HEAD, OPTIONS"]);
});

test("HEAD has the length of the body and no body", async () => {
  const { ask } = siteOf(false);
  const response = await ask(NAMED, { method: "HEAD" });
  expect([response.headers.get("content-length"), await response.text()]).toEqual(["4", ""]);
});

test("an actor's headers leave, but for those that speak for a host it shares", async () => {
  const door = frontDoor(undefined, "own.example=site");
  door.actors.isPublic = true;
  door.actors.response.headers = [
    ["cache-control", "max-age=60"],
    ["set-cookie", "a=1; Domain=example.com; Path=/"],
    ["set-cookie", "b=2; path=/a/site/deep"],
    ["set-cookie", "c=3; Path=/a/sitemap"],
    ["strict-transport-security", "max-age=1"],
    ["service-worker-allowed", "/"],
    ["location", "/elsewhere"],
  ];
  const shared = await door.ask(NAMED);
  expect(shared.headers.getSetCookie()).toEqual([
    "a=1; Path=/a/site/",
    "b=2; Path=/a/site/deep",
    "c=3; Path=/a/site/a/sitemap",
  ]);
  expect(shared.headers.get("location")).toBe("/a/site/elsewhere");
  expect(shared.headers.get("cache-control")).toBe("max-age=60");
  expect(shared.headers.get("strict-transport-security")).toBeNull();
  expect(shared.headers.get("service-worker-allowed")).toBeNull();
  expect(shared.headers.get("content-security-policy")).toMatch(/^sandbox (?!.*allow-same-origin)/);
  const own = await door.ask("http://own.example/x", NOBODY);
  expect(own.headers.getSetCookie()[0]).toBe("a=1; Domain=example.com; Path=/");
  expect(own.headers.get("location")).toBe("/elsewhere");
  expect(own.headers.get("content-security-policy")).toBeNull();
  for (const { headers } of [shared, own]) {
    const { seq, cid } = refAt(2);
    expect(headers.get("theater-event")).toBe(`${seq}:${cid}`);
  }
});

test("a host of its own leads to its actor with every path, by name or by id", async () => {
  const door = frontDoor(undefined, `one.example=site, two.example=${ID}`);
  door.actors.isPublic = true;
  await door.ask("http://one.example/v1/actors?x=1", NOBODY);
  expect(door.actors.argsOf("site")).toEqual(["site", false]);
  expect(inputOf(door)).toMatchObject({ path: "/v1/actors", query: "?x=1" });
  const other = frontDoor(undefined, `two.example=${ID}`);
  other.actors.isPublic = true;
  await other.ask("http://TWO.example:8080/healthz", NOBODY);
  expect(other.actors.argsOf("site")).toEqual([ID, false]);
});

test.for(["one.example", "one.example=NOT A NAME", "=site", "http://one.example=site", "a=b=c"])(
  "ACTOR_HOSTS of %o closes the server",
  async (hosts) => {
    const { ask } = frontDoor(undefined, hosts);
    const response = await ask("/v1/actors");
    expect(response.status).toBe(503);
    expect((await problemIn(response)).detail).toContain("ACTOR_HOSTS");
  },
);

test("a name without its slash is led to the folder", async () => {
  const { ask } = siteOf(false);
  const response = await ask("/a/site?q=1");
  expect([response.status, response.headers.get("location")]).toEqual([308, "/a/site/?q=1"]);
});

const bearer = (token: string): string =>
  `theater.bearer.${Buffer.from(token).toString("base64url")}`;

test.for([
  ["a token as a subprotocol", `chat, v2, ${bearer(TOKEN)}`, {}, 200],
  ["a token in the header", "chat, v2", { authorization: `Bearer ${TOKEN}` }, 200],
  ["a wrong token", `chat, ${bearer("wrong")}`, {}, 401],
  ["bytes that are no text", "chat, theater.bearer._w", {}, 401],
  ["a token and nothing to speak", bearer(TOKEN), {}, 400],
  ["no token", "chat", {}, 401],
] as const)("an upgrade with %s", async ([, protocols, more, status]) => {
  const { app, actors } = siteOf(false);
  const handshake = { upgrade: "websocket", "sec-websocket-key": "x" };
  const headers = { ...handshake, "sec-websocket-protocol": protocols, ...more };
  const env = { THEATER_TOKEN_SHA256: sha256Hex(TOKEN) };
  const ctx = { waitUntil: () => {}, passThroughOnException: () => {}, props: {} };
  expect((await app.request(NAMED, { headers }, env, ctx)).status).toBe(status);
  expect(actors.countOf("http")).toBe(0);
  if (status !== 200) return;
  const input = actors.argsOf("openSocket")[1] as HttpInput;
  expect(input.path).toBe("/x");
  // Neither the token nor what belongs to the handshake.
  expect(input.headers).toEqual([
    ["upgrade", "websocket"],
    ["sec-websocket-protocol", "chat, v2"],
  ]);
});

test("an actor that is down is asked for anew by its name, and whoever has the name now is asked", async () => {
  const { ask, actors } = siteOf(true);
  const other = "b".repeat(32);
  const stopped = { code: "wrong-state", message: "stopped" } as const;
  const asked: string[] = [];
  actors.site = (_, anew) =>
    Promise.resolve({ ok: true, value: { id: anew ? other : ID, isPublic: true } });
  const { http } = actors;
  actors.http = async (id, input) => {
    asked.push(id);
    return id === other ? await http(id, input) : { ok: false, error: stopped };
  };
  expect((await ask(NAMED, NOBODY)).status).toBe(200);
  expect(asked).toEqual([ID, other]);
  expect((await ask(OWN)).status).toBe(409);
});
