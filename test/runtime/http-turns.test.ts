// Requests as turns: one of many with a key, whole again after a crash, one after the other where they write and side
// by side where they only read.

import { afterEach, expect, test } from "vitest";
import { fromUtf8, toUtf8 } from "../../src/lib/bytes.ts";
import { clearFaults, faults } from "./faults.ts";
import { Gate, must, theater, until } from "./stage.ts";
import { tools } from "./tools.ts";
import { framework, does, site, INPUT, ask } from "./http-site.ts";

afterEach(clearFaults);

const key = (name: string) => ({ idempotency: { principal: "token:test", key: name } });

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
