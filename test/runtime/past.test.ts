// What was: the state after each event and the place of each turn, held against a plain walk over the chain, before
// and after its old events were sealed.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { fromUtf8, toUtf8 } from "../../src/lib/bytes.ts";
import { ChainCopy } from "./chain-copy.ts";
import { chainOf, replayOf } from "./copied-replay.ts";
import { clearFaults, settings } from "./faults.ts";
import { must, start, theater, type Probe, type Program } from "./stage.ts";

beforeAll(() => {
  settings.SEAL_EVENTS = "300";
});
afterAll(() => {
  settings.SEAL_EVENTS = "1000000";
});
afterEach(clearFaults);

const LOGS: Program = Array.from({ length: 100 }, (_, n) => ["log", `line ${n}`]);

/** Turns of every kind: committed with and without another state, refused, trapped, by send and by request. */
async function lived(): Promise<Probe> {
  const actor = await start();
  await actor.ask([["turns"]]);
  await actor.tell([["log", "sent"]]);
  await actor.quiet();
  await actor.ask([["refuse", "no"]]);
  await actor.ask([["pad", 70_000]]); // too long for a payload
  await actor.ask([["trap"]]);
  for (let n = 0; n < 6; n++) await actor.ask(LOGS);
  await actor.ask([["pad", 1]]);
  must(await theater.head(actor.id));
  return actor;
}

/** The turns of the state after each event, by walking over all of them. */
async function walked(actor: Probe): Promise<(number | null)[]> {
  const states: (number | null)[] = [];
  let turns: number | null = null;
  for (const { type, fields } of await actor.events()) {
    const [state] = (fields["state"] ?? []) as unknown[];
    if (type === "turn.committed" && state instanceof Uint8Array) {
      turns = (JSON.parse(toUtf8(state)) as { turns: number }).turns;
    } else if (type === "turn.committed" && state !== undefined) {
      turns = (turns ?? 0) + 1; // in a block of its own
    }
    states.push(turns);
  }
  return states;
}

async function turnsAt(actor: Probe, seq: number): Promise<number | null> {
  const { state } = must(await theater.stateAt(actor.id, seq));
  return state === null ? null : (JSON.parse(toUtf8(state)) as { turns: number }).turns;
}

test("the state after each event is the one that a walk over the chain finds, sealed or not", async () => {
  const actor = await lived();
  const expected = await walked(actor);
  const seqs = expected.map((_, seq) => seq).filter((seq) => seq < 40 || seq % 29 === 0);
  const places = async () =>
    await Promise.all(
      Array.from({ length: 12 }, async (_, n) => must(await theater.turn(actor.id, n + 1))),
    );
  const before = await places();
  for (const round of ["unsealed", "sealed", "sealed twice"]) {
    const found = [];
    for (const seq of seqs) found.push(await turnsAt(actor, seq));
    expect([round, found]).toEqual([round, seqs.map((seq) => expected[seq])]);
    expect(await places()).toEqual(before);
    if (round === "sealed") for (let n = 0; n < 4; n++) await actor.ask(LOGS);
    must(await theater.head(actor.id));
    await actor.alarm();
  }
  const segments = await actor.sql("SELECT last, turn, state FROM segment");
  expect(segments.length).toBeGreaterThan(1);
  const events = await actor.events();
  for (const { turn, message, from, to, end } of before) {
    const own = events.filter((event) => event.turn === turn);
    expect([from, to, end]).toEqual([own[0]?.seq, own.at(-1)?.seq, own.at(-1)?.type]);
    expect(message).toBe(own.at(-1)?.fields["message"]);
  }
  expect(await theater.turn(actor.id, 18)).toMatchObject({ error: { code: "not-found" } });
  const behind = await theater.stateAt(actor.id, events.length);
  expect(behind).toMatchObject({ error: { code: "not-found" } });
});

test("a state that was erased is said to be, by the event that held it, until the next one", async () => {
  const actor = await start();
  const first = await actor.ask([["turns"]]);
  const second = await actor.ask([["turns"]]);
  const held = first.event?.seq ?? 0;
  must(await theater.erase(actor.id, { seqs: [held], reason: "asked", by: "tester" }));
  for (const seq of [held, held + 1]) {
    const answer = await theater.stateAt(actor.id, seq);
    expect(answer).toMatchObject({ error: { code: "erased", evidence: { seq: held } } });
  }
  expect(await turnsAt(actor, second.event?.seq ?? 0)).toBe(2);
  expect(await turnsAt(actor, held - 1)).toBe(0);
});

const revert = async (actor: Probe, how: { turns: number } | { to: number }, key?: string) =>
  await theater.revert(actor.id, {
    reason: "bad day",
    principal: "tester",
    key: key ?? null,
    ...("turns" in how ? { turns: how.turns, to: null } : { turns: null, to: how.to }),
  });

const turnsNow = async (actor: Probe) => ((await actor.state()) as { turns: number }).turns;

test("the last turns are undone as a new event, and undoing again goes further back", async () => {
  const actor = await start();
  const ends: number[] = [];
  for (let n = 0; n < 4; n++) ends.push((await actor.ask([["turns"]])).event?.seq ?? 0);
  await actor.ask([["refuse", "no"]]); // did nothing that could be undone
  const length = await actor.nextSeq();
  const done = must(await revert(actor, { turns: 1 }));
  expect(done).toMatchObject({ toSeq: ends[2], event: { seq: length } });
  expect((await actor.events(length))[0]).toMatchObject({
    type: "actor.reverted",
    turn: 0,
    fields: { toSeq: ends[2], by: "tester", reason: "bad day" },
  });
  expect(await turnsNow(actor)).toBe(3);
  expect(must(await revert(actor, { turns: 1 }))).toMatchObject({ toSeq: ends[1] });
  expect((await actor.ask([["turns"]])).gave).toEqual([2]); // it goes on from there
  expect(must(await revert(actor, { turns: 2 }))).toMatchObject({ toSeq: ends[0] });
  expect(await turnsNow(actor)).toBe(1);
  // Nothing is gone: what was undone can be gone back to.
  must(await revert(actor, { to: ends[3] ?? 0 }));
  expect(await turnsNow(actor)).toBe(4);
  expect(await turnsAt(actor, ends[2] ?? 0)).toBe(3);
  expect(await turnsAt(actor, done.event.seq)).toBe(3);
  expect(must(await theater.replay(actor.id, null))).toMatchObject({ verdict: "verified" });
  expect(must(await theater.verify(actor.id))).toMatchObject({ verdict: "verified" });
});

test("neither init, nor more turns than there were, nor the inside of a turn is gone back to", async () => {
  const actor = await start();
  const { event } = await actor.ask([["log", "x"], ["turns"]]);
  const end = event?.seq ?? 0;
  const refused = async (how: { turns: number } | { to: number }) => {
    const answer = await revert(actor, how);
    return answer.ok ? [] : [answer.error.code, answer.error.evidence];
  };
  expect(await refused({ turns: 2 })).toEqual(["wrong-state", { asked: 2, turns: 1 }]);
  expect(await refused({ to: end - 1 })).toEqual([
    "wrong-state",
    { turn: 2, before: end - 3, after: end },
  ]);
  expect((await refused({ to: 2 }))[0]).toBe("wrong-state");
  expect((await refused({ to: end + 1 }))[0]).toBe("not-found");
  expect(await turnsNow(actor)).toBe(1);
  must(await revert(actor, { turns: 1 }));
  expect(await turnsNow(actor)).toBe(0);
});

test("a key reverts once, also when the object dies behind it", async () => {
  const actor = await start();
  for (let n = 0; n < 3; n++) await actor.ask([["turns"]]);
  const first = must(await revert(actor, { turns: 1 }, "k"));
  await actor.crash();
  expect(must(await revert(actor, { turns: 1 }, "k"))).toEqual(first);
  expect(await turnsNow(actor)).toBe(2);
  expect(await revert(actor, { turns: 2 }, "k")).toMatchObject({ error: { code: "key-reused" } });
});

test("an erased state is not gone back to, and turns across it are not counted", async () => {
  const actor = await start();
  const ends: number[] = [];
  for (let n = 0; n < 3; n++) ends.push((await actor.ask([["turns"]])).event?.seq ?? 0);
  const held = ends[1] ?? 0;
  must(await theater.erase(actor.id, { seqs: [held], reason: "asked", by: "tester" }));
  const erased = { error: { code: "erased", evidence: { seq: held } } };
  expect(await revert(actor, { turns: 1 })).toMatchObject(erased);
  expect(await revert(actor, { turns: 2 })).toMatchObject(erased);
  expect(must(await revert(actor, { to: ends[0] ?? 0 }))).toMatchObject({ toSeq: ends[0] });
  expect(await turnsNow(actor)).toBe(1);
});

test("a stopped actor goes on from where it was put back to; a deleted one is left alone", async () => {
  const actor = await start();
  for (let n = 0; n < 2; n++) await actor.ask([["turns"], ["pad", 70_000]]);
  await actor.change("stop");
  expect(must(await revert(actor, { turns: 1 })).stateBytes).toBeGreaterThan(70_000);
  await actor.change("restart");
  expect((await actor.ask([["turns"]])).gave).toEqual([1]);
  await actor.change("stop");
  await actor.change("delete");
  expect(await revert(actor, { turns: 1 })).toMatchObject({ error: { code: "wrong-state" } });
});

test("a revert that restores another state than it says is found, though every hash fits", async () => {
  const actor = await start();
  for (let n = 0; n < 3; n++) await actor.ask([["turns"]]);
  const { event } = must(await revert(actor, { turns: 2 }));
  const entries = await chainOf(actor.id);
  expect(await replayOf(actor.id, entries)).toMatchObject({ verdict: "verified" });
  const forged = ChainCopy.of(actor.id, entries).changed(event.seq, ({ fields }) => ({
    fields: { ...fields, state: [fromUtf8('{"turns":7,"heard":[]}')] },
  }));
  expect(await replayOf(actor.id, forged.entries())).toMatchObject({
    verdict: "diverged",
    difference: { seq: event.seq, likely: "tampered-record" },
    chain: { verdict: "verified" },
  });
});
