// Components that are bundled with the Worker: the same turns in the object's own isolate, and the same chain.

import { afterEach, beforeEach, expect, test } from "vitest";
import { fromHex, fromUtf8 } from "../../src/lib/bytes.ts";
import { BundledExecutor } from "../../src/executor/bundled-executor.ts";
import type { TurnInput } from "../../src/executor/executor.ts";
import { NO_LOADER } from "../../src/executor/no-loader.ts";
import { ScriptHost, type ScriptedTurn } from "../../src/executor/script.ts";
import { moduleSetRef } from "../../src/runtime/birth/module-sets.ts";
import { executorOf } from "../../src/runtime/executor-of.ts";
import { Theater } from "../../src/runtime/theater.ts";
import { R2Store } from "../../src/store/r2-store.ts";
import { executor as loader } from "./copied-replay.ts";
import { clearFaults, faults, settings } from "./faults.ts";
import { bindings, bodyOf, must, probeComponent, start, theater, type Program } from "./stage.ts";
import { tools } from "./tools.ts";
import { bundle, registry } from "./worker.ts";

const content = new R2Store(bindings.CONTENT);
let hops = 0;

beforeEach(() => {
  settings.BUNDLED = "on";
  hops = 0;
  faults.guest = (_, go) => {
    hops++;
    return go();
  };
});

afterEach(() => {
  delete settings.BUNDLED;
  clearFaults();
});

/** What the object has bundled, and nothing else. */
const here = new BundledExecutor(bundle, NO_LOADER, registry.isPure);

async function probeModules() {
  const { modules } = must(await theater.component(await probeComponent()));
  const hex = modules.replace("sha256:", "");
  return { hex, ref: moduleSetRef(content, fromHex(hex) ?? new Uint8Array()) };
}

const WORK: Program = [["log", "a"], ["now"], ["random", 8], ["echo", [1.5, null, "é\u{1f600}"]]];

test("a bundled component runs without a hop, and the Loader replays its chain to the byte", async () => {
  const [actor, peer] = [await start(), await start()];
  const { gave } = await actor.ask([...WORK, ["request", peer.id, [["echo", 5]]], ["chain"]]);
  expect(gave).toMatchObject([
    null,
    expect.any(Number),
    expect.any(Array),
    [1.5, null, "é\u{1f600}"],
    "[5]",
    10,
  ]);
  expect(
    (
      await actor.ask([
        ["log", "b"],
        ["refuse", "no"],
      ])
    ).gave,
  ).toBe("guest-error");
  await actor.evict();
  expect((await actor.ask(WORK)).gave).toHaveLength(WORK.length);
  expect((await actor.ask([["trap"]])).gave).toBe("guest-trap");
  expect(hops).toBe(0);
  expect(must(await theater.replay(actor.id, null))).toMatchObject({ verdict: "verified" });
});

test("an operator can have bundled components run in isolates of their own", async () => {
  const actor = await start();
  expect(hops).toBe(0);
  settings.BUNDLED = "off";
  await actor.evict();
  expect((await actor.ask(WORK)).gave).toHaveLength(WORK.length);
  expect(hops).toBe(1);
});

test("turns of many actors side by side keep apart", async () => {
  const peer = await start();
  const actors = await Promise.all(Array.from({ length: 12 }, () => start()));
  const asked = actors.map(async (actor, n) => {
    const { gave } = await actor.ask([
      ["echo", n],
      ["request", peer.id, [["echo", n]]],
      ["put", `${n}`],
      ["echo", n],
    ]);
    return gave;
  });
  expect(await Promise.all(asked)).toEqual(
    actors.map((_, n) => [n, `[${n}]`, expect.any(String), n]),
  );
});

test("an upload makes the module set that was bundled", async () => {
  const { hex } = await probeModules();
  expect(bundle.sets.map(({ digest }) => digest)).toContain(hex);
});

const REQUEST = "theater:simple/message-server-host#request";

/** The host's answers, in the order of all calls. */
const answering = (...bodies: string[]): ScriptedTurn["answers"] =>
  bodies.map((body) => ({
    about: REQUEST,
    answer: { outcome: "returned", result: { ok: fromUtf8(body) }, time: 1_700_000_000_005 },
  }));

function turnOf(
  program: Program,
  { answers = [], ...more }: Partial<TurnInput> & Partial<ScriptedTurn> = {},
): ScriptedTurn {
  const input = {
    about: "theater:simple/message-server-client#handle-request",
    params: [[bodyOf({ turns: 0, heard: [] })], ["1", bodyOf(program)]],
    time: 1_700_000_000_000,
    turn: 7,
    seed: new Uint8Array(32).fill(9),
    grants: { runtime: {}, timing: {}, random: { maxBytes: 64, maxInt: 100 } },
    hostCallsMax: 100,
    ...more,
  };
  return { input, answers };
}

const ask = ["request", "a", [["echo", 1]]] as const;

/** What is asked, how it ends, and the turn. */
const TURNS: readonly [what: string, end: string, turn: ScriptedTurn][] = [
  ["what is answered in the isolate", "returned", turnOf(WORK)],
  ["what nobody granted", "host-call", turnOf(WORK, { grants: {} })],
  ["an error of the guest's own", "refused", turnOf([["refuse", "no"]])],
  ["a trap", "unreachable", turnOf([["log", "before"], ["trap"]])],
  [
    "what the host answers",
    "returned",
    turnOf([ask, ["now"], ask], { answers: answering("one", "", "two") }),
  ],
  ["a host that does not answer", "replay", turnOf([["log", "a"], ask])],
  ["too many calls", "host-calls", turnOf([["logs", 9, "x"]], { hostCallsMax: 8 })],
  ["calls that carry too much", "recorded-bytes", turnOf([["logs", 30, "x".repeat(500_000)]])],
  ["what a read-only turn may not", "read-only", turnOf([["log", "x"], ask], { readOnly: true })],
  ["a missing export", "no-export", turnOf([], { about: "theater:simple/actor#other" })],
  ["a message that is none", "other", turnOf([], { params: [null, ["1"]] })],
];

test.for(TURNS)("both executors give the same for %s", async ([, end, turn]) => {
  const { ref } = await probeModules();
  const given = [];
  for (const executor of [loader, here]) {
    const host = new ScriptHost(turn.answers);
    const output = await executor.run(ref, turn.input, host);
    const scripted = await executor.runScripted(ref, [turn, turn]);
    const batch = await executor.runBatch(ref, [turn.input, turn.input], {
      call: async (_, __, ...call) => await host.call(...call),
    });
    given.push({ output, asked: host.calls, scripted, batch });
  }
  expect(given[1]).toEqual(given[0]);
  const { outcome } = given[1]?.output ?? {};
  expect(outcome?.kind === "failed" ? outcome.code : outcome?.kind).toBe(end);
});

/** The same deployment without a Loader. */
function withoutLoader(): Theater {
  const { LOADER: _, ...environment } = { ...bindings, BUNDLED: "on" };
  const executor = executorOf(environment, registry, bundle);
  return new Theater({ environment, content, executor, registry });
}

test("without a Loader bundled components are born and replayed, and others refused", async () => {
  const bare = withoutLoader();
  const other = (await tools()).id; // uploaded while there was a Loader
  const { component } = must(await theater.inspect(other));
  const manifest = { name: "x", version: "1", component, handler: [{ type: "runtime" }] };
  const born = await bare.start({ manifest, initState: null, parent: null, principal: "tester" });
  expect(born).toMatchObject({ ok: false, error: { code: "no-loader" } });
  expect(await bare.replay(other, null)).toMatchObject({
    ok: false,
    error: { code: "no-loader" },
  });
  const actor = await start();
  await actor.ask([...WORK, ["chain"]]);
  expect(must(await bare.replay(actor.id, null))).toMatchObject({ verdict: "verified" });
  const { loader: loads, bundled } = await bare.health();
  expect([loads, bundled]).toEqual([
    false,
    bundle.sets.map(({ set }) => `sha256:${set.component}`),
  ]);
});
