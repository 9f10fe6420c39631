// Reverts in bad moments: a turn that runs or was cut off, an object that dies, a store that does not answer, another
// component. The state and the event that says so are there together, or neither is.

import { afterEach, expect, test } from "vitest";
import type { RevertInput } from "../../src/runtime/protocol.ts";
import { clearFaults, faults } from "./faults.ts";
import { Gate, must, start, theater, until, type Probe } from "./stage.ts";
import { otherProbe } from "./other-probe.ts";

afterEach(clearFaults);

const by = (key: string | null): Pick<RevertInput, "reason" | "principal" | "key"> => ({
  reason: "bad day",
  principal: "tester",
  key,
});

const undo = async (actor: Probe, turns: number, key: string | null = null) =>
  await theater.revert(actor.id, { ...by(key), turns, to: null });

const turnsOf = async (actor: Probe) => ((await actor.state()) as { turns: number }).turns;

const reverts = async (actor: Probe) =>
  (await actor.events()).filter(({ type }) => type === "actor.reverted").length;

test("a revert waits for the running turn, and undoes that one", async () => {
  const [actor, peer] = [await start(), await start()];
  await actor.ask([["turns"]]);
  const gate = new Gate();
  faults.peer = async ({ name }, go) => {
    if (name === `${peer.id} request`) await gate.wait();
    return await go();
  };
  const asked = actor.ask([["request", peer.id, [["turns"]]]]);
  await gate.reached();
  const told = undo(actor, 1);
  const later = actor.ask([["turns"]]); // comes behind the revert
  await until(async () => (await actor.summary()).mailbox > 0);
  gate.open();
  const { event } = await asked;
  expect(must(await told).event.seq).toBeGreaterThan(event?.seq ?? 0);
  expect((await later).gave).toEqual([1]);
  expect(await turnsOf(actor)).toBe(2);
});

test("an interrupted turn is ended first, and then undone", async () => {
  const [actor, peer] = [await start(), await start()];
  await actor.ask([["turns"]]);
  const gate = new Gate();
  faults.peer = async ({ name }, go) => {
    if (name === `${peer.id} request`) await gate.wait();
    return await go();
  };
  const asked = actor.ask([["request", peer.id, [["turns"]]]]).catch(() => undefined);
  await gate.reached();
  await actor.crash();
  await asked;
  faults.peer = undefined;
  must(await undo(actor, 1));
  expect(await turnsOf(actor)).toBe(1);
  const lines = await actor.lines();
  expect(lines.at(-1)).toBe("actor.reverted 0");
  expect(lines.at(-2)).toBe("turn.committed 3");
  expect(await turnsOf(peer)).toBe(1);
  expect(must(await theater.replay(actor.id, null)).verdict).toBe("verified");
});

test.each(["before", "behind"])(
  "an object that dies %s the state is stored reverts once when it is asked again",
  async (place) => {
    const actor = await start();
    await actor.ask([["turns"], ["pad", 70_000]]); // a state in a block of its own
    await actor.ask([["turns"], ["pad", 1]]);
    faults.content = async ({ name }, go) => {
      if (name !== "put") return await go();
      if (place === "behind") await go();
      faults.content = undefined;
      await actor.crash();
      throw new Error("R2: Network connection lost.");
    };
    expect((await undo(actor, 1, actor.id).catch(() => ({ ok: false }))).ok).toBe(false);
    expect([await turnsOf(actor), await reverts(actor)]).toEqual([2, 0]);
    const first = must(await undo(actor, 1, actor.id));
    expect(must(await undo(actor, 1, actor.id))).toEqual(first);
    expect([await turnsOf(actor), await reverts(actor)]).toEqual([1, 1]);
  },
);

test("no turn begins while the state is on its way", async () => {
  const actor = await start();
  await actor.ask([["turns"], ["pad", 70_000]]);
  await actor.ask([["turns"]]);
  const gate = new Gate();
  faults.content = async ({ name }, go) => {
    if (name === "put") await gate.wait();
    return await go();
  };
  const told = undo(actor, 1);
  await gate.reached();
  const later = actor.ask([["turns"]]);
  await until(async () => (await actor.summary()).mailbox > 0);
  gate.open();
  must(await told);
  expect((await later).gave).toEqual([1]);
});

test("what waits, what was sent, and timers are as they were", async () => {
  const [actor, peer] = [await start(), await start()];
  await actor.ask([["turns"]]);
  await actor.ask([
    ["send", peer.id, [["echo", "x"]]],
    ["schedule", "t", { after: 3_600_000 }, []],
  ]);
  await actor.change("pause");
  await actor.tell([["echo", "waited"]]);
  must(await undo(actor, 1));
  await actor.change("resume");
  await actor.quiet();
  expect(await actor.state()).toMatchObject({ turns: 2, heard: ["waited"] });
  await until(async () => ((await peer.state()) as { heard: unknown[] }).heard.length === 1);
  expect((await actor.ask([["timers"]])).gave).toMatchObject([[{ name: "t" }]]);
});

test("another component does not get a state of the one before it; a rollback opens the way back", async () => {
  const actor = await start();
  const ends: number[] = [];
  for (let n = 0; n < 2; n++) ends.push((await actor.ask([["turns"]])).event?.seq ?? 0);
  const { component } = await actor.summary();
  const change = {
    body: new Uint8Array(),
    manifest: null,
    variables: {},
    accept: null,
    from: null,
    since: null,
  };
  const upgrade = async (to: string | null, rollback: boolean) =>
    must(
      await theater.upgrade(actor.id, {
        ...change,
        component: to,
        rollback,
        principal: "tester",
        key: null,
      }),
    );
  await upgrade(await otherProbe(), false);
  const there = await actor.nextSeq();
  await actor.ask([["turns"]]);
  const refused = { error: { code: "wrong-state" } };
  expect(await undo(actor, 2)).toMatchObject(refused);
  // The turn behind the upgrade, back to what it began with.
  expect(must(await undo(actor, 1)).toSeq).toBeGreaterThanOrEqual(there - 1);
  expect(await turnsOf(actor)).toBe(2);
  const old = { ...by(null), turns: null, to: ends[0] ?? 0 };
  expect(await theater.revert(actor.id, old)).toMatchObject(refused);
  const then = must(
    await theater.fork(actor.id, { at: ends[0] ?? 0, component: null, name: null }),
  );
  expect(then.component).toBe(component);
  await upgrade(null, true);
  must(await theater.revert(actor.id, old));
  expect(await turnsOf(actor)).toBe(1);
  expect(must(await theater.replay(actor.id, null)).verdict).toBe("verified");
});
