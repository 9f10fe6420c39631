// A component that is not JavaScript: test/fixtures/abi.c, plain C on the canonical ABI. What it got from the host
// is what the chain has, in values of every shape; and what it passed is what the chain says it passed.

import { Buffer } from "node:buffer";
import { expect, inject, test } from "vitest";
import { parseCid } from "../../src/chain/cid.ts";
import type { Value } from "../../src/chain/value.ts";
import { toJson } from "../../src/executor/wit-json.ts";
import { fromBase64, fromUtf8, toUtf8 } from "../../src/lib/bytes.ts";
import { must, Probe, theater, until, type Told } from "../runtime/stage.ts";
import { gave, tools } from "../runtime/tools.ts";
import { registry } from "../runtime/worker.ts";
import { signatureOf } from "./scene.ts";

const { first: origin } = inject("origins");

const HANDLERS = [
  { type: "runtime" },
  { type: "message-server" },
  { type: "store" },
  { type: "timing", max_sleep_duration: 1_000 },
  { type: "random" },
  { type: "environment", allowed_vars: ["REGION"], allow_list_all: true },
  { type: "http-client", allowed_hosts: [origin] },
  { type: "filesystem", read: true, write: true, allowed_paths: ["."] },
  { type: "process" },
  { type: "timers" },
  { type: "abi-echo" },
  { type: "supervisor" },
];

let uploaded: Promise<string> | undefined;

async function upload(): Promise<string> {
  const bytes = fromBase64(inject("components")["abi"] ?? "") ?? new Uint8Array(0);
  return must(await theater.upload(bytes)).component;
}

async function start(): Promise<Probe> {
  const component = await (uploaded ??= upload());
  const manifest = { name: "abi", version: "1", component, handler: HANDLERS };
  const parts = { initState: null, parent: null, principal: "tester" };
  return new Probe(must(await theater.start({ manifest, ...parts })).id);
}

const ask = async (actor: Probe, body: string) =>
  await theater.request(actor.id, { body: fromUtf8(body), from: "external" });

const report = async (actor: Probe, peer: Probe): Promise<Map<string, string>> =>
  await linesOf(actor, `e${peer.id}${origin}/echo/abi`);

/** The lines of an answer by their names. */
async function linesOf(actor: Probe, body: string): Promise<Map<string, string>> {
  const { reply } = must(await ask(actor, body));
  const lines = toUtf8(reply ?? new Uint8Array(0)).split("\n");
  return new Map(lines.map((line) => [line.replace(/ .*/, ""), line.replace(/^\S* /, "")]));
}

/** The results on record of a function, in order, as JSON by its WIT type. */
function results(events: readonly Told[], about: string): unknown[] {
  const type = signatureFor(about).result;
  return events
    .filter((event) => /^host\.(called|returned)$/.test(event.type) && event.about === about)
    .map(({ fields }) => (type === null ? null : toJson(type, fields["result"] as Value)));
}

/** The arguments on record of a function, call for call. */
function passed(events: readonly Told[], about: string): unknown[][] {
  const { params } = signatureFor(about);
  return events
    .filter((event) => /^host\.(called|intended)$/.test(event.type) && event.about === about)
    .map(({ fields }) =>
      (fields["args"] as Value[]).map((arg, at) => toJson(params[at]?.[1] ?? "bool", arg)),
    );
}

const signatureFor = (about: string) =>
  registry.findHostFunction(about)?.signature ?? signatureOf(about);

const simple = (name: string): string => `theater:simple/${name}`;

const base64 = (text: string): string => Buffer.from(text).toString("base64");

test("values of every shape come to a guest in C as the chain has them", async () => {
  const [actor, peer] = [await start(), await tools()];
  const said = await report(actor, peer);
  const events = await actor.events();
  const [ref] = results(events, simple("store#store")) as [{ ok: { hash: string } }];
  const [bytes] = results(events, simple("random#random-bytes")) as [{ ok: string }];
  const [range] = results(events, simple("random#random-range")) as [{ ok: string }];
  const [float] = results(events, simple("random#random-float")) as [{ ok: number }];
  const [uuid] = results(events, simple("random#generate-uuid")) as [{ ok: string }];
  const [, , far] = results(events, "theater:edge/timers#schedule") as { ok: number }[];
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, float.ok);
  const [created] = events;
  const digest = Buffer.from(parseCid(created?.cid ?? "").digest);
  expect(Object.fromEntries(said)).toEqual({
    events: said.get("linked"),
    linked: expect.stringMatching(/^\d+$/) as string,
    "first-hash": String(digest.readBigUInt64BE(0)),
    "first-type": created?.type,
    ref: ref.ok.hash,
    content: "content",
    exists: "true",
    "exists-not": expect.stringContaining("not granted") as string,
    labelled: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    unlabelled: "none",
    labels: "a,b",
    remove: "done",
    size: "11",
    bytes: Buffer.from(bytes.ok, "base64").toString("hex"),
    "too-many": "err Permission denied: at most 1048576 random bytes in one call",
    range: range.ok,
    empty: "err the range is empty: 5 is not below 5",
    float: String(bits.getBigUint64(0)),
    uuid: uuid.ok,
    now: String(results(events, simple("timing#now"))[0]),
    sleep: "err Permission denied: a wait has at most 1000 ms",
    var: "eu",
    "no-var": "none",
    vars: "REGION=eu",
    "var-exists": "true",
    send: "done",
    request: "[false]",
    nobody: expect.stringMatching(/^err not an actor id/) as string,
    outstanding: "true",
    far: String(far?.ok),
    cancel: "true",
    "cancel-none": "false",
    timers: "daily:3:0 9 * * mon-fri;due:0:true;gone:0:true;",
    status: "200",
    echoed: "from C",
    write: "done",
    files: "note",
    command: expect.stringMatching(/^unsupported: /) as string,
    spawn: expect.stringMatching(/^err unsupported: /) as string,
    same: "true",
    reallocs: "true",
    misaligned: "0",
    turns: "2",
  });
});

test("what a guest in C passes is in the chain by its WIT types, to the last bit", async () => {
  const [actor, peer] = [await start(), await tools()];
  await report(actor, peer);
  const events = await actor.events();
  const [, later = 0] = results(events, simple("timing#now")) as number[];
  expect(passed(events, simple("runtime#log"))).toContainEqual(["from C: ä 🎭"]);
  // All 32 bits, which a guest of componentize-qjs 0.4.5 does not have.
  expect(passed(events, simple("random#random-bytes"))).toEqual([[9], [4_294_967_295]]);
  expect(passed(events, simple("random#random-range"))[0]).toEqual([
    "18446744073709551600",
    "18446744073709551615",
  ]);
  expect(passed(events, simple("timing#sleep"))).toEqual([["18446744073709551615"]]);
  expect(passed(events, "theater:edge/timers#schedule")).toEqual([
    ["tick", { every: 86_400_000 }, ""],
    ["daily", { cron: "0 9 * * mon-fri" }, base64("body")],
    ["gone", { at: later + 10_000_000_000 }, ""],
    ["due", { after: 0 }, base64("now")],
  ]);
  expect(passed(events, simple("process#os-spawn"))).toEqual([
    [
      {
        program: "ls",
        args: ["-l", ""],
        cwd: "/",
        env: [["x-key", "from C"]],
        "buffer-size": 7,
        "stdout-mode": "line-by-line",
        "stderr-mode": "chunked",
        "chunk-size": 4_294_967_295,
        "execution-timeout": "144115188075855871",
      },
    ],
  ]);
  const everything = {
    truth: true,
    letter: "🎭",
    a: 255,
    b: -128,
    c: 65_535,
    d: -32_768,
    e: 4_294_967_295,
    f: -2_147_483_648,
    g: "18446744073709551615",
    h: "-9223372036854775808",
    i: 1.5,
    j: -1e300,
    text: "été",
    color: "dark-blue",
    rights: ["write", "delete-all"],
    shapes: [
      "dot",
      { circle: -0.5 },
      {
        path: [
          [-1, 2],
          [-32_768, 32_767],
        ],
      },
    ],
    twice: { some: null },
    outcome: { err: -1 },
  };
  expect(passed(events, "test:abi/echo#same")).toEqual([[everything]]);
  expect(results(events, "test:abi/echo#same")).toEqual([{ ok: everything }]);
});

test("every kind of message reaches a guest in C, and its chain verifies and replays", async () => {
  const [actor, peer] = [await start(), await tools()];
  await report(actor, peer);
  must(await theater.send(actor.id, { body: fromUtf8("sent"), from: "external" }));
  const host = simple("message-server-host");
  const opened = (await gave(
    peer,
    ["call", `${host}#open-channel`, actor.id, { $bytes: "hello" }],
    ["call", `${host}#open-channel`, actor.id, { $bytes: "" }],
  )) as { gave?: string; err?: string }[];
  expect(opened).toEqual([
    { gave: expect.stringMatching(/^ch_/) as string },
    { err: "channel-rejected: say something" },
  ]);
  await gave(peer, ["call", `${host}#send-on-channel`, opened[0]?.gave, { $bytes: "more" }]);
  await gave(peer, ["call", `${host}#close-channel`, opened[0]?.gave]);
  const kinds = ["timer", "send", "channel", "channel-close"];
  await until(async () => {
    const seen = new Set((await actor.events()).map(({ about }) => about));
    return kinds.every((kind) => seen.has(kind));
  });
  await actor.quiet();
  const events = await actor.events();
  expect(passed(events, simple("runtime#log"))).toContainEqual(["due"]); // by handle-timer
  const refused = await ask(actor, "r");
  expect(refused).toMatchObject({
    ok: false,
    error: { code: "guest-error", message: "refused in C" },
  });
  // Its state has counted every turn that succeeded: init, request, send, two openings, a message, a close, a timer.
  const { reply } = must(await ask(actor, "?"));
  expect(toUtf8(reply ?? new Uint8Array(0))).toBe("turns 9");
  for (const { id } of [actor, peer]) {
    expect(must(await theater.verify(id))).toMatchObject({ verdict: "verified" });
    expect(must(await theater.replay(id, null))).toMatchObject({ verdict: "verified" });
  }
});

test("the post-return of an export runs inside the turn: a trap in it undoes the turn", async () => {
  const actor = await start();
  expect(await ask(actor, "p")).toMatchObject({ ok: false, error: { code: "guest-trap" } });
  const { reply } = must(await ask(actor, "?"));
  expect(toUtf8(reply ?? new Uint8Array(0))).toBe("turns 2");
  expect(must(await theater.replay(actor.id, null))).toMatchObject({ verdict: "verified" });
});

test("a guest in C makes a child, reads its chain and is told how it ends, with WIT's own enum", async () => {
  const boss = await start();
  const { component } = await boss.summary();
  const tables = HANDLERS.map(({ type }) => `[[handler]]\ntype = "${type}"`).join("\n");
  const manifest = `name = "child"\nversion = "1"\ncomponent = "${component}"\n${tables}`;
  const [first, second] = [
    await linesOf(boss, `c${manifest}`),
    await linesOf(boss, `c${manifest}`),
  ];
  const [child, other] = [
    new Probe(first.get("child") ?? ""),
    new Probe(second.get("child") ?? ""),
  ];
  expect([first.get("listed"), second.get("listed")]).toEqual([
    child.id,
    `${child.id},${other.id}`,
  ]);
  expect(first.get("child-events")).toBe("true");
  const { reply } = must(await ask(child, "?"));
  expect(toUtf8(reply ?? new Uint8Array(0))).toBe("turns 9"); // from 7, in init and now
  expect(await ask(child, "p")).toMatchObject({ error: { code: "guest-trap" } });
  const logged = async (): Promise<unknown[]> =>
    passed(await boss.events(), simple("runtime#log")).flat();
  await until(async () => (await logged()).length === 1);
  const [, params] = signatureOf("theater:simple/supervisor-handlers#handle-child-error").params;
  const notice = (await boss.events()).find(({ about }) => about === "child-notice");
  const [, told] = (notice?.fields ?? {})["params"] as [string, { "error-type": string }];
  const names = /"enum":(\[.*?\])/.exec(JSON.stringify(params))?.[1] ?? "[]";
  expect(await logged()).toEqual([
    `child-error ${(JSON.parse(names) as string[]).indexOf(told["error-type"])}`,
  ]);
  await other.change("stop");
  await until(async () => (await logged()).includes("child-stop"));
  for (const { id } of [boss, child, other]) {
    expect(must(await theater.replay(id, null))).toMatchObject({ verdict: "verified" });
  }
});
