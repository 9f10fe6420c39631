// What HTTP can do, against an actor that is a Hono application and one that is a wasi:http component, over real HTTP:
// one server for all of it. And the guestbook as visitors see it.

import { globSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Crowd } from "./crowd.ts";
import { chromiumPath, launchChromium } from "../browser/chromium.ts";
import {
  ask,
  close,
  folder,
  origin,
  plain,
  plainManifest,
  raw,
  serve,
  server,
  web,
  type Ask,
} from "./http-site.ts";
import { calls, turnOf, writesOf } from "./http-record.ts";
import { failures, plainTable, table, TEN_MB, type Row } from "./http-table.ts";
import { pinged, UPGRADE } from "./raw-socket.ts";
import { missingTool } from "../support/missing-tool.ts";

beforeAll(serve, 120_000);
afterAll(close);

async function holds(site: string, [, path, asked, expected, content]: Row): Promise<void> {
  const answer = await raw(`/a/${site}${path}`, asked);
  expect(answer).toMatchObject(expected);
  const text = answer.body.toString();
  const found: unknown = typeof content === "string" ? text : JSON.parse(text);
  expect({ content: found }).toMatchObject({ content });
  expect(answer.headers["theater-event"]).toMatch(/^\d+:b[a-z2-7]{58}$/);
  expect(answer.headers["content-security-policy"]).toContain("sandbox");
}

test.for(table)("%s", async (row) => {
  expect.hasAssertions();
  await holds("web", row);
});

test.for(plainTable)("a wasi:http component: %s", async (row) => {
  expect.hasAssertions();
  await holds("plain", row);
});

test.for(["/a/web/big", `/a/plain/big/${TEN_MB}`])("10 MB out: %s", async (path) => {
  const { status, body, headers } = await raw(path);
  expect([status, body.length, headers["content-length"]]).toEqual([200, TEN_MB, String(TEN_MB)]);
  expect(body.every((byte) => byte === 120)).toBe(true);
});

test("a multipart form with a file", async () => {
  const form = new FormData();
  form.set("text", 'a "b"');
  form.set("file", new Blob(["\r\n--x"], { type: "text/plain" }), "a.txt");
  const response = await fetch(`${server.url}/a/web/form`, { method: "POST", body: form });
  expect(await response.json()).toEqual([
    ["text", 'a "b"'],
    ["file", "a.txt", "text/plain", 5],
  ]);
});

test("cookies are set below the actor's name, and reach it as keyed hashes", async () => {
  const { headers, body } = await raw("/a/web/cookies", { headers: { cookie: "sid=secret" } });
  expect(headers["set-cookie"]).toEqual([
    "one=1; Path=/a/web/; HttpOnly",
    "two=2; Path=/a/web/; Expires=Wed, 21 Oct 2026 07:28:00 GMT",
  ]);
  expect(body.toString()).toMatch(/^sid=hash\.[0-9a-f]{32}$/);
});

test("refusals of ours are problems: too large, too many headers, too long, and waits without an end", async () => {
  const problem = async (path: string, asked: Ask = {}): Promise<unknown> => {
    const { status, headers, body } = await raw(path, asked);
    expect(headers["content-type"]).toBe("application/problem+json");
    return [status, (JSON.parse(body.toString()) as { code: string }).code];
  };
  const large = Buffer.alloc(10 * 1024 * 1024 + 1);
  expect(await problem("/a/web/echo", { method: "POST", parts: [large] })).toEqual([
    413,
    "too-large",
  ]);
  const many = Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`x-${n}`, "1"]));
  expect(await problem("/a/web/echo", { headers: many })).toEqual([431, "headers-too-large"]);
  expect(await problem(`/a/web/echo?${"x".repeat(9_000)}`)).toEqual([414, "uri-too-long"]);
  expect(await problem("/a/web/waits")).toEqual([422, "guest-error"]);
  expect(await problem("/a/nobody/")).toEqual([401, "unauthorized"]);
  expect(await problem(`/v1/actors/${web}/http/text`)).toEqual([401, "unauthorized"]);
});

test("what a wasi:http component prints is its log, line by line", async () => {
  const events = await turnOf(plain, await raw("/a/plain/print"));
  const lines = events.flatMap(({ about, fields }) =>
    about === "theater:simple/runtime#log" ? [fields["args"]] : [],
  );
  expect(lines).toEqual([["one"], ["two, three"], ["without an end and more"]]);
});

test("clocks, chance and the environment of a wasi:http component are calls of handlers", async () => {
  const answer = await raw("/a/plain/world");
  const [wall = "", slept, random, bytes] = answer.body.toString().split("\n");
  expect(Number(wall.slice(5))).toBeGreaterThan(Date.UTC(2026, 0));
  expect(Number(slept?.slice(6))).toBeGreaterThanOrEqual(20);
  expect([random, bytes]).toEqual([expect.stringMatching(/^random \d{5,20}$/), "bytes 5"]);
  expect(calls(await turnOf(plain, answer))).toEqual([
    "theater:simple/timing#now",
    "theater:simple/timing#now",
    "theater:simple/timing#sleep",
    "theater:simple/timing#sleep",
    "theater:simple/timing#now",
    "theater:simple/random#random-bytes",
    "theater:simple/random#random-bytes",
    "theater:simple/environment#list-vars",
  ]);
});

test("requests of a wasi:http component are calls of http-client, in order, and what is not granted is denied", async () => {
  const answer = await raw(`/a/plain/fetch/${origin}/x?y=1`);
  expect(answer.body.toString().split("\n")).toEqual([
    "ready 2",
    "200 GET /x?y=1 ",
    "200 GET /x?y=1 ",
    "200 POST /x?y=1 a body",
  ]);
  expect(calls(await turnOf(plain, answer))).toEqual(
    Array.from({ length: 6 }, () => "theater:simple/http-client#send-http"),
  );
  const denied = await raw("/a/plain/fetch/127.0.0.1:9/x");
  // 15: HTTP-request-denied
  expect(denied.body.toString()).toBe("ready 2\nerror 15\nerror 15\nerror 15");
});

test.for(failures)(
  "a wasi:http component that fails is told apart: %s",
  async ([path, status, code, why]) => {
    const answer = await raw(`/a/plain${path.replace("ORIGIN", origin)}`);
    expect(answer.headers["content-type"]).toBe("application/problem+json");
    const problem = JSON.parse(answer.body.toString()) as { code: string; detail: string };
    expect([answer.status, problem.code, problem.detail]).toEqual([
      status,
      code,
      expect.stringContaining(why),
    ]);
  },
);

test("a streamed response leaves part by part, each in the chain before it leaves", async () => {
  const response = await fetch(`${server.url}/a/plain/stream/40`);
  expect(response.headers.get("content-type")).toBe("text/plain");
  let text = "";
  let firstMs: number | undefined;
  for await (const part of response.body ?? []) {
    text += Buffer.from(part as Uint8Array).toString();
    if (firstMs !== undefined) continue;
    firstMs = Date.now();
    const intended = (await writesOf(response)).filter(({ type }) => type === "host.intended");
    expect(intended.length).toBeGreaterThanOrEqual(text.split("\n").length - 1);
  }
  expect(text).toBe(Array.from({ length: 40 }, (_, n) => `chunk ${n}\n`).join(""));
  const writes = await writesOf(response);
  expect(writes.length).toBe(80);
  expect(writes.at(-1)?.time).toBeGreaterThan(firstMs ?? Infinity);
});

test("where the turn of a stream fails it is broken off, and the chain says how far it came", async () => {
  const response = await fetch(`${server.url}/a/plain/broken/3`);
  await expect(response.text()).rejects.toThrow("terminated");
  const sent = (await writesOf(response)).filter(({ type }) => type === "host.returned");
  expect(sent.map(({ fields }) => fields["result"])).toEqual([1, 2, 3].map(() => ({ ok: null })));
  const end = await ask(`/v1/actors/${plain}/chain/head`, {});
  const last = await ask(`/v1/actors/${plain}/chain/${String(end["seq"])}`, {});
  expect(last["event"]).toMatchObject({ type: "turn.failed", fields: { code: "unreachable" } });
});

test("a visitor who leaves ends the stream, and not the actor; HEAD and a key are no stream", async () => {
  const control = new AbortController();
  const response = await fetch(`${server.url}/a/plain/stream/400`, { signal: control.signal });
  control.abort();
  await expect.poll(async () => (await raw("/a/plain/text")).status, { timeout: 20_000 }).toBe(200);
  const [last] = (await writesOf(response)).slice(-1);
  expect(last?.fields["result"]).toEqual({ err: "gone: nobody takes the response any more" });
  const head = await raw("/a/plain/stream/2", { method: "HEAD" });
  expect([head.status, head.headers["content-length"]]).toEqual([200, "16"]);
  const keyed = { method: "POST", headers: { "idempotency-key": "s1" } };
  expect((await raw("/a/plain/stream/2", keyed)).status).toBe(400);
});

test("where too many wait it is 429, and where a body is too large 413", async () => {
  const all = await Promise.all(Array.from({ length: 6 }, () => raw("/a/plain/world")));
  const refused = all.filter(({ status }) => status !== 200);
  expect(refused.length).toBeGreaterThan(0);
  for (const { status, headers, body } of refused) {
    expect([status, headers["content-type"]]).toEqual([429, "application/problem+json"]);
    expect(headers["retry-after"]).toBe("1");
    expect(JSON.parse(body.toString())).toMatchObject({ code: "busy" });
  }
  const large = Buffer.alloc(10 * 1024 * 1024 + 1);
  const { status, body } = await raw("/a/plain/echo", { method: "POST", parts: [large] });
  expect([status, JSON.parse(body.toString())]).toMatchObject([413, { code: "too-large" }]);
});

test("where the database does not answer it is 503, and says when to come again", async () => {
  const files = globSync(join(folder, "**/*.sqlite"));
  const databases = files.map((file) => new DatabaseSync(file));
  const hasActors = (each: DatabaseSync): boolean =>
    each.prepare("SELECT 1 FROM sqlite_master WHERE name = 'actor'").get() !== undefined;
  const database = databases.find(hasActors);
  database?.exec("ALTER TABLE actor RENAME TO gone");
  // A name that nobody has asked for yet: what is known of a name is known for two seconds.
  const headers = { authorization: `Bearer ${server.token}` };
  const answer = await raw("/a/elsewhere/text", { headers });
  database?.exec("ALTER TABLE gone RENAME TO actor");
  for (const each of databases) each.close();
  expect([answer.status, answer.headers["retry-after"]]).toEqual([503, "1"]);
  expect(answer.headers["content-type"]).toBe("application/problem+json");
  expect(JSON.parse(answer.body.toString())).toMatchObject({ code: "unavailable" });
  expect((await raw("/a/plain/text")).status).toBe(200);
});

test("a wasi:http component has no state, and takes nothing but HTTP", async () => {
  const component = (await ask(`/v1/actors/${plain}`, {}))["component"];
  const manifest = { name: "stateful", version: "1", component, ...plainManifest("stateful") };
  const born = await ask("/v1/actors", {
    method: "POST",
    body: JSON.stringify({ manifest, initState: btoa("{}") }),
  });
  expect(born).toMatchObject({
    code: "guest-error",
    detail: expect.stringContaining("no state") as unknown,
  });
  expect(await ask(`/v1/actors/${plain}/send`, { method: "POST", body: "x" })).toMatchObject({
    code: "missing-handler",
  });
  const { handler, ...less } = manifest;
  const without = { ...less, handler: handler.filter(({ type }) => type !== "http-client") };
  const refused = await ask("/v1/actors", {
    method: "POST",
    body: JSON.stringify({ manifest: without }),
  });
  expect(refused).toMatchObject({
    code: "missing-handler",
    evidence: { missing: ["http-client"] },
  });
});

test("a fork of a wasi:http component answers as its origin does", async () => {
  const [seq] = String((await raw("/a/plain/text")).headers["theater-event"]).split(":");
  const forked = await ask(`/v1/actors/${plain}/chain/fork`, {
    method: "POST",
    body: JSON.stringify({ at: Number(seq) }),
  });
  const headers = { authorization: `Bearer ${server.token}` };
  const answer = await raw(`/v1/actors/${String(forked["id"])}/http/text`, { headers });
  expect([answer.status, answer.body.toString()]).toEqual([200, "grüße"]);
});

test("a POST with a key happens once", async () => {
  const headers = { "idempotency-key": "k1", authorization: `Bearer ${server.token}` };
  const count = async () => await raw(`/v1/actors/${web}/http/count`, { method: "POST", headers });
  const [first, second] = [await count(), await count()];
  expect([first.status, first.body.toString()]).toEqual([200, '{"count":1}']);
  expect([second.body.toString(), second.headers["theater-event"]]).toEqual([
    first.body.toString(),
    first.headers["theater-event"],
  ]);
});

test("a guestbook is signed and read below its name, and on a host of its own without the sandbox", async () => {
  const form = { "content-type": "application/x-www-form-urlencoded" };
  const text = "name=Ada&text=%3Cb%3EHello";
  const signed = await raw("/a/guestbook/entries", {
    method: "POST",
    headers: form,
    parts: [text],
  });
  expect([signed.status, signed.headers.location]).toEqual([303, "/a/guestbook/"]);
  const page = await raw("/a/guestbook/");
  expect(page.body.toString()).toContain("<b>Ada</b>: &lt;b&gt;Hello");
  const own = await raw("/", { headers: { host: "localhost" } });
  expect(own.body.toString()).toBe(page.body.toString());
  expect(own.headers["content-security-policy"]).toBeUndefined();
  const { headers } = await raw("/a/guestbook");
  expect(headers.location).toBe("/a/guestbook/");
});

test("the actor of docs/websockets.md refuses, answers and tells everybody", async () => {
  const room = `${server.url.replace("http", "ws")}/a/room/room`;
  const [ada, also] = [new Crowd(), new Crowd()];
  await Promise.all([ada.join(`${room}?name=ada`), also.join(`${room}?name=ada`)]);
  await expect(ada.join(`${room}?name=bob`)).rejects.toThrow("not opened");
  const refused = await raw("/a/room/room?name=bob", { headers: UPGRADE });
  expect([refused.status, JSON.parse(refused.body.toString()).detail]).toEqual([422, "only Ada"]);
  const opened = await raw("/a/room/room?name=ada", { headers: UPGRADE });
  expect([opened.status, opened.headers["theater-event"]]).toEqual([
    101,
    expect.stringMatching(/^\d+:bafy/),
  ]);
  ada.sockets[0]?.send("hello");
  await Promise.all([ada.hears(2, 1), also.hears(1)]);
  const [[said = "", noted] = [], [heard] = []] = [ada.heard[0], also.heard[0]];
  expect([said.replace(/^\d+/, "n"), noted, heard]).toEqual(["n: hello", "noted", said]);
});

const VISITORS = 1_000;
const LAST = 50; // those that say something once more at the end

test("1,000 WebSockets outlive two evictions, and each hears once, in order, what turns said", async () => {
  const begunMs = performance.now();
  const crowd = await Crowd.open(`${server.url}/a/web/socket`, VISITORS);
  const openedMs = performance.now();
  const says = (said: string): void => crowd.sockets.forEach((socket) => socket.send(said));
  says("one");
  await crowd.hears(1);
  const answeredMs = performance.now();
  const toldMs: number[] = [];
  for (const [n, said] of ["a", "b", "c", "d"].entries()) {
    const spreadMs = await crowd.spread(async () => {
      crowd.sockets[n]?.send(`all ${said}`);
      // The second and the fourth time in the midst of it.
      if (n % 2 === 1) await server.evict(web);
    });
    toldMs.push(spreadMs);
  }
  const last = crowd.sockets.slice(0, LAST);
  last.forEach((socket) => socket.send("two"));
  await crowd.hears(6, LAST);
  const steps = [openedMs - begunMs, answeredMs - openedMs, ...toldMs].map(Math.round);
  // oxlint-disable-next-line no-console -- what a run measured
  console.log(`opened, answered, told four times, ms: ${steps.join(", ")}`);
  expect(crowd.closed).toEqual([]);
  const said = crowd.heard.map((heard) => heard.map((each) => each.replace(/^\d+:? /, "")));
  const expected = ["one", "all a", "all b", "all c", "all d"];
  expect(said.slice(LAST).filter((each) => each.join() !== expected.join())).toEqual([]);
  expect(new Set(said.slice(0, LAST).map(String))).toEqual(new Set([[...expected, "two"].join()]));
  // Each was answered as itself, and every visitor heard the same turn's broadcast.
  const ids = crowd.heard.map(([first = ""]) => Number(first.split(":")[0]));
  expect(new Set(ids).size).toBe(VISITORS);
  expect(new Set(crowd.heard.map((heard) => heard.slice(1, 5).join())).size).toBe(1);
  crowd.close();
}, 120_000);

test("an upgrade takes a token as a subprotocol, and answers with the event and what is spoken", async () => {
  const path = `/v1/actors/${web}/http/socket`;
  const token = Buffer.from(server.token).toString("base64url");
  const asked = (protocol: string) =>
    raw(path, { headers: { ...UPGRADE, "sec-websocket-protocol": protocol } });
  expect((await asked("chat")).status).toBe(401);
  const { status, headers } = await asked(`chat, theater.bearer.${token}`);
  expect([status, headers["sec-websocket-protocol"]]).toEqual([101, "chat"]);
});

test("a protocol ping is answered with what it carried, by an actor that sleeps too, and is no turn", async () => {
  const heads: unknown[] = [];
  const heard = await pinged(`${server.url}/a/web/socket`, ["awake", "asleep"], async (text) => {
    heads.push((await ask(`/v1/actors/${web}/chain/head`, {}))["seq"]);
    if (text === "asleep") await server.evict(web);
  });
  expect([heard, heads[1]]).toEqual([["\x8a\x05awake", "\x8a\x06asleep"], heads[0]]);
});

test("the guestbook works in a browser, in an origin of its own", async ({ skip }) => {
  if (chromiumPath === undefined) return skip(missingTool("Chromium", "chromium"));
  const browser = await launchChromium(chromiumPath);
  try {
    const [page, other] = [await browser.newPage(), await browser.newPage()];
    await page.goto(`${server.url}/a/guestbook/`);
    await other.goto(`${server.url}/a/guestbook/`);
    await other.waitForSelector("body[data-live=yes]");
    await page.fill("[name=name]", "Grace <i>");
    await page.fill("[name=text]", "from a browser");
    await page.click("button");
    await page.waitForSelector("li:has-text('from a browser')");
    expect(await page.textContent("li b")).toBe("Grace <i>");
    // In the other page without a reload.
    await other.waitForSelector("li:has-text('from a browser')");
    expect(await other.textContent("li b")).toBe("Grace <i>");
    expect(new URL(page.url()).pathname).toBe("/a/guestbook/");
    const [origin, stored] = (await page.evaluate(`[
      self.origin,
      (() => { try { return String(localStorage.length); } catch { return "refused"; } })(),
    ]`)) as [string, string];
    expect([origin, stored]).toEqual(["null", "refused"]);
  } finally {
    await browser.close();
  }
});

test.for(["web", "plain"])("every turn of all this verifies and replays: %s", async (name) => {
  const id = name === "web" ? web : plain;
  for (const path of ["verify", "replay"]) {
    const report = await ask(`/v1/actors/${id}/chain/${path}`, { method: "POST" });
    expect(report).toMatchObject({ verdict: "verified" });
  }
});
