// An actor's own HTTP routes: which handler gets what, what is on record, and what a crash makes of it.

import { afterEach, expect, test } from "vitest";
import { fromUtf8, toUtf8 } from "../../src/lib/bytes.ts";
import type { HttpInput } from "../../src/runtime/protocol.ts";
import { clearFaults, faults } from "./faults.ts";
import { Gate, must, Probe, theater, until } from "./stage.ts";
import { childManifest, gave, startTools, tools } from "./tools.ts";

afterEach(clearFaults);

const FRAMEWORK = "theater:simple/http-framework#";
const framework = (fn: string, ...args: unknown[]) => ["call", FRAMEWORK + fn, ...args] as const;
const SERVER = { port: null, host: null, tlsConfig: null };

interface Gave {
  gave?: unknown;
  err?: string;
}

/** Calls functions of http-framework in one turn; gives what each gave, or its error. */
async function does(
  actor: Probe,
  ...calls: [fn: string, ...args: unknown[]][]
): Promise<unknown[]> {
  const steps = calls.map(([fn, ...args]) => framework(fn, ...args));
  return ((await gave(actor, ...steps)) as Gave[]).map(({ gave: value, err }) => err ?? value);
}

/** An actor with one running server, of id 1, and one handler, of id 2. */
async function site(grant: Record<string, unknown> = {}): Promise<Probe> {
  const actor = await tools({ "http-framework": grant });
  expect(
    await does(actor, ["create-server", SERVER], ["register-handler", "all"], ["start-server", 1]),
  ).toEqual([1, 2, 443]);
  return actor;
}

interface Asked {
  status: number | string;
  headers: Record<string, string>;
  text: string;
  json: Record<string, unknown>;
  event: number | undefined;
}

const INPUT = {
  query: "",
  headers: [],
  forwarded: { host: "example.com", proto: "https", prefix: "/a/x" },
  principal: "token:test",
};

/** Asks over the runtime; a refusal's status is its code. */
async function ask(
  actor: Probe,
  method: string,
  uri: string,
  {
    body = "",
    headers = {},
    ...more
  }: { body?: string; headers?: Record<string, string> } & Partial<
    Omit<HttpInput, "body" | "headers">
  > = {},
): Promise<Asked> {
  const [path = "", query] = uri.split("?");
  const answer = await theater.http(actor.id, {
    ...INPUT,
    method,
    path,
    query: query === undefined ? "" : `?${query}`,
    headers: Object.entries(headers),
    body: fromUtf8(body),
    ...more,
  });
  if (!answer.ok) {
    const { code, message, evidence, event } = answer.error;
    return { status: code, headers: {}, text: message, json: evidence ?? {}, event: event?.seq };
  }
  const { status, headers: given, body: bytes, event } = answer.value;
  const text = bytes instanceof Uint8Array ? toUtf8(bytes) : "";
  const json = text.startsWith("{") ? (JSON.parse(text) as Record<string, unknown>) : {};
  return { status, headers: Object.fromEntries(given), text, json, event: event.seq };
}

const key = (name: string) => ({ idempotency: { principal: "token:test", key: name } });

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

test("a key makes one request of many; another body, path or visitor is refused", async () => {
  const actor = await site();
  await does(actor, ["add-route", 1, "/*", "*", 2], ["add-middleware", 1, "/", 2]);
  const first = await ask(actor, "POST", "/x", { body: "a", ...key("k") });
  expect(await ask(actor, "POST", "/x", { body: "a", ...key("k") })).toEqual(first);
  for (const other of [
    await ask(actor, "POST", "/x", { body: "b", ...key("k") }),
    await ask(actor, "POST", "/y", { body: "a", ...key("k") }),
    await ask(actor, "PUT", "/x", { body: "a", ...key("k") }),
    await ask(actor, "POST", "/x", { body: "a", headers: { cookie: "other=1" }, ...key("k") }),
  ]) {
    expect(other.status).toBe("key-reused");
  }
  const stopped = { body: "a", headers: { "x-middleware": "refuse" }, ...key("r") };
  expect((await ask(actor, "POST", "/x", stopped)).status).toBe("guest-error");
  const { turns } = await actor.summary();
  expect((await ask(actor, "POST", "/x", stopped)).status).toBe("guest-error");
  expect((await actor.summary()).turns).toBe(turns);
});

test("a crash between a middleware and its route: the repetition goes on, and repeats no turn", async () => {
  const actor = await site();
  await does(actor, ["add-route", 1, "/*", "*", 2], ["add-middleware", 1, "/", 2]);
  const gate = new Gate();
  faults.guest = async ({ args }, go) => {
    const { about } = args[0] as { about: string };
    if (about.endsWith("#handle-request")) await gate.wait();
    return await go();
  };
  const asked = ask(actor, "POST", "/x", { body: "a", ...key("k") });
  await gate.reached();
  const from = await actor.nextSeq();
  await actor.crash();
  clearFaults();
  expect((await asked).status).toBe("outcome-unknown");
  expect((await ask(actor, "POST", "/x", { body: "a", ...key("k") })).status).toBe(200);
  const told = await actor.events(from);
  expect(told.map(({ type, about }) => `${type} ${about}`.trim())).toEqual([
    "message.received http",
    "turn.committed",
  ]);
  expect(told[0]?.fields["cause"]).toMatchObject({ seq: from - 1 });
});

test("a request whose turn had acted goes on after a crash, and whoever comes back gets its answer", async () => {
  const [actor, peer] = [await site(), await tools()];
  await does(actor, ["add-route", 1, "/run", "POST", 2]);
  const program = JSON.stringify([
    ["call", "theater:simple/message-server-host#request", peer.id, { $bytes: '[["log","x"]]' }],
    framework("add-route", 1, "/made", "GET", 2),
  ]);
  const gate = new Gate();
  faults.peer = async ({ name }, go) => {
    const answer = await go();
    if (name === `${peer.id} request`) await gate.wait();
    return answer;
  };
  const asked = ask(actor, "POST", "/run", { body: program, ...key("k") });
  await gate.reached();
  await actor.crash();
  clearFaults();
  expect((await asked).status).toBe("outcome-unknown");
  const again = await ask(actor, "POST", "/run", { body: program, ...key("k") });
  expect(again.status).toBe(200);
  expect(JSON.parse(again.text)).toMatchObject([{ gave: { $bytes: "[null]" } }, { gave: 4 }]);
  expect((await ask(actor, "GET", "/made")).status).toBe(200);
  expect((await peer.summary()).turns).toBe(2);
  expect(must(await theater.replay(actor.id, null))).toMatchObject({ verdict: "verified" });
});

test("a stream that a crash cuts off is broken off, and its turn goes on and knows it", async () => {
  const [actor, peer] = [await site({ stream: ["/run"] }), await tools()];
  await does(actor, ["add-route", 1, "/run", "POST", 2]);
  const stream = (fn: string, ...args: unknown[]) =>
    ["call", `theater:edge/http-stream#${fn}`, ...args] as const;
  const program = JSON.stringify([
    stream("begin", 200, []),
    stream("write", { $bytes: "one" }),
    ["call", "theater:simple/message-server-host#request", peer.id, { $bytes: '[["log","x"]]' }],
    stream("write", { $bytes: "two" }),
  ]);
  const gate = new Gate();
  faults.peer = async ({ name }, go) => {
    const answer = await go();
    if (name === `${peer.id} request`) await gate.wait();
    return answer;
  };
  const answer = must(
    await theater.http(actor.id, {
      ...INPUT,
      method: "POST",
      path: "/run",
      body: fromUtf8(program),
    }),
  );
  const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
  expect(toUtf8((await reader.read()).value ?? new Uint8Array(0))).toBe("one");
  await gate.reached();
  await actor.crash();
  clearFaults();
  const rest = reader.read().then(
    () => "more",
    () => "broken",
  );
  expect(await rest).toBe("broken");
  await until(async () => (await actor.events()).at(-1)?.type === "turn.committed");
  const told = (await actor.events(answer.event.seq)).filter(
    ({ type }) => type === "host.returned",
  );
  expect(told.map(({ fields }) => fields["result"])).toMatchObject([
    { ok: null },
    { ok: null },
    { ok: expect.anything() as unknown },
    { err: expect.stringMatching(/^not-streamed/) as unknown },
  ]);
  expect(must(await theater.replay(actor.id, null))).toMatchObject({ verdict: "verified" });
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

test("nothing has its turn between a middleware and the route", async () => {
  const actor = await site();
  await does(actor, ["add-route", 1, "/*", "*", 2], ["add-middleware", 1, "/", 2]);
  const gate = new Gate();
  faults.guest = async ({ args }, go) => {
    const { about } = args[0] as { about: string };
    if (about.endsWith("#handle-middleware")) await gate.wait();
    return await go();
  };
  const asked = ask(actor, "POST", "/x");
  await gate.reached();
  await actor.tell([["log", "meanwhile"]]);
  const from = await actor.nextSeq();
  gate.open();
  expect((await asked).status).toBe(200);
  await actor.quiet();
  const ends = (await actor.events(from)).filter(({ type }) => type !== "host.called");
  expect(ends.map(({ type, about }) => `${type} ${about}`.trim())).toEqual([
    "message.received http-middleware",
    "turn.committed",
    "message.received http",
    "turn.committed",
    "turn.committed",
  ]);
});

test("reads run side by side, and the chain has them one by one, each behind the state that it saw", async () => {
  const actor = await site({ read_only: ["/read/{id}"] });
  await does(actor, ["add-route", 1, "/*", "*", 2]);
  const gate = new Gate();
  let reached = 0;
  faults.guest = async (_, go) => {
    reached++;
    await gate.wait();
    return await go();
  };
  const before = must(await theater.state(actor.id));
  const asked = ["a", "b", "c"].map(async (id) => await ask(actor, "GET", `/read/${id}`));
  await until(() => reached === 3);
  const change = ask(actor, "POST", "/x");
  const from = await actor.nextSeq();
  gate.open();
  const answers = await Promise.all(asked);
  expect(answers.map(({ json }) => json["uri"])).toEqual(["/read/a", "/read/b", "/read/c"]);
  expect((await change).status).toBe(200);
  const told = await actor.events(from);
  expect(
    told.map(({ type, about, turn }) => `${turn - (told[0]?.turn ?? 0)} ${type} ${about}`.trim()),
  ).toEqual([
    ...[0, 1, 2].flatMap((n) => [`${n} message.received http-read`, `${n} turn.committed`]),
    "3 message.received http",
    "3 turn.committed",
  ]);
  expect(answers.map(({ event }) => event)).toEqual([1, 3, 5].map((at) => told[at]?.seq));
  expect(told.map(({ fields }) => fields["state"]).slice(0, 6)).toEqual(
    Array.from({ length: 3 }, () => [undefined, null]).flat(),
  );
  expect(must(await theater.state(actor.id))).not.toEqual(before);
  expect(must(await theater.replay(actor.id, null))).toMatchObject({ verdict: "verified" });
});

test.for<[string, string, string?]>([
  ["another state", "/change"],
  ["a send", "/run", '[["send","ACTOR","[]"]]'],
  [
    "a request",
    "/run",
    '[["call","theater:simple/message-server-host#request","ACTOR",{"$bytes":"[]"}]]',
  ],
  ["a file", "/run", '[["write","a","b"]]'],
  ["a timer", "/run", '[["call","theater:edge/timers#cancel","a"]]'],
  ["a child", "/run", '[["call","theater:simple/supervisor#list-children"]]'],
  ["a shutdown", "/run", '[["shutdown","x"]]'],
])(
  "a read-only route does not take %s: its turn fails, and replays",
  async ([, path, body = ""]) => {
    const actor = await site({ read_only: ["/run", "/change"] });
    await does(actor, ["add-route", 1, "/*", "*", 2]);
    const before = must(await theater.state(actor.id));
    const program = body.replace("ACTOR", actor.id);
    const { status, text } = await ask(actor, "GET", path, { body: program });
    expect([status, text]).toEqual(["limit-exceeded", expect.stringMatching(/^read-only: /)]);
    expect(must(await theater.state(actor.id))).toEqual(before);
    const [end] = (await actor.events()).slice(-1);
    expect(end).toMatchObject({
      type: "turn.failed",
      fields: { kind: "limit", code: "read-only" },
    });
    // What is no effect is there; and with another method the same route does what it likes.
    expect((await ask(actor, "GET", "/run", { body: '[["log","x"],["uuid"]]' })).status).toBe(200);
    expect(must(await theater.replay(actor.id, null))).toMatchObject({ verdict: "verified" });
  },
);

test("an isolate that does not keep a read from acting gets nothing out of it", async () => {
  const actor = await site({ read_only: ["/run", "/change"] });
  await does(actor, ["add-route", 1, "/*", "*", 2]);
  faults.guest = async ({ args }, go) => {
    (args[0] as { readOnly: boolean }).readOnly = false;
    return await go();
  };
  const before = must(await theater.state(actor.id));
  for (const [path, body] of [
    ["/change", ""],
    ["/run", `[["send","${actor.id}","[]"]]`],
    ["/run", '[["shutdown","x"]]'],
  ] as const) {
    const { status, text } = await ask(actor, "GET", path, { body });
    expect([status, text]).toEqual(["limit-exceeded", expect.stringMatching(/^read-only: /)]);
  }
  expect(must(await theater.state(actor.id))).toEqual(before);
  expect((await actor.summary()).status).toBe("running");
});
