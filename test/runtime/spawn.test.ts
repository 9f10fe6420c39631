// A guest with children of its own, through `theater:simple/supervisor`: born once whatever crashes, ended with
// the turn that does not commit, and nobody else's. What becomes of them is in spawned-children.test.ts.

import { afterEach, expect, test } from "vitest";
import { clearFaults, faults } from "./faults.ts";
import { Gate, Probe, start, until } from "./stage.ts";
import { gave } from "./tools.ts";
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

test("a guest spawns, looks into, stops and restarts its own child, and a replay agrees", async () => {
  const boss = await parent();
  const child = await spawned(boss);
  expect(await listed(boss)).toEqual([child.id]);
  await child.ask([["turns"]]);
  const state = (await asked(boss, "get-child-state", child.id)) as { gave: { $bytes: string } };
  expect(JSON.parse(state.gave.$bytes)).toMatchObject({ turns: 1 });
  const events = (await asked(boss, "get-child-events", child.id)) as { gave: object[] };
  expect(events.gave.map((each) => (each as { eventType: string }).eventType)).toEqual(
    (await child.events()).map(({ type }) => type),
  );
  expect(await asked(boss, "stop-child", child.id)).toEqual(ok(null));
  expect(await statusOf(child)).toBe("stopped");
  expect(await listed(boss)).toEqual([]);
  expect(await asked(boss, "restart-child", child.id)).toEqual(ok(null));
  expect((await child.ask([["turns"]])).gave).toEqual([1]);
  expect(await listed(boss)).toEqual([child.id]);
  expect(await replayed(boss)).toMatchObject({ verdict: "verified" });
  expect(await replayed(child)).toMatchObject({ verdict: "verified" });
});

test("of a child's events its parent gets as many of the newest as fit into its memory", async () => {
  const boss = await parent();
  const child = await spawned(boss);
  for (let turn = 0; turn < 12; turn++) await child.ask([["logs", 16, "x".repeat(30_000)]]);
  const newest = await child.events();
  const [count] = await gave(boss, ["child-events", child.id]);
  expect(count).toBeGreaterThan(100);
  expect(count).toBeLessThan(newest.length);
  await child.ask([["turns"]]);
  expect(await replayed(boss)).toMatchObject({ verdict: "verified" });
});

test("nobody else's actor may be named", async () => {
  const [boss, other] = [await parent(), await start()];
  const child = await spawned(boss);
  const grandchild = await start({ parent: child.id });
  for (const id of [other.id, grandchild.id, boss.id, "nobody"]) {
    for (const fn of ["stop-child", "restart-child", "get-child-state", "get-child-events"]) {
      expect(await asked(boss, fn, id)).toEqual({ err: `not-a-child: ${id}` });
    }
  }
  expect(await statusOf(other)).toBe("running");
});

test("a child gets no more than its parent holds, and its manifest makes the server fetch nothing", async () => {
  const boss = await parent();
  const wider = await childText('[[handler]]\ntype = "environment"\nallowed_vars = ["REGION"]');
  expect(await asked(boss, "spawn", wider, null)).toMatchObject({
    err: expect.stringContaining("not-granted") as unknown,
  });
  const remote = (await childText()).replace(
    /component = "[^"]*"/,
    `component = "https://127.0.0.1/x"`,
  );
  expect(await asked(boss, "spawn", remote, null)).toMatchObject({
    err: expect.stringContaining("not-granted") as unknown,
  });
  expect(await listed(boss)).toEqual([]);
  expect(await offspring(boss)).toEqual([]);
});

test("whichever side dies, and wherever, a child is born once", async () => {
  const text = await childText();
  for (const when of ["before", "after"] as const) {
    for (const who of ["parent", "child"] as const) {
      const boss = await parent();
      const gate = new Gate();
      let born = "";
      faults.peer = async ({ name }, go) => {
        if (!name.endsWith(" create")) return await go();
        born = name.split(" ")[0] ?? "";
        const answer = when === "after" ? await go() : undefined;
        await gate.wait();
        return when === "after" ? answer : await go();
      };
      const first = boss.ask([callOf("spawn", text, null)], "key");
      await gate.reached();
      await (who === "parent" ? boss : new Probe(born)).crash();
      clearFaults();
      gate.open();
      await first;
      const ended = await boss.ask([callOf("spawn", text, null)], "key");
      expect(ended.gave).toEqual([ok(born)]);
      expect(await listed(boss)).toEqual([born]);
      expect(await offspring(boss)).toEqual([born]);
      expect(await countOf(new Probe(born), "turn.committed")).toBe(1);
      expect(await replayed(boss)).toMatchObject({ verdict: "verified" });
    }
  }
});

test("a temporary child that ended before its parent heard of its birth is not born again", async () => {
  const boss = await parent({ spawned: { restart: "temporary" } });
  const init = { $bytes: JSON.stringify({ init: [["shutdown", "bye"]] }) };
  const call = callOf("spawn", await childText(), init);
  const gate = new Gate();
  let born = "";
  faults.peer = async ({ name }, go) => {
    const answer = await go();
    if (!name.endsWith(" create")) return answer;
    born = name.split(" ")[0] ?? "";
    await gate.wait();
    return answer;
  };
  const first = boss.ask([call], "key");
  await gate.reached();
  await until(async () => (await countOf(boss, "child.exited")) === 1);
  await boss.crash();
  clearFaults();
  gate.open();
  await first;
  expect((await boss.ask([call], "key")).gave).toEqual([ok(born)]);
  expect(await listed(boss)).toEqual([]);
  expect(await offspring(boss)).toEqual([]);
});

test("a child that ends while its birth is being answered is not taken for a running one", async () => {
  for (const restart of ["permanent", "temporary"]) {
    const boss = await parent({ intensity: 10, period_ms: 60_000, spawned: { restart } });
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
    const asking = spawned(boss, await childText(), { init: [["shutdown", "bye"]] });
    await gate.reached();
    await until(async () => (await countOf(boss, "child.exited")) === 1);
    gate.open();
    const child = await asking;
    expect(child.id).toBe(born);
    const after = restart === "temporary" ? [] : [born];
    expect(await listed(boss)).toEqual(after);
    await until(async () => (await statusOf(child)) === (after.length ? "running" : "stopped"));
  }
});

test("what a turn spawned goes with the turn that does not commit", async () => {
  const text = await childText();
  for (const end of ["refuse", "trap"]) {
    const boss = await parent();
    const kept = await spawned(boss);
    await boss.ask([callOf("spawn", text, null), callOf("spawn", text, null), [end]]);
    await until(async () => (await offspring(boss)).length === 1);
    expect(await listed(boss)).toEqual([kept.id]);
    const intents = (await boss.events()).filter(
      ({ type, about }) => type === "host.returned" && about.endsWith("#spawn"),
    );
    for (const { fields } of intents.slice(1)) {
      const { ok: id } = fields["result"] as { ok: string };
      expect(await statusOf(new Probe(id))).toBe("stopped");
    }
    expect(await statusOf(kept)).toBe("running");
    expect(await replayed(boss)).toMatchObject({ verdict: "verified" });
  }
});

test("a child of a turn that is terminated goes with it, and no restart brings it back", async () => {
  const boss = await parent();
  const peer = await start();
  const gate = new Gate();
  faults.peer = async ({ name }, go) => {
    if (name === `${peer.id} request`) await gate.wait();
    return await go();
  };
  const running = boss.ask([
    callOf("spawn", await childText(), null),
    ["call", "theater:simple/message-server-host#request", peer.id, { $bytes: "[]" }],
  ]);
  await gate.reached();
  const [born = ""] = await offspring(boss);
  expect(await boss.change("terminate")).toBe("stopped");
  clearFaults();
  gate.open();
  await running;
  await until(async () => (await statusOf(new Probe(born))) === "stopped");
  await boss.change("restart");
  expect(await listed(boss)).toEqual([]);
  expect(await statusOf(new Probe(born))).toBe("stopped");
  await until(async () => (await offspring(boss)).length === 0);
});

test("a turn that a stop waits for spawns nothing any more", async () => {
  const boss = await parent();
  await spawned(boss);
  const peer = await start();
  const gate = new Gate();
  faults.peer = async ({ name }, go) => {
    if (name === `${peer.id} request`) await gate.wait();
    return await go();
  };
  const running = boss.ask([
    ["call", "theater:simple/message-server-host#request", peer.id, { $bytes: "[]" }],
    callOf("spawn", await childText(), null),
  ]);
  await gate.reached();
  const stopping = boss.change("stop");
  await until(async () => (await countOf(boss, "child.exited")) === 1);
  clearFaults();
  gate.open();
  await stopping;
  expect((await running).gave).toMatchObject([{}, { err: expect.anything() as unknown }]);
  for (const id of await offspring(boss)) expect(await statusOf(new Probe(id))).toBe("stopped");
});
