// WebSockets of an actor: what opens, what is on record, what leaves and when, and what a crash, an eviction or a stop
// makes of it.

import { afterEach, expect, test } from "vitest";
import { clearFaults, faults } from "./faults.ts";
import { Gate, must, Probe, theater, until } from "./stage.ts";
import { TYPES } from "./handler-types.ts";
import { gave, tools } from "./tools.ts";
import { upgrade } from "./versions.ts";
import { refused, visit } from "./visitor.ts";

afterEach(clearFaults);

const FRAMEWORK = "theater:simple/http-framework#";

const EDGE = "theater:edge/websockets#";

const SERVER = { port: null, host: null, tlsConfig: null };

type Call = [about: string, ...args: unknown[]];

const does = async (actor: Probe, ...calls: Call[]): Promise<unknown[]> =>
  (
    (await gave(actor, ...calls.map((call) => ["call", ...call]))) as {
      gave?: unknown;
      err?: string;
    }[]
  ).map(({ gave: value, err }) => err ?? value);

/** With one running server, of id 1, a handler, of id 2, and WebSockets at /live and /quiet, which has no other. */
async function site(
  grant: Record<string, unknown> = {},
  limits: Record<string, number> = {},
): Promise<Probe> {
  const actor = await tools({ "http-framework": grant }, limits);
  await does(
    actor,
    [`${FRAMEWORK}create-server`, SERVER],
    [`${FRAMEWORK}register-handler`, "all"],
    [`${FRAMEWORK}start-server`, 1],
    [`${FRAMEWORK}enable-websocket`, 1, "/live", 2, 2, 2],
    [`${FRAMEWORK}enable-websocket`, 1, "/quiet", null, 2, null],
    [`${FRAMEWORK}enable-websocket`, 1, "/refused", 2, 2, 2],
  );
  return actor;
}

const told = async (actor: Probe): Promise<unknown> =>
  ((await actor.state()) as { told: unknown } | null)?.told ?? [];

test("a connection, its messages and its end are turns, in the order of the socket", async () => {
  const actor = await site();
  const visitor = await visit(actor);
  for (const said of ["one", "two", "three"]) visitor.say(said);
  visitor.say(new Uint8Array(5));

  expect(await visitor.hears(4)).toEqual(["one", "two", "three", 5]);
  visitor.socket.close(4000, "bye");
  await until(async () => ((await told(actor)) as unknown[]).length === 6);
  expect(await told(actor)).toEqual([
    ["open", 2, 1, "/live"],
    ["said", 2, 1, "text", "one"],
    ["said", 2, 1, "text", "two"],
    ["said", 2, 1, "text", "three"],
    ["said", 2, 1, "binary", null],
    ["close", 2, 1],
  ]);
  const events = await actor.events();
  const kinds = events.filter(({ type }) => type === "message.received").map(({ about }) => about);
  expect(kinds.slice(-6)).toEqual([
    "websocket-open",
    ...Array.from({ length: 4 }, () => "websocket"),
    "websocket-close",
  ]);
  expect(events[visitor.event ?? 0]?.type).toBe("turn.committed");
  expect(must(await theater.replay(actor.id, null))).toMatchObject({ verdict: "verified" });
});

test("what the opening turn says comes first, and nothing of a turn that did not commit", async () => {
  const actor = await site();
  const hello = [["call", `${EDGE}send`, "$id", { tag: "text", val: "hello" }]];
  const visitor = await visit(
    actor,
    `/live?${encodeURIComponent(JSON.stringify(hello)).replace("%22%24id%22", "$id")}`,
  );
  visitor.say("refuse");
  visitor.say(
    '[["call","theater:edge/websockets#send",$id,{"tag":"text","val":"lost"}],["trap-now"]]',
  );
  visitor.say("trap");
  visitor.say("after");
  expect(await visitor.hears(2)).toEqual(["hello", "after"]);
  const ends = (await actor.lines()).filter((line) => line.startsWith("turn.")).slice(-4);
  expect(ends.map((end) => end.startsWith("turn.committed"))).toEqual([false, false, false, true]);
});

test("every visitor hears a broadcast, in the order in which turns said it", async () => {
  const actor = await site();
  const visitors = await Promise.all([visit(actor), visit(actor), visit(actor, "/quiet")]);
  const say = (path: string | null, val: string) =>
    does(actor, [`${EDGE}broadcast`, path, { tag: "text", val }]);
  expect(await say(null, "all")).toEqual([3]);
  expect(await say("/live", "some")).toEqual([2]);
  expect(await say("/nowhere", "none")).toEqual([0]);
  expect(await say(null, "end")).toEqual([3]);
  const heard = await Promise.all(visitors.map((each, n) => each.hears(n === 2 ? 2 : 3)));
  expect(heard).toEqual([
    ["all", "some", "end"],
    ["all", "some", "end"],
    ["all", "end"],
  ]);
  expect(await does(actor, [`${EDGE}connections`, null])).toEqual([[1, 2, 3]]);
});

const saying = (val: string): Call => [`${EDGE}broadcast`, null, { tag: "text", val }];

test("connections outlive an eviction, and what was said before it arrives", async () => {
  const actor = await site();
  const visitors = await Promise.all([visit(actor), visit(actor)]);
  for (const round of ["a", "b", "c"]) {
    await does(actor, saying(round));
    await actor.evict();
  }
  visitors[0]?.say("x");
  for (const [n, each] of visitors.entries()) {
    expect(await each.hears(3 + (n === 0 ? 1 : 0))).toEqual(["a", "b", "c", ...(n ? [] : ["x"])]);
  }
  expect(await actor.sql("SELECT id FROM socket")).toEqual([{ id: 1 }, { id: 2 }]);
});

test("a crash takes frame, turn and connection together, and the guest hears of the end at the next wake-up", async () => {
  const actor = await site();
  const [lost, kept] = [await visit(actor), await visit(actor)];
  const gate = new Gate();
  faults.guest = async (_, go) => {
    await gate.wait();
    return await go();
  };
  lost.say("never");
  await gate.reached();
  await actor.crash();
  gate.open();
  clearFaults();
  expect(await lost.ends()).toMatchObject({ code: 1006 });
  expect(await kept.ends()).toMatchObject({ code: 1006 });
  await until(
    async () => (await actor.lines()).filter((l) => l.includes("websocket-close")).length === 2,
  );
  await actor.quiet();
  expect((await told(actor)) as unknown[]).toEqual([
    ["open", 2, 1, "/live"],
    ["open", 2, 2, "/live"],
    ["close", 2, 1],
    ["close", 2, 2],
  ]);
  // Its id is not given again.
  await visit(actor);
  expect(((await told(actor)) as unknown[]).at(-1)).toEqual(["open", 2, 3, "/live"]);
  expect(must(await theater.replay(actor.id, null))).toMatchObject({ verdict: "verified" });
});

test("an opening turn that goes on after a crash finds nobody, and the guest is told so", async () => {
  const actor = await site({}, { turn_ms: 60_000 });
  const gate = new Gate();
  const other = await tools();
  faults.peer = async ({ name }, go) => {
    if (name === `${other.id} request`) await gate.wait();
    return await go();
  };
  const program = [
    ["call", "theater:simple/message-server-host#request", other.id, { $bytes: "[]" }],
    ["call", `${EDGE}send`, "$id", { tag: "text", val: "hello" }],
  ];
  const query = encodeURIComponent(JSON.stringify(program).replace('"$id"', "$id"));
  const opening = visit(actor, `/live?${query}`).catch(() => "broken");
  await gate.reached();
  await actor.crash();
  clearFaults();
  gate.open();
  expect(await opening).toBe("broken");
  await until(async () =>
    (await actor.lines()).some((line) => line.startsWith("message.received websocket-close")),
  );
  await actor.quiet();
  expect(await told(actor)).toEqual([
    ["open", 2, 1, "/live"],
    ["close", 2, 1],
  ]);
  expect(await actor.sql("SELECT id FROM socket").catch(() => [])).toEqual([]);
  expect(must(await theater.replay(actor.id, null))).toMatchObject({ verdict: "verified" });
});

test.for([
  ["stop", 1001],
  ["terminate", 1001],
] as const)("%s closes the connections with a code and a reason", async ([change, code]) => {
  const actor = await site();
  const visitor = await visit(actor);
  await actor.change(change);
  expect(await visitor.ends()).toEqual({ code, reason: "stopped" });
  expect(await actor.sql("SELECT id FROM socket")).toEqual([]);
  expect(await refused(actor, "/live")).toBe("wrong-state");
});

test("a paused actor keeps its connections and holds what they say", async () => {
  const actor = await site();
  const visitor = await visit(actor);
  await actor.change("pause");
  visitor.say("one");
  visitor.say("two");
  expect(await refused(actor, "/live")).toBe("unavailable");
  await until(async () => (await actor.summary()).mailbox === 2);
  expect(visitor.got).toEqual([]);
  await actor.change("resume");
  expect(await visitor.hears(2)).toEqual(["one", "two"]);
});

test("the guest closes connections, by what it returns and by calls, and hears of each end once", async () => {
  const actor = await site();
  const [one, two, three] = [await visit(actor), await visit(actor), await visit(actor)];
  one.say("close");
  expect(await one.ends()).toEqual({ code: 1000, reason: "" });
  expect(one.got).toEqual(["bye"]);
  expect(
    await does(
      actor,
      [`${EDGE}send`, 2, { tag: "text", val: "last" }],
      [`${EDGE}close`, 2, 4001, "enough"],
      [`${EDGE}send`, 2, { tag: "text", val: "never" }],
      saying("rest"),
      [`${EDGE}close`, 3, 1006, ""],
      [`${FRAMEWORK}close-websocket`, 9, 3],
      [`${FRAMEWORK}send-websocket-message`, 1, 3, { ty: { tag: "pong" }, data: null, text: null }],
    ),
  ).toEqual([
    null,
    null,
    "no-such-connection: no WebSocket of this actor has the id 2",
    1,
    "bad-code: a code is 1000, or 3000 to 4999",
    "no-such-connection: no WebSocket of this actor has the id 3",
    "bad-message: send text, binary or close; the host sees to pings by itself",
  ]);
  expect(await two.ends()).toEqual({ code: 4001, reason: "enough" });
  expect(two.got).toEqual(["last"]);
  expect(await three.hears(1)).toEqual(["rest"]);
  three.say("ping back");
  expect(await three.ends()).toEqual({ code: 1011, reason: "answer not sendable" });
  await actor.quiet();
  const closes = ((await told(actor)) as unknown[][]).filter(([what]) => what === "close");
  expect(closes.map((each) => each[2])).toEqual([1, 2, 3]);
});

test("an upgrade keeps the connections, and a fork has none", async () => {
  const actor = await site();
  const visitor = await visit(actor);
  const { component } = await actor.summary();
  const handler = TYPES.map((type) => ({ type }));
  const manifest = { name: "tools", version: "2", component, handler, limits: { turn_ms: 20_000 } };
  must(await upgrade(actor, null, { manifest }));
  visitor.say("still here");
  expect(await visitor.hears(1)).toEqual(["still here"]);
  const { head } = await actor.summary();
  const fork = must(await theater.fork(actor.id, { at: head.seq, component: null, name: null }));
  expect(await new Probe(fork.id).sql("SELECT 1 FROM sqlite_master WHERE name = 'socket'")).toEqual(
    [],
  );
  expect(must(await theater.replay(actor.id, null))).toMatchObject({ verdict: "verified" });
});

test("a server that stops takes its connections along", async () => {
  const actor = await site();
  const visitor = await visit(actor);
  await does(actor, [`${FRAMEWORK}stop-server`, 1]);
  expect(await visitor.ends()).toEqual({ code: 1001, reason: "not served any more" });
  expect(await refused(actor, "/live")).toBe("not-found");
});

test("an upgrade is refused before it is one: by the host, the guest, and a middleware", async () => {
  const actor = await site({ origins: ["https://own.example"], public: false });
  expect(await refused(actor, "/nowhere")).toBe("not-found");
  expect(await refused(actor, "/refused")).toBe("guest-error");
  expect(await refused(actor, "/live", { principal: "public" })).toBe("unauthorized");
  const from = (origin: string) => ({ headers: [["origin", origin]] as const });
  expect(await refused(actor, "/live", from("https://other.example"))).toBe("forbidden");
  expect(await refused(actor, "/live", from("https://own.example"))).toBe("opened");
  await does(actor, [`${FRAMEWORK}add-middleware`, 1, "/", 2]);
  const how = (what: string) => ({ headers: [["x-middleware", what]] as const });
  expect(await refused(actor, "/live", how("stop"))).toBe(403);
  expect(await refused(actor, "/live", how("answer"))).toBe(401);
  expect(await refused(actor, "/live", how("refuse"))).toBe("guest-error");
  const visitor = await visit(actor, "/live", how("go on"));
  visitor.say("in");
  expect(await visitor.hears(1)).toEqual(["in"]);
  expect(must(await theater.replay(actor.id, null))).toMatchObject({ verdict: "verified" });
});

test("long texts come and go whole, agree when replayed, and what is too long ends the connection", async () => {
  const actor = await site({}, { message_bytes: 200_000 });
  const visitor = await visit(actor);
  const long = "ä".repeat(50_000);
  visitor.say(long);
  expect((await visitor.hears(1))[0]).toBe(long);
  expect(must(await theater.replay(actor.id, null))).toMatchObject({ verdict: "verified" });
  visitor.say("x".repeat(200_001));
  expect(await visitor.ends()).toEqual({ code: 1009, reason: "message too large" });
});

test("whoever says more than is held is told to come again later, and the others are not", async () => {
  const actor = await site();
  const [loud, calm] = [await visit(actor), await visit(actor)];
  await actor.change("pause");
  for (let n = 0; n < 129; n++) loud.say(`${n}`);
  calm.say("one");
  expect(await loud.ends()).toEqual({ code: 1013, reason: "too many messages wait" });
  await actor.change("resume");
  expect(await calm.hears(1)).toEqual(["one"]);
});

test("a text that keeps the connection alive is answered without a turn", async () => {
  const actor = await site({ keepalive: "still there?" });
  const visitor = await visit(actor);
  const { turns } = await actor.summary();
  visitor.say("still there?");
  expect(await visitor.hears(1)).toEqual(["still there?"]);
  expect((await actor.summary()).turns).toBe(turns);
});

test("an actor without WebSockets has no table of them", async () => {
  const actor = await site();
  expect(await actor.sql("SELECT name FROM sqlite_master WHERE name = 'socket'")).toEqual([]);
});
