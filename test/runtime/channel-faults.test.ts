// Channels across crashes, lost answers and messages that overtake each other: opened once, heard once, never left open.

import { afterEach, expect, test } from "vitest";
import { clearFaults, faults } from "./faults.ts";
import { Gate, start, until } from "./stage.ts";
import {
  heard,
  hears,
  stateOf,
  closings,
  open,
  expectSound,
  delivered,
  received,
} from "./channel-ends.ts";

afterEach(clearFaults);

test("messages survive the objects, and come once where answers are lost", async () => {
  const [a, b] = [await start(), await start()];
  const channel = await open(a, b);
  let calls = 0;
  faults.peer = async ({ name }, go) => {
    if (name !== `${b.id} deliver`) return await go();
    if (++calls === 2) await go(); // arrives, and nobody is told
    throw new Error("the connection broke");
  };
  await a.ask([
    ["say", channel, [["echo", 1]]],
    ["say", channel, [["echo", 2]]],
    ["hangUp", channel],
  ]);
  await until(async () => {
    await a.alarm();
    return calls >= 2;
  });
  await a.crash();
  await b.crash();
  clearFaults();
  await until(async () => {
    await a.alarm();
    return (await a.sql("SELECT 1 FROM outbox")).length === 0;
  });
  await hears(b, [`open ${channel}`, 1, 2, `close ${channel}`]);
  expect((await received(b, "channel")).length).toBe(2);
  await expectSound(a, b);
});

test("an opening that a crash interrupted goes on, and opens one channel", async () => {
  for (const arrives of [false, true]) {
    const [a, b] = [await start(), await start()];
    const gate = new Gate();
    faults.peer = async ({ name }, go) => {
      if (name !== `${b.id} openChannel`) return await go();
      if (arrives) await go();
      await gate.wait();
      return await go();
    };
    const program = [["openThen", b.id, [], [["say", "$", [["echo", "first"]]]]]];
    const asked = a.ask(program, "key");
    await gate.reached();
    if (arrives) await until(async () => (await heard(b)).length === 1);
    await a.crash();
    clearFaults();
    expect((await asked).gave).toBe("outcome-unknown");
    const { gave } = await a.ask(program, "key");
    const [[channel]] = gave as [[string]];
    await hears(b, [`open ${channel}`, "first"]);
    expect([await stateOf(a), await stateOf(b)]).toEqual([["open"], ["open"]]);
    await expectSound(a, b);
  }
});

test("an opening whose turn is closed for good is closed at the other end", async () => {
  const [a, b] = [await start(), await start()];
  const gate = new Gate();
  faults.peer = async ({ name }, go) => {
    const given = await go();
    if (name === `${b.id} openChannel`) await gate.wait();
    return given;
  };
  const asked = a.ask([["open", b.id, []]]);
  await gate.reached();
  const terminated = a.change("terminate");
  expect((await asked).gave).toBe("too-slow");
  await terminated;
  await until(async () => (await heard(b)).length === 2);
  expect(await closings(b)).toEqual([["peer", "turn-failed"]]);
  gate.open();
  expect([await stateOf(a), await stateOf(b)]).toEqual([["closed"], ["closed"]]);
});

test("a close that overtakes its opening keeps it from being opened", async () => {
  const [a, b] = [await start({ limits: { turn_ms: 300 } }), await start()];
  const gate = new Gate();
  const opening: { go?: () => unknown } = {};
  faults.peer = async ({ name }, go) => {
    if (name !== `${b.id} openChannel`) return await go();
    opening.go = go;
    await gate.wait();
    return await go();
  };
  expect((await a.ask([["open", b.id, []]])).gave).toBe("too-slow");
  await delivered(a);
  expect(await stateOf(b)).toEqual(["closed"]);
  gate.open();
  await until(async () => (await b.summary()).mailbox === 0);
  expect(await heard(b)).toEqual([]);
  expect(await stateOf(b)).toEqual(["closed"]);
});

test("a close that comes while the guest decides is told to the guest", async () => {
  const [a, b] = [await start(), await start()];
  const gate = new Gate();
  faults.guest = async ({ args }, go) => {
    const { about } = args[0] as { about: string };
    if (about.endsWith("handle-channel-open")) await gate.wait();
    return await go();
  };
  const asked = a.ask([["open", b.id, []]]);
  await gate.reached();
  await a.change("terminate");
  expect((await asked).gave).toBe("too-slow");
  await until(async () => (await stateOf(b))[0] === "closed");
  gate.open();
  await until(async () => (await heard(b)).length === 2);
  const [opened, closed] = (await heard(b)) as string[];
  expect(closed).toBe(opened?.replace("open", "close"));
  expect(await stateOf(b)).toEqual(["closed"]);
  await expectSound(a, b);
});

test("a stopped actor whose channels a crash left open closes them when it wakes up", async () => {
  const [a, b] = [await start(), await start()];
  const channel = await open(a, b);
  await a.inside((_, { storage }) => {
    storage.sql.exec(`UPDATE cell SET value = '"stopped"' WHERE name = 'status'`);
  });
  await a.crash();
  await a.summary();
  await hears(b, [`open ${channel}`, `close ${channel}`]);
  expect(await closings(a)).toEqual([["self", "stopped"]]);
});
