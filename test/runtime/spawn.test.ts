// A guest with children of its own, through `theater:simple/supervisor`: born once whatever crashes, ended with
// the turn that does not commit, and nobody else's. What follows from their ends is in supervision.test.ts.

import { afterEach, expect, test } from "vitest";
import { clearFaults, faults } from "./faults.ts";
import { Gate, must, Probe, probeComponent, start, theater, until } from "./stage.ts";
import { LEVELS_MAX } from "../../src/manifest/permissions.ts";
import { childManifest, gave, startTools } from "./tools.ts";

afterEach(clearFaults);

const CHILD = ["runtime", "message-server", "store", "timing", "random", "timers"];

async function childText(more = "", handlers: readonly string[] = CHILD): Promise<string> {
  const granted = handlers.map((type) => `[[handler]]\ntype = "${type}"`).join("\n");
  const component = await probeComponent();
  return `name = "worker"\nversion = "1"\ncomponent = "${component}"\n${more}\n${granted}`;
}

/** An actor whose guest may have children; `supervisor`: that table of its manifest. */
async function parent(
  supervisor: object | null = { intensity: 10, period_ms: 60_000 },
  limits: Record<string, number> = {},
): Promise<Probe> {
  const manifest = supervisor === null ? {} : { supervisor };
  return new Probe(must(await startTools({}, { limits, manifest })).id);
}

const callOf = (fn: string, ...args: unknown[]) =>
  ["call", `theater:simple/supervisor#${fn}`, ...args] as const;

const ok = (value: unknown) => ({ gave: value });

/** What one call of the interface gave. */
async function asked(actor: Probe, fn: string, ...args: unknown[]): Promise<unknown> {
  const [result] = await gave(actor, callOf(fn, ...args));
  return result;
}

async function spawned(actor: Probe, text?: string, init: unknown = null): Promise<Probe> {
  const bytes = init === null ? null : { $bytes: JSON.stringify(init) };
  const given = await asked(actor, "spawn", text ?? (await childText()), bytes);
  const { gave: id } = given as { gave?: string };
  if (id === undefined) throw new Error(JSON.stringify(given));
  return new Probe(id);
}

const listed = async (actor: Probe): Promise<unknown> =>
  ((await asked(actor, "list-children")) as { gave: unknown }).gave;

const told = async (actor: Probe): Promise<unknown[]> => (await gave(actor, ["told"]))[0] as [];

const replayed = async (actor: Probe): Promise<unknown> =>
  must(await theater.replay(actor.id, null));

async function statusOf(actor: Probe): Promise<string> {
  return (await actor.summary()).status;
}

/** All actors that name this one as their parent. */
async function offspring(actor: Probe): Promise<string[]> {
  const rows = await actor.sql("SELECT actor FROM child");
  return rows.map(({ actor: id }) => id as string);
}

const countOf = async (actor: Probe, type: string): Promise<number> =>
  (await actor.events()).filter((event) => event.type === type).length;

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
