// Plug-ins, registered and in another Worker: what they answer is of their types, in time and in size, or a
// failure; what they serve is pinned; and the chain has all that a replay needs.

import { afterEach, beforeEach, expect, test } from "vitest";
import type { TurnHost } from "../../src/executor/executor.ts";
import { LoaderExecutor } from "../../src/executor/loader-executor.ts";
import { readGenesis } from "../../src/runtime/birth/genesis.ts";
import { moduleSetRef } from "../../src/runtime/birth/module-sets.ts";
import { R2Store } from "../../src/store/r2-store.ts";
import { fromUtf8, toUtf8 } from "../../src/lib/bytes.ts";
import { clearFaults, faults } from "./faults.ts";
import { bindings, must, Probe, theater, until, type Told } from "./stage.ts";
import { registry } from "./worker.ts";

/** The plug-in's own door for the tests. */
interface Door {
  setDescribed(what: string): Promise<void>;
  release(): Promise<void>;
  late(): Promise<number>;
  seen(): Promise<{ actor: string; callId: string }[]>;
}

const { PLUGIN_MISCHIEF: mischief, COMPONENT_WITH_PLUGINS: built } = bindings as unknown as {
  PLUGIN_MISCHIEF: Door;
  COMPONENT_WITH_PLUGINS: Fetcher;
};

const TRICK = "test:mischief/trick";
const plugin = { type: "plugin", interface: TRICK, service: "MISCHIEF", call_ms: 5_000 };
const MANIFEST = [
  { type: "runtime" },
  { type: "message-server" },
  { type: "words" },
  plugin,
] as const;

let uploaded: string | undefined;

beforeEach(async () => {
  await mischief.setDescribed("");
});
afterEach(clearFaults);

async function component(): Promise<string> {
  if (uploaded !== undefined) return uploaded;
  const response = await built.fetch("http://built/");
  uploaded = must(await theater.upload(await response.bytes())).component;
  return uploaded;
}

async function begin(handler: readonly Record<string, unknown>[] = MANIFEST, parent?: string) {
  return await theater.start({
    manifest: { name: "plugged", version: "1", component: await component(), handler },
    initState: null,
    parent: parent ?? null,
    principal: "tester",
  });
}

async function started(...args: Parameters<typeof begin>): Promise<Probe> {
  return new Probe(must(await begin(...args)).id);
}

const withPlugin = (change: Record<string, unknown>) => [
  ...MANIFEST.slice(0, 3),
  { ...plugin, ...change },
];

const POINT = { xPos: 7, label: "here", tint: "dark-green", raw: [1, 2] };

test("both plug-ins answer, and the chain has arguments and results by their WIT types", async () => {
  const actor = await started();
  const { gave } = await actor.ask([
    ["ask", "honest", "hi"],
    ["reverse", "abc"],
  ]);
  expect(gave).toEqual([POINT, "cba"]);
  const told = (await actor.events()).filter(({ about }) => about.startsWith("test:"));
  const point = { "x-pos": 7, label: "here", tint: ["dark-green"], raw: Uint8Array.of(1, 2) };
  expect(
    told.map(({ type, about, fields }) => [
      type,
      about,
      fields["args"] ?? null,
      fields["result"] ?? null,
    ]),
  ).toEqual([
    ["host.intended", `${TRICK}#ask`, ["honest", fromUtf8("hi")], null],
    ["host.returned", `${TRICK}#ask`, null, { ok: point }],
    ["host.called", "test:words/words#reverse", ["abc"], { ok: "cba" }],
  ]);
  expect(must(await theater.verify(actor.id)).verdict).toBe("verified");
});

test("a plug-in gets the settings of the actor, and an id that names the call for ever", async () => {
  const config = { units: "celsius", days: 3, cities: ["Bern", "Oslo"] };
  const actor = await started(withPlugin({ config }));
  const { gave } = await actor.ask([["ask", "echo", "me"]]);
  const [{ label, raw }] = gave as [typeof POINT];
  expect([JSON.parse(label), raw]).toEqual([config, [...fromUtf8("me")]]);
  const seen = (await mischief.seen()).findLast((call) => call.actor === actor.id);
  expect(seen?.callId).toMatch(new RegExp(`^${actor.id}/\\d+/1$`));
});

test("64-bit integers pass as they are", async () => {
  const actor = await started();
  expect(await actor.ask([["count", Number.MAX_SAFE_INTEGER]])).toMatchObject({
    gave: [Number.MAX_SAFE_INTEGER],
  });
});

test.for<[string, string]>([
  ["refuses", "no such city"],
  ["denies", "not for you"],
])("a plug-in that %s is heard", async ([how, words]) => {
  const actor = await started();
  expect((await actor.ask([["ask", how, ""]])).gave).toEqual([`err: ${words}`]);
});

const LIES: [string, string][] = [
  ["denies without err", "it denied without an err"],
  ["throws", "it threw or broke off; what it did is unknown"],
  ["nothing", "it gave no answer"],
  ["no outcome", "its answer has no outcome"],
  ["own outcome", "its answer has no outcome"],
  ["wrong type", "its answer is not of the function's type"],
  ["a field too many", "its answer is not of the function's type"],
  ["a field too few", "its answer is not of the function's type"],
  ["both ok and err", "its answer is not of the function's type"],
  ["lone surrogate", "its answer is not of the function's type"],
  ["huge", "its answer is deeper or larger than 1048576 bytes"],
  ["sparse", ""],
  ["circle", "its answer is deeper or larger than 1048576 bytes"],
  ["shared", "its answer is deeper or larger than 1048576 bytes"],
  ["stub", ""],
  ["function", ""],
];

test.for(LIES)("a plug-in that gives %s fails, and the actor goes on", async ([how, why]) => {
  const actor = await started();
  const { gave } = await actor.ask([
    ["ask", how, ""],
    ["ask", "honest", ""],
  ]);
  expect(gave).toEqual([expect.stringContaining(`err: plug-in failed: ${why}`), POINT]);
  const [returned] = (await actor.events()).filter(({ type }) => type === "host.returned");
  expect(returned?.fields).toMatchObject({ outcome: "failed" });
  expect(JSON.stringify(await actor.events())).not.toContain("secret detail");
});

test("what a plug-in says beside its answer counts for nothing", async () => {
  const actor = await started();
  expect((await actor.ask([["ask", "says more", ""]])).gave).toEqual([POINT]);
  const returned = (await actor.events()).find(({ type }) => type === "host.returned");
  expect(returned?.fields["result"]).toMatchObject({ ok: { label: "here" } });
  expect(returned?.time).toBeGreaterThan(0);
});

test("a plug-in that never answers fails in time, and one that answers late changes nothing", async () => {
  const actor = await started(withPlugin({ call_ms: 200 }));
  const late = "err: plug-in failed: no answer within 200 ms; what it did is unknown";
  expect((await actor.ask([["ask", "never answers", ""]])).gave).toEqual([late]);
  expect((await actor.ask([["ask", "answers late", ""]])).gave).toEqual([late]);
  const before = await actor.lines();
  await mischief.release();
  await until(async () => (await mischief.late()) === 1);
  expect((await actor.ask([["ask", "honest", ""]])).gave).toEqual([POINT]);
  expect((await actor.lines()).slice(0, before.length)).toEqual(before);
  expect(must(await theater.verify(actor.id)).verdict).toBe("verified");
});

test("the turn's own limit ends a turn whose plug-in is slower", async () => {
  const manifest = {
    name: "plugged",
    version: "1",
    component: await component(),
    limits: { turn_ms: 300 },
    handler: [...MANIFEST],
  };
  const input = { manifest, initState: null, parent: null, principal: "tester" };
  const actor = new Probe(must(await theater.start(input)).id);
  const { gave, message } = await actor.ask([["ask", "never answers", ""]]);
  expect([gave, message]).not.toEqual([[POINT], ""]);
  expect((await actor.lines()).at(-1)).toMatch(/^turn.failed cut\/turn-ms/);
  expect((await actor.ask([["reverse", "ab"]])).gave).toEqual(["ba"]);
});

test("a registered plug-in that throws or lies fails too, and what it would record instead is not kept", async () => {
  const actor = await started();
  expect(
    (
      await actor.ask([
        ["odd", "throws"],
        ["odd", "wrong type"],
        ["odd", ""],
      ])
    ).gave,
  ).toEqual([
    "err: plug-in failed: it threw",
    "err: plug-in failed: its answer is not of the function's type",
    3,
  ]);
  const results = (await actor.events())
    .filter(({ type, turn }) => type === "host.returned" && turn > 1)
    .map(({ fields }) => fields["result"]);
  expect(results.at(-1)).toEqual({ ok: 3 });
});

test("arguments that are not of the WIT's types never reach a plug-in", async () => {
  const actor = await started();
  const before = (await mischief.seen()).length;
  for (const args of [
    ["honest"],
    ["honest", "text"],
    [1, new Uint8Array()],
    ["honest", new Uint8Array(), 1],
  ]) {
    faults.guest = async ({ args: [, host] }) => {
      const answer = await (host as TurnHost).call(`${TRICK}#ask`, args, []);
      expect(answer).toMatchObject({ abort: { kind: "host" } });
      throw new Error("enough");
    };
    await actor.ask([]);
  }
  expect((await mischief.seen()).length).toBe(before);
});

test("genesis pins what the plug-in serves; another version of it is told from it", async () => {
  const actor = await started();
  const [genesis] = await actor.events();
  expect(JSON.stringify(genesis?.fields["grants"])).toContain("interface trick");
  for (const version of ["other types", "other effect"]) {
    await mischief.setDescribed(version);
    await actor.evict();
    const calls = (await mischief.seen()).length;
    expect(
      (
        await actor.ask([
          ["ask", "honest", ""],
          ["reverse", "ab"],
        ])
      ).gave,
    ).toEqual([
      `err: plug-in failed: it serves ${TRICK} with other types or effects than when this actor was started; start a new one`,
      "ba",
    ]);
    expect((await mischief.seen()).length).toBe(calls);
  }
  await mischief.setDescribed("down");
  await actor.evict();
  expect((await actor.ask([["ask", "honest", ""]])).gave).toEqual([
    "err: plug-in failed: it does not say what it serves",
  ]);
  await mischief.setDescribed("");
  expect((await actor.ask([["ask", "honest", ""]])).gave).toEqual([POINT]);
});

test.for<[string, string, string]>([
  ["down", "plugin-failed", "did not describe itself"],
  ["no wit", "plugin-failed", "describe() must give {wit}"],
  ["bad wit", "plugin-failed", "Mend line 1"],
  ["huge wit", "plugin-failed", "at most"],
  ["local effect", "plugin-failed", 'must be "safe", "by-id" or "unsafe"'],
  ["cannot fail", "plugin-failed", "must give a result<…, string>"],
  ["takes over", "bad-manifest", `does not serve ${TRICK}`],
  ["other types", "unknown-import", "with other parameters"],
])("no actor is born on a plug-in that describes itself so: %s", async ([how, code, message]) => {
  await component();
  await mischief.setDescribed(how);
  expect(await begin()).toMatchObject({
    ok: false,
    error: { code, message: expect.stringContaining(message) },
  });
});

test.for<[string, Record<string, unknown>, string, string]>([
  ["of no service", { service: "NOBODY" }, "bad-manifest", "there are MISCHIEF"],
  ["of another binding", { service: "ACTOR" }, "bad-manifest", "there are MISCHIEF"],
  ["of no interface", { interface: "test:mischief/other" }, "bad-manifest", TRICK],
  ["with an unknown key", { intreface: "x" }, "bad-manifest", 'did you mean "interface"'],
  ["with a long wait", { call_ms: 600_000 }, "bad-manifest", "call_ms"],
  ["with deep settings", { config: { a: { b: 1 } } }, "bad-manifest", "config"],
])("a grant %s is refused", async ([, change, code, message]) => {
  expect(await begin(withPlugin(change))).toMatchObject({
    ok: false,
    error: { code, message: expect.stringContaining(message) },
  });
});

test("an import that is not granted is refused with the table that is missing", async () => {
  const answer = await begin(MANIFEST.slice(0, 3));
  expect(answer).toMatchObject({
    ok: false,
    error: { code: "missing-handler", message: expect.stringContaining(`interface = "${TRICK}"`) },
  });
  expect(await begin([...MANIFEST, plugin])).toMatchObject({
    ok: false,
    error: { code: "bad-manifest", message: expect.stringContaining("stands twice") },
  });
});

test("a child has its parent's plug-in with the same settings, or not at all", async () => {
  const parent = await started(withPlugin({ config: { units: "kelvin" } }));
  const child = await started(withPlugin({ config: { units: "kelvin" } }), parent.id);
  expect((await child.ask([["ask", "honest", ""]])).gave).toEqual([POINT]);
  expect(await begin(withPlugin({ config: { units: "celsius" } }), parent.id)).toMatchObject({
    ok: false,
    error: { code: "not-granted" },
  });
});

test("a turn runs again from its record alone, without any plug-in", async () => {
  const actor = await started();
  const program = [
    ["ask", "honest", "hi"],
    ["reverse", "abc"],
    ["ask", "wrong type", ""],
    ["count", 5],
  ];
  const { gave } = await actor.ask(program);
  await mischief.setDescribed("down");
  const events = await actor.events();
  const genesis = readGenesis(must(await actor.stub.journal(0, 1))[0]?.payload ?? new Uint8Array());
  const message = events.findLast(({ type }) => type === "message.received");
  const calls = answersIn(events.filter(({ turn }) => turn === message?.turn));
  const { seed, params } = (message?.fields ?? {}) as {
    seed: Uint8Array;
    params: [string, Uint8Array];
  };
  const executor = new LoaderExecutor(bindings.LOADER, registry.isPure);
  const host: TurnHost = {
    call: async (about, args) => {
      const next = calls.shift();
      expect([about, args]).toEqual([next?.about, next?.args]);
      return { outcome: next?.outcome ?? "failed", result: next?.result ?? null };
    },
  };
  const { outcome } = await executor.run(
    moduleSetRef(new R2Store(bindings.CONTENT), genesis.modules),
    {
      about: "theater:simple/message-server-client#handle-request",
      params: [null, params],
      turn: message?.turn ?? 0,
      time: message?.time ?? 0,
      seed,
      grants: {},
      hostCallsMax: 100,
    },
    host,
  );
  expect(calls).toEqual([]);
  const [, [reply]] = (outcome as unknown as { value: [null, [[Uint8Array]]] }).value;
  expect(JSON.parse(toUtf8(reply[0]))).toEqual(gave);
});

interface Recorded {
  about: string;
  args: unknown;
  outcome: "returned" | "denied" | "failed";
  result: never;
}

function answersIn(events: readonly Told[]): Recorded[] {
  const calls: Recorded[] = [];
  for (const { type, about, fields } of events) {
    const { args, outcome, result } = fields as unknown as Recorded;
    if (type === "host.called") calls.push({ about, args, outcome, result });
    if (type === "host.intended") calls.push({ about, args, outcome, result });
    if (type === "host.returned") Object.assign(calls.at(-1) ?? {}, { outcome, result });
  }
  return calls;
}

test("an import that nobody serves is refused with what this deployment has", async () => {
  await mischief.setDescribed("takes over");
  const bytes = await (await built.fetch("http://built/")).bytes();
  const other = Uint8Array.from([...bytes, 0, 2, 1, 0x61]); // a custom section more: another digest
  expect(await theater.upload(other)).toMatchObject({
    ok: false,
    error: {
      code: "unknown-import",
      message: expect.stringMatching(/test:words\/words.*\(PLUGIN_MISCHIEF\)/),
    },
  });
  await mischief.setDescribed("other types");
  expect(await theater.upload(other)).toMatchObject({
    ok: false,
    error: {
      code: "unknown-import",
      message: expect.stringContaining("PLUGIN_MISCHIEF serves it"),
    },
  });
});
