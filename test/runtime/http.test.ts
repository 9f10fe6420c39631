// An actor's own HTTP routes: which handler gets what, what is on record, and who is answered at all.

import { afterEach, expect, test } from "vitest";
import { fromUtf8 } from "../../src/lib/bytes.ts";
import { clearFaults } from "./faults.ts";
import { must, Probe, theater, until } from "./stage.ts";
import { childManifest, gave, startTools, tools } from "./tools.ts";
import { framework, SERVER, does, site, ask } from "./http-site.ts";

afterEach(clearFaults);

test("a request goes to the most specific route, with its parameters", async () => {
  const actor = await site();
  await does(
    actor,
    ["register-handler", "b"],
    ["register-handler", "c"],
    ["register-handler", "d"],
  );
  await does(
    actor,
    ["add-route", 1, "/*", "*", 2],
    ["add-route", 1, "/entries/{id}", "GET", 3],
    ["add-route", 1, "/entries/new", "GET", 4],
    ["add-route", 1, "/files/{*path}", "GET", 5],
  );
  const handlerOf = async (method: string, uri: string) =>
    (await ask(actor, method, uri)).json["handler"];
  expect(await handlerOf("GET", "/")).toBe(2);
  expect(await handlerOf("GET", "/entries")).toBe(2);
  expect(await handlerOf("GET", "/entries/7?a=b")).toBe(3);
  expect(await handlerOf("GET", "/entries/new")).toBe(4);
  expect(await handlerOf("POST", "/entries/new")).toBe(2);
  expect(await handlerOf("GET", "/files/")).toBe(2);
  const { json } = await ask(actor, "HEAD", "/files/a/b%20c?q=1", {
    headers: { "X-Route-Param-path": "forged", accept: "a/b" },
  });
  expect(json).toMatchObject({ handler: 5, method: "HEAD", uri: "/files/a/b%20c?q=1" });
  expect(json["headers"]).toEqual([
    ["x-forwarded-host", "example.com"],
    ["x-forwarded-proto", "https"],
    ["x-forwarded-prefix", "/a/x"],
    ["accept", "a/b"],
    ["X-Route-Param-path", "a/b c"],
  ]);
});

test("a path without a route is not found, and another method is told what is allowed, without a turn", async () => {
  const actor = await site();
  await does(actor, ["add-route", 1, "/a", "GET", 2], ["add-route", 1, "/a", "put", 2]);
  const { turns } = await actor.summary();
  expect((await ask(actor, "GET", "/b")).status).toBe("not-found");
  expect((await ask(actor, "GET", "/a/")).status).toBe("not-found");
  expect((await ask(actor, "GET", "/%ff")).status).toBe("not-found");
  expect(await ask(actor, "POST", "/a")).toMatchObject({
    status: "wrong-method",
    json: { allow: ["GET", "HEAD", "OPTIONS", "PUT"] },
  });
  expect((await actor.summary()).turns).toBe(turns);
});

test("routes come and go at run time, with the commit of the turn that changes them", async () => {
  const actor = await site();
  expect(await does(actor, ["add-route", 1, "/a", "GET", 2])).toEqual([3]);
  expect((await ask(actor, "GET", "/a")).status).toBe(200);
  // Within the turn they are there; the turn fails and leaves none.
  const before = await actor.sql("SELECT * FROM site");
  const failed = await actor.ask([framework("add-route", 1, "/b", "GET", 2), ["refuse"]]);
  expect(failed.gave).toBe("guest-error");
  expect(await actor.sql("SELECT * FROM site")).toEqual(before);
  expect((await ask(actor, "GET", "/b")).status).toBe("not-found");
  expect(
    await does(
      actor,
      ["remove-route", 3],
      ["add-route", 1, "/a", "GET", 2],
      ["get-server-info", 1],
    ),
  ).toEqual([
    null,
    4,
    {
      id: 1,
      port: 443,
      host: "0.0.0.0",
      running: true,
      routesCount: 1,
      middlewareCount: 0,
      websocketEnabled: false,
    },
  ]);
  await actor.evict();
  expect((await ask(actor, "GET", "/a")).status).toBe(200);
  await does(actor, ["stop-server", 1]);
  expect((await ask(actor, "GET", "/a")).status).toBe("not-found");
  await does(actor, ["start-server", 1], ["destroy-server", 1]);
  expect((await ask(actor, "GET", "/a")).status).toBe("not-found");
  expect(await does(actor, ["start-server", 1], ["create-server", SERVER])).toEqual([
    "not-found: there is no server 1",
    5,
  ]);
});

test("an actor without the handler has no table for it, and takes no request", async () => {
  const actor = await tools();
  expect(await actor.sql("SELECT name FROM sqlite_master WHERE name = 'site'")).toEqual([]);
  const answer = await startTools({}, { without: "http-framework" });
  expect(answer).toMatchObject({ ok: false, error: { code: "missing-handler" } });
});

test("middlewares run before the route, oldest first, each as a turn of its own", async () => {
  const actor = await site();
  await does(
    actor,
    ["register-handler", "first"],
    ["register-handler", "second"],
    ["add-route", 1, "/told", "GET", 2],
    ["add-route", 1, "/in/*", "POST", 2],
    ["add-middleware", 1, "/in", 4],
    ["add-middleware", 1, "/", 3],
  );
  const from = await actor.nextSeq();
  const { status, json, event } = await ask(actor, "POST", "/in/x", { body: "hi" });
  expect(status).toBe(200);
  const seen = (json["headers"] as string[][]).filter(([name]) => name === "x-seen-by");
  expect(seen.map(([, by]) => by)).toEqual(["4", "3"]);
  const told = await actor.events(from);
  expect(told.map(({ type, about }) => `${type} ${about}`.trim())).toEqual([
    "message.received http-middleware",
    "turn.committed",
    "message.received http-middleware",
    "turn.committed",
    "message.received http",
    "turn.committed",
  ]);
  // Each comes from the end of the one before.
  expect(told[0]?.fields["cause"]).toBeNull();
  expect(told[2]?.fields["cause"]).toMatchObject({ actor: actor.id, seq: told[1]?.seq });
  expect(told[4]?.fields["cause"]).toMatchObject({ actor: actor.id, seq: told[3]?.seq });
  expect(event).toBe(told[5]?.seq);
  expect((await ask(actor, "GET", "/told")).text).toContain('["middleware",4]');
  const report = must(await theater.replay(actor.id, null));
  expect(report).toMatchObject({ verdict: "verified" });
});

test("a middleware ends a request with a bare 403, with an answer of its own, or with an error", async () => {
  const actor = await site();
  await does(actor, ["add-route", 1, "/*", "*", 2], ["add-middleware", 1, "/*", 2]);
  const how = async (what: string) =>
    await ask(actor, "POST", "/x", { headers: { "x-middleware": what } });
  expect(await how("stop")).toMatchObject({ status: 403, text: "" });
  expect(await how("answer")).toMatchObject({
    status: 401,
    text: "no",
    headers: { "x-why": "asked" },
  });
  expect(await how("refuse")).toMatchObject({ status: "guest-error" });
  expect(await how("")).toMatchObject({ status: 200 });
  expect(await how("long")).toMatchObject({ status: "bad-response" });
  expect(must(await theater.replay(actor.id, null))).toMatchObject({ verdict: "verified" });
});

test("a request is on record as the guest got it: secrets as keyed hashes, a large body by reference", async () => {
  const [actor, other] = [await site(), await site({ clear_headers: ["cookie"] })];
  for (const each of [actor, other]) await does(each, ["add-route", 1, "/*", "*", 2]);
  const headers = {
    Authorization: "Bearer very-secret",
    Cookie: "sid=very-secret; theme=dark",
    "x-forwarded-for": "192.0.2.1",
    "cf-connecting-ip": "192.0.2.1",
    "x-kept": "kept",
  };
  const body = "b".repeat(100_000);
  const { event } = await ask(actor, "POST", "/x?q=1", { headers, body });
  const events = await actor.events();
  const received = events.findLast(({ about }) => about === "http");
  const [handler, request] = (received?.fields["params"] ?? []) as [
    number,
    Record<string, unknown>,
  ];
  expect(handler).toBe(2);
  expect(request).toMatchObject({ method: "POST", uri: "/x?q=1", body: [{ codec: "raw" }] });
  const kept = Object.fromEntries(request["headers"] as [string, string][]);
  expect(kept["authorization"]).toMatch(/^Bearer hash\.[0-9a-f]{32}$/);
  expect(kept["cookie"]).toMatch(/^sid=hash\.[0-9a-f]{32}; theme=hash\.[0-9a-f]{32}$/);
  expect(kept["x-kept"]).toBe("kept");
  expect(
    JSON.stringify(request, (_, value: unknown) =>
      typeof value === "bigint" ? String(value) : value,
    ),
  ).not.toMatch(/very-secret|192\.0\.2/);
  expect(events.findLast(({ type }) => type === "turn.committed")?.seq).toBe(event);
  // The same secret is another hash for another actor; what its manifest clears is clear.
  const { json } = await ask(other, "POST", "/x", { headers });
  const theirs = Object.fromEntries(json["headers"] as [string, string][]);
  expect(theirs["cookie"]).toBe(headers.Cookie);
  expect(theirs["authorization"]).not.toBe(kept["authorization"]);
  expect(must(await theater.replay(actor.id, null))).toMatchObject({ verdict: "verified" });
});

test("guest errors, traps and impossible responses are told apart, each with its event", async () => {
  const actor = await site({ max_response_bytes: 1_000, max_request_bytes: 10 });
  await does(actor, ["add-route", 1, "/*", "*", 2]);
  expect(await ask(actor, "GET", "/refuse")).toMatchObject({
    status: "guest-error",
    text: "as you wish",
  });
  expect((await ask(actor, "GET", "/trap")).status).toMatch(/^guest-trap|host-failure$/);
  for (const path of ["/status/99", "/status/600", "/bad-header", "/bytes/1001"]) {
    const { status, event } = await ask(actor, "GET", path);
    expect([path, status]).toEqual([path, "bad-response"]);
    expect(event).toBeGreaterThan(0);
  }
  expect(await ask(actor, "GET", "/bytes/1000")).toMatchObject({ status: 200 });
  expect((await ask(actor, "POST", "/x", { body: "b".repeat(11) })).status).toBe("too-large");
  await actor.change("stop");
  expect((await ask(actor, "GET", "/x")).status).toBe("wrong-state");
});

test("whoever has no token is answered only where the manifest says public", async () => {
  const [closed, open] = [await site(), await site({ public: true })];
  for (const each of [closed, open]) await does(each, ["add-route", 1, "/*", "*", 2]);
  expect((await ask(closed, "GET", "/", { principal: "public" })).status).toBe("unauthorized");
  expect((await ask(open, "GET", "/", { principal: "public" })).status).toBe(200);
});

test("of several actors with a public name the oldest that was not stopped has it", async () => {
  const name = { public_name: "held", public: true };
  const [first, second] = [await site(name), await site({ public_name: "held" })];
  const held = async () => await theater.site("held", true);
  expect(await held()).toEqual({ ok: true, value: { id: first.id, isPublic: true } });
  await first.change("pause");
  expect(await held()).toMatchObject({ value: { id: first.id } });
  await first.change("stop");
  expect(await held()).toEqual({ ok: true, value: { id: second.id, isPublic: false } });
  await second.change("stop");
  expect(await held()).toMatchObject({ ok: false, error: { code: "not-found" } });
});

test("a child may be public, and have a public name, only as its parent is and has", async () => {
  const child = async (parent: Probe, asked: object) =>
    await startTools({ "http-framework": { ...asked } }, { parent: parent.id });
  const parent = await site({ public_name: "mine" });
  const refused = { ok: false, error: { code: "not-granted" } };
  expect(await child(parent, { public: true })).toMatchObject(refused);
  expect(await child(parent, { public_name: "other" })).toMatchObject(refused);
  expect(await child(parent, { public_name: "mine" })).toMatchObject({ ok: true });
  expect(await theater.site("mine", true)).toMatchObject({ value: { id: parent.id } });
});

test("a child that is started anew has the routes of its new init, and no others", async () => {
  const init = [
    framework("create-server", SERVER),
    framework("register-handler", "all"),
    framework("add-route", 1, "/first", "GET", 2),
    framework("start-server", 1),
  ];
  const state = `init_state = '${JSON.stringify({ init })}'\n`;
  const text = fromUtf8(state + (await childManifest()));
  const { digest } = must(await theater.putContent("manifests", text, null));
  const supervisor = { child: [{ name: "web", manifest: digest, start_from: "init" }] };
  const parent = new Probe(must(await startTools({}, { manifest: supervisor })).id);
  const born = async () => await parent.sql("SELECT actor FROM child WHERE born = 1");
  await until(async () => (await born()).length === 1);
  const [row] = (await born()) as { actor: string }[];
  const child = new Probe(row?.actor ?? "");
  await does(child, ["add-route", 1, "/other", "GET", 2]);
  expect((await ask(child, "GET", "/first")).status).toBe(200);
  expect((await ask(child, "GET", "/other")).status).toBe(200);
  await gave(parent, ["call", "theater:simple/supervisor#restart-child", child.id]);
  expect((await ask(child, "GET", "/other")).status).toBe("not-found");
  // Ids go on where they were: the route for 1 and 2 was none, and the rest is there.
  const kept = await child.sql("SELECT id FROM site WHERE id > 0 ORDER BY id");
  expect(kept.map(({ id }) => id)).toEqual([5, 6]);
});
