// Spawned children after their birth: they come and go with their supervisor, who is told of their ends and whose
// orders are carried out once.

import { afterEach, expect, test } from "vitest";
import { clearFaults, faults } from "./faults.ts";
import { Gate, Probe, start, theater, until } from "./stage.ts";
import { LEVELS_MAX } from "../../src/manifest/permissions.ts";
import { childManifest, gave } from "./tools.ts";
import {
  childText,
  parent,
  callOf,
  ok,
  asked,
  spawned,
  listed,
  replayed,
  statusOf,
  offspring,
  countOf,
} from "./spawning.ts";

afterEach(clearFaults);

const told = async (actor: Probe): Promise<unknown[]> => (await gave(actor, ["told"]))[0] as [];

test("spawned children come back with a supervisor that is stopped and started again", async () => {
  const boss = await parent();
  const child = await spawned(boss);
  await child.ask([["turns"]]);
  await boss.change("stop");
  expect(await statusOf(child)).toBe("stopped");
  await boss.change("restart");
  await until(async () => (await statusOf(child)) === "running");
  expect((await child.ask([["turns"]])).gave).toEqual([1]);
});

test("a guest that shuts itself down takes its children along", async () => {
  const boss = await parent();
  const child = await spawned(boss);
  await boss.ask([["shutdown", "done"]]);
  expect(await statusOf(boss)).toBe("stopped");
  await until(async () => (await statusOf(child)) === "stopped");
});

test("a guest is told of errors, exits and stops from outside, with what belongs to them", async () => {
  const boss = await parent();
  const [failing, leaving, stopped] = [
    await spawned(boss),
    await spawned(boss),
    await spawned(boss),
  ];
  await failing.ask([["trap"]]);
  await until(async () => (await told(boss)).length === 1);
  await leaving.ask([["shutdown", "bye"]]);
  await until(async () => (await told(boss)).length === 2);
  await stopped.change("stop");
  await until(async () => (await told(boss)).length === 3);
  const long = await spawned(boss);
  await long.ask([["shutdown", "x".repeat(100_000)]]);
  await until(async () => (await told(boss)).length === 4);
  expect(await told(boss)).toEqual([
    ["error", failing.id, "internal", expect.stringContaining("trap") as unknown],
    ["exit", leaving.id, "bye"],
    ["external stop", stopped.id],
    ["exit", long.id, 100_000],
  ]);
  expect(await replayed(boss)).toMatchObject({ verdict: "verified" });
});

test("a resumed child begins with the given state, without init, whoever asks for its birth again", async () => {
  const boss = await parent();
  const state = { turns: 41, heard: [] };
  const text = await childText();
  const gate = new Gate();
  let born = "";
  faults.peer = async ({ name }, go) => {
    const answer = await go();
    if (name.endsWith(" create")) {
      born = name.split(" ")[0] ?? "";
      await gate.wait();
    }
    return answer;
  };
  const call = callOf("resume", text, { $bytes: JSON.stringify(state) });
  const first = boss.ask([call], "key");
  await gate.reached();
  const child = new Probe(born);
  expect((await child.ask([["turns"]])).gave).toEqual([41]);
  await boss.crash();
  clearFaults();
  gate.open();
  await first;
  expect((await boss.ask([call], "key")).gave).toEqual([ok(born)]);
  expect(await child.lines()).not.toContain("message.received lifecycle");
  expect(await listed(boss)).toEqual([born]);
  expect(await replayed(child)).toMatchObject({ verdict: "verified" });
  expect(await replayed(boss)).toMatchObject({ verdict: "verified" });
});

test("a birth that is asked for again is a birth, even if the child's first turn was refused since", async () => {
  const boss = await parent();
  const text = await childText();
  const gate = new Gate();
  let born = "";
  faults.peer = async ({ name }, go) => {
    const answer = await go();
    if (name.endsWith(" create")) {
      born = name.split(" ")[0] ?? "";
      await gate.wait();
    }
    return answer;
  };
  const call = callOf("resume", text, { $bytes: JSON.stringify({ turns: 0, heard: [] }) });
  const first = boss.ask([call], "key");
  await gate.reached();
  expect((await new Probe(born).ask([["refuse", "no"]])).gave).toBe("guest-error");
  await boss.crash();
  clearFaults();
  gate.open();
  await first;
  expect((await boss.ask([call], "key")).gave).toEqual([ok(born)]);
  expect(await listed(boss)).toEqual([born]);
});

test("an order of the guest is carried out once, though its answer was lost", async () => {
  for (const fn of ["stop-child", "restart-child"]) {
    const boss = await parent({
      intensity: 10,
      period_ms: 60_000,
      spawned: { restart: "temporary" },
    });
    const child = await spawned(boss);
    const gate = new Gate();
    faults.peer = async ({ name }, go) => {
      const answer = await go();
      if (name.endsWith(" obey")) await gate.wait();
      return answer;
    };
    const first = boss.ask([callOf(fn, child.id)], "key");
    await gate.reached();
    await boss.crash();
    clearFaults();
    gate.open();
    await first;
    expect((await boss.ask([callOf(fn, child.id)], "key")).gave).toEqual([ok(null)]);
    expect(await countOf(child, "actor.started")).toBe(fn === "stop-child" ? 1 : 2);
    expect(await countOf(boss, "child.exited")).toBe(1);
  }
});

test("an order waits for its own child and no other", async () => {
  const backoff = { min_ms: 60_000, max_ms: 60_000, factor: 1, jitter: 0 };
  const boss = await parent({ intensity: 10, period_ms: 60_000, backoff });
  const [waiting, child] = [await spawned(boss), await spawned(boss)];
  await waiting.ask([["trap"]]);
  await until(async () => (await countOf(boss, "child.exited")) === 1);
  expect(await asked(boss, "stop-child", child.id)).toEqual(ok(null));
});

test("a child that will not end is killed in time, though its parent's turn waits for that", async () => {
  const boss = await parent({ intensity: 10, period_ms: 60_000, spawned: { shutdown: 100 } });
  const [child, peer] = [await spawned(boss), await start()];
  const gate = new Gate();
  faults.peer = async ({ name }, go) => {
    if (name === `${peer.id} request`) await gate.wait();
    return await go();
  };
  const busy = child.ask([["request", peer.id, []]]);
  await gate.reached();
  const stopping = asked(boss, "stop-child", child.id);
  const deadline = Date.now() + 15_000;
  while (!(await child.lines()).some((line) => line.includes("cut/terminated"))) {
    if (Date.now() > deadline) throw new Error("it was not killed");
    await new Promise((resolve) => setTimeout(resolve, 50));
    await boss.alarm();
  }
  gate.open();
  expect(await stopping).toEqual(ok(null));
  await busy;
});

test("an actor without the handler has no children and no tables for them", async () => {
  const actor = await start();
  expect(await actor.sql("SELECT name FROM sqlite_master WHERE name = 'child'")).toEqual([]);
});

test("a guest whose children spawn like it comes to the lowest level, and an operator too", async () => {
  const text = await childManifest();
  let lowest = await parent();
  for (let level = 1; level <= LEVELS_MAX; level++) lowest = await spawned(lowest, text);
  expect(await asked(lowest, "spawn", text, null)).toMatchObject({
    err: expect.stringMatching(/^too-deep: The parent \w+ is 16 levels below its root/) as unknown,
  });
  expect(await offspring(lowest)).toEqual([]);
  const given = { initState: null, parent: lowest.id, principal: "tester" };
  expect(await theater.start({ manifest: text, ...given })).toMatchObject({
    error: { code: "too-deep", evidence: { parent: lowest.id, limit: LEVELS_MAX } },
  });
});
