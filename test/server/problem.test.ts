import { expect, test } from "vitest";
import type { ErrorCode } from "../../src/lib/errors.ts";
import { TheaterError } from "../../src/lib/errors.ts";
import { routes } from "../../src/server/app.ts";
import { exampleOf, frontDoor, pathOf, problemIn, textOf } from "./front-door.ts";
import { ID, refAt } from "./memory-actors.ts";

/** The statuses that design and scripts rely on. The type demands a line for each new code. */
const STATUS: Record<ErrorCode, number> = {
  "bad-request": 400,
  "wrong-method": 405,
  "bad-manifest": 422,
  "bad-block": 422,
  "not-wasm": 422,
  "core-module": 422,
  "truncated-component": 422,
  "bad-component": 422,
  "unknown-import": 422,
  "missing-handler": 422,
  "not-an-actor": 422,
  "transpile-failed": 422,
  "no-loader": 501,
  unsupported: 501,
  "headers-too-large": 431,
  "uri-too-long": 414,
  "bad-response": 502,
  "too-large": 413,
  "key-reused": 422,
  unauthorized: 401,
  forbidden: 403,
  "too-deep": 409,
  "not-granted": 403,
  "not-configured": 503,
  "not-found": 404,
  erased: 410,
  "wrong-state": 409,
  "rehearsal-differs": 409,
  busy: 429,
  unavailable: 503,
  "outcome-unknown": 502,
  "too-slow": 504,
  "request-cycle": 409,
  "guest-error": 422,
  "guest-trap": 500,
  "limit-exceeded": 500,
  "host-failure": 500,
  "plugin-failed": 502,
  "chain-broken": 500,
  "chain-gap": 500,
  "chain-fork": 500,
  "content-corrupt": 500,
  internal: 500,
};

const CODES = Object.entries(STATUS) as [ErrorCode, number][];

test.each(CODES)("a refusal with code %s is answered with %i", async (code, status) => {
  const { ask, actors } = frontDoor();
  actors.refusal = { refusal: { code, message: "A sentence." } };
  const response = await ask(`/v1/actors/${ID}/request`, { method: "POST", body: "x" });
  expect(response.status).toBe(status);
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  const retryAfter = response.headers.get("retry-after");
  expect(Number(retryAfter) > 0).toBe(status === 429 || status === 503);
  const problem = await problemIn(response);
  expect(problem).toEqual({
    type: `/v1/openapi.json#/components/responses/${code}`,
    title: expect.stringMatching(/^[A-Z].*[^.]$/),
    status,
    code,
    detail: "A sentence.",
  });
});

test("a problem carries its evidence and where the chain records it", async () => {
  const { ask, actors } = frontDoor();
  const event = refAt(7);
  const evidence = { status: "stopped", turn: 3 };
  actors.refusal = { refusal: { code: "guest-error", message: "no such move", evidence, event } };
  const response = await ask(`/v1/actors/${ID}/request`, { method: "POST", body: "x" });
  expect(response.headers.get("theater-event")).toBe(`7:${event.cid}`);
  const problem = await problemIn(response);
  expect(problem).toMatchObject({ status: 422, detail: "no such move", evidence, event });
});

test("every route passes a refusal on", async () => {
  const { ask, actors } = frontDoor();
  actors.refusal = { refusal: { code: "too-slow", message: "Too slow." } };
  const served = routes.filter(({ open, method }) => !open && method !== "DELETE");
  for (const route of served) expect((await ask(...exampleOf(route))).status).toBe(504);
  expect(actors.calls.length).toBe(served.length);
});

test("an unexpected failure is reported, and its text stays inside", async () => {
  const { ask, actors, reported } = frontDoor();
  actors.thrown = new Error("SELECT secret FROM somewhere");
  for (const path of [`/v1/actors/${ID}`, "/healthz"]) {
    const response = await ask(path);
    expect(response.status).toBe(500);
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    const text = await response.text();
    expect(text).toContain('"code":"internal"');
    expect(text).not.toContain("secret");
  }
  expect(reported.map(({ message }) => message)).toEqual([
    "SELECT secret FROM somewhere",
    "SELECT secret FROM somewhere",
  ]);
});

test("a thrown error with a code keeps its code, and is no bug to report", async () => {
  const { ask, actors, reported } = frontDoor();
  actors.thrown = new TheaterError("busy", "The mailbox is full: try again.", { mailbox: 9 });
  const response = await ask(`/v1/actors/${ID}/send`, { method: "POST", body: "x" });
  expect(response.status).toBe(429);
  expect(await problemIn(response)).toMatchObject({ code: "busy", evidence: { mailbox: 9 } });
  expect(reported).toEqual([]);
});

test.each([
  "/",
  "/v1",
  "/v1/actors/",
  "/v1/nowhere",
  `/v1/actors/${ID}/chain/abc`,
  `/v1/actors/${ID}/unknown`,
])("%s is no route", async (path) => {
  const { ask } = frontDoor();
  const response = await ask(path);
  expect(response.status).toBe(404);
  expect((await problemIn(response)).code).toBe("not-found");
});

test.each([
  "/v1/actors/nobody",
  `/v1/actors/${ID.toUpperCase()}`,
  `/v1/actors/${ID}a/state`,
  "/v1/actors/nobody/chain",
  "/v1/actors/%E0%A4%A/chain",
  "/v1/components/sha256:0f",
  `/v1/components/${"0f".repeat(32)}/wasm`,
  "/v1/content/bafy",
  `/v1/content/${"b".repeat(58)}0`,
  `/v1/actors/${ID}/chain/99999999999999999999`,
  `/v1/stores/${"s".repeat(257)}/labels`,
])("%s names nothing, and the runtime is not asked", async (path) => {
  const { ask, actors } = frontDoor();
  const response = await ask(path);
  expect(response.status).toBe(404);
  expect((await problemIn(response)).code).toBe("not-found");
  expect(actors.calls).toEqual([]);
});

test.each([
  ["PATCH", "/v1/actors", "POST, GET, HEAD"],
  ["GET", "/v1/components", "PUT"],
  ["HEAD", "/v1/components", "PUT"],
  ["POST", `/v1/actors/${ID}`, "GET, HEAD, DELETE"],
  ["GET", `/v1/actors/${ID}/stop`, "POST"],
  ["GET", `/v1/actors/${ID}/chain/verify`, "POST"],
  ["GET", `/v1/actors/${ID}/chain/check`, "POST"],
  ["PUT", `/v1/actors/${ID}/chain/3`, "GET, HEAD"],
  ["DELETE", "/healthz", "GET, HEAD"],
])("%s %s is the wrong method", async (method, path, allow) => {
  const { ask, actors } = frontDoor();
  const response = await ask(path, { method });
  expect(response.status).toBe(405);
  expect(response.headers.get("allow")).toBe(allow);
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  expect(actors.calls).toEqual([]);
});

test("HEAD answers as GET does, without the body", async () => {
  for (const route of routes.filter(({ method }) => method === "GET")) {
    const { ask } = frontDoor();
    const get = await ask(pathOf(route));
    const head = await ask(pathOf(route), { method: "HEAD" });
    expect(head.status).toBe(get.status);
    expect([...head.headers]).toEqual([...get.headers]);
    expect(await head.text()).toBe("");
    expect(await textOf(get)).not.toBe("");
  }
});

test("an actor is deleted by DELETE, which is a change of status like the others", async () => {
  const { ask, actors } = frontDoor();
  const response = await ask(`/v1/actors/${ID}`, { method: "DELETE" });
  expect(response.status).toBe(200);
  expect(actors.calls).toMatchObject([
    { name: "lifecycle", args: [ID, "delete", expect.any(String), null] },
  ]);
});
