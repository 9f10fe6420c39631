// Time, chance and the end of a turn: what makes a turn repeatable, and what a guest can do after it.

import { afterEach, expect, test, vi } from "vitest";
import type { TurnHost, TurnOutput } from "../../src/executor/executor.ts";
import { fromUtf8 } from "../../src/lib/bytes.ts";
import { TurnDoor } from "../../src/runtime/turn/turn-door.ts";
import { clearFaults, faults } from "./faults.ts";
import { Gate, start, until, type Told } from "./stage.ts";

afterEach(() => {
  clearFaults();
  vi.restoreAllMocks();
});

test("time stands still in a turn and moves only with an effect", async () => {
  const [actor, peer] = [await start(), await start()];
  faults.guest = async (_, go) => {
    const output = await go();
    await new Promise((resolve) => setTimeout(resolve, 15)); // the turn takes its time
    return output;
  };
  const from = await actor.nextSeq();
  const { gave } = await actor.ask([["now"], ["request", peer.id, [["turns"]]], ["now"], ["now"]]);
  const [first, , second, third] = gave as number[];
  expect(Number(second)).toBeGreaterThanOrEqual(Number(first) + 15);
  expect(third).toBe(second);
  const times = (await actor.events(from)).map(({ time }) => time);
  // Message, now and intent; then everything from the outcome on, the commit 15 ms later included.
  expect(times).toEqual([first, first, first, second, second, second, second]);
});

test("a wait is an effect: time moves by it, and its intent says until when", async () => {
  const actor = await start();
  const from = await actor.nextSeq();
  const { gave } = await actor.ask([["now"], ["sleep", 40], ["now"], ["deadline", 1], ["now"]]);
  const [before, slept, after, past, end] = gave as [number, null, number, null, number];
  expect([slept, past]).toEqual([null, null]);
  expect(after).toBeGreaterThanOrEqual(before + 40);
  const intents = (await actor.events(from)).filter(({ type }) => type === "host.intended");
  expect(intents.map(({ time, fields }) => [time, fields["args"]])).toEqual([
    [before, [40]],
    [after, [1]],
  ]);
  const { gave: again } = await actor.ask([["deadline", end + 30], ["now"]]);
  expect((again as number[])[1]).toBeGreaterThanOrEqual(end + 30);
});

test("a wait that the turn has no time for, or the grant does not allow, is an err at once", async () => {
  const actor = await start({ limits: { turn_ms: 10_000 } });
  const began = Date.now();
  const { gave } = await actor.ask([
    ["sleep", 10_000],
    ["deadline", Date.now() + 60_000],
    ["sleep", 3_600_001],
    ["sleep", 0],
    ["deadline", Number.MAX_SAFE_INTEGER],
  ]);
  const [long, far, over, none, never] = gave as string[];
  for (const refused of [long, far]) {
    expect(refused).toMatch(
      /^err: the wait has \d+ ms and the turn \d+ left: raise limits.turn_ms, or/,
    );
    expect(refused).toContain("theater:edge/timers");
  }
  for (const refused of [over, never]) {
    expect(refused).toBe("err: Permission denied: a wait has at most 3600000 ms");
  }
  expect(none).toBe("err: Permission denied: a wait has at least 1 ms");
  expect(Date.now() - began).toBeLessThan(9_000);
});

test("a wait that the crash interrupted goes on until its own time, not for as long again", async () => {
  const actor = await start();
  const program = [["now"], ["sleep", 25_000], ["now"]];
  const asked = actor.ask(program, "key");
  await until(async () => (await actor.lines()).includes("host.intended timing#sleep 2"));
  const begun = (await actor.events()).at(-1)?.time ?? 0;
  await actor.crash();
  await asked;
  const real = Date.now.bind(Date);
  vi.spyOn(Date, "now").mockImplementation(() => real() + 25_000);
  const again = real();
  const { gave } = await actor.ask(program, "key");
  const [before, , after] = gave as number[];
  expect(before).toBe(begun);
  expect(after).toBeGreaterThanOrEqual(begun + 25_000);
  expect(real() - again).toBeLessThan(15_000);
  const intents = (await actor.lines()).filter((line) => line.includes("host.intended"));
  expect(intents).toHaveLength(1);
});

test("a clock that jumps back does not take the chain along", async () => {
  const actor = await start();
  await actor.ask([["now"]]);
  const real = Date.now.bind(Date);
  vi.spyOn(Date, "now").mockImplementation(() => real() - 3_600_000);
  await actor.ask([["now"]]);
  await actor.tell([["now"]]);
  await actor.crash();
  expect(await actor.change("pause")).toBe("paused");
  const times = (await actor.events()).map(({ time }) => time);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
});

test("the same seed gives the same random bytes, and every turn has a seed of its own", async () => {
  const actor = await start();
  const outputs: TurnOutput[] = [];
  faults.guest = async (_, go) => {
    outputs.push((await go()) as TurnOutput, (await go()) as TurnOutput);
    return outputs.at(-1);
  };
  const draw = [
    ["random", 16],
    ["random", 16],
  ];
  const [a, b] = [(await actor.ask(draw)).gave, (await actor.ask(draw)).gave] as number[][][];
  expect(outputs[0]).toEqual(outputs[1]);
  const drawn = [...(a ?? []), ...(b ?? [])].map(String);
  expect(new Set(drawn).size).toBe(4);
  const seeds = (await actor.events()).flatMap(({ fields }) => fields["seed"] ?? []).map(String);
  expect(new Set(seeds).size).toBe(seeds.length);
});

test("a host call after the end of the turn is refused before it does anything", async () => {
  const [actor, peer] = [await start(), await start()];
  const stub = vi.spyOn(TurnDoor.prototype, "stub");
  await actor.ask([["echo", 1]]); // commits
  await actor.ask([["refuse", "no"]]);
  faults.guest = async (_, go) => {
    await go();
    throw new Error("the isolate broke");
  };
  expect((await actor.ask([["echo", 1]])).gave).toBe("host-failure");
  faults.guest = undefined;
  const hosts = stub.mock.results.map(({ value }) => value as TurnHost);
  expect(hosts.length).toBe(3);
  const [before, peerBefore] = [await actor.events(), await peer.nextSeq()];
  const simple = "theater:simple/";
  const calls = [
    [`${simple}message-server-host#request`, [peer.id, fromUtf8("[]")]],
    [`${simple}message-server-host#send`, [peer.id, fromUtf8("[]")]],
    [`${simple}store#new`, []],
  ] as const;
  await actor.inside(async () => {
    for (const host of hosts) {
      for (const [about, args] of calls) {
        const answer = await host.call(about, args, []);
        expect(answer).toMatchObject({ abort: { kind: "cut", code: "turn-over" } });
      }
    }
  });
  await actor.ask([["turns"]]);
  expect((await actor.events()).slice(0, before.length)).toEqual(before);
  expect((await actor.lines(before.length)).join()).not.toContain("host.intended");
  expect(await peer.nextSeq()).toBe(peerBefore);
});

/** The events behind the end of the turn that `turn_ms` cut. */
async function behindTheCut(actor: Awaited<ReturnType<typeof start>>): Promise<Told[]> {
  const events = await actor.events();
  const end = events.find(({ fields }) => fields["code"] === "turn-ms");
  expect(end?.type).toBe("turn.failed");
  return events.slice((end?.seq ?? 0) + 1);
}

test("a turn that takes too long is cut, and its late effect leaves no event", async () => {
  const [actor, peer] = [await start({ limits: { turn_ms: 60 } }), await start()];
  const gate = new Gate();
  faults.peer = async ({ name }, go) => {
    const answer = await go();
    if (name === `${peer.id} request`) await gate.wait();
    return answer;
  };
  const program = [
    ["request", peer.id, [["turns"]]],
    ["send", peer.id, [["echo", "never"]]],
  ];
  expect((await actor.ask(program)).gave).toBe("too-slow");
  gate.open();
  faults.peer = undefined;
  expect((await actor.ask([["turns"]])).gave).toEqual([0]);
  expect((await peer.ask([["turns"], ["heard"]])).gave).toEqual([1, []]);
  expect((await behindTheCut(actor)).map(({ type }) => type)).toEqual([
    "message.received",
    "turn.committed",
  ]);
});

test("content that is kept too late for its turn flushes nothing behind the end", async () => {
  const peer = await start();
  const programs = {
    // Kept before the intent, and kept before the outcome.
    intent: [["putLong", 100_000]],
    outcome: [["request", peer.id, [["long", 100_000]]]],
  };
  for (const [kept, program] of Object.entries(programs)) {
    const actor = await start({ limits: { turn_ms: 250 } });
    const gate = new Gate();
    let puts = 0;
    faults.content = async (call, go) => {
      // The peer keeps its reply first; what comes next is the actor's own.
      if (call.name === "put" && ++puts > (kept === "outcome" ? 1 : 0)) await gate.wait();
      return await go();
    };
    expect((await actor.ask(program)).gave).toBe("too-slow");
    const stores = (await actor.lines()).filter((line) => line.includes("store#store")).length;
    gate.open();
    clearFaults();
    await new Promise((resolve) => setTimeout(resolve, 50));
    await actor.ask([["turns"]]);
    expect((await behindTheCut(actor)).map(({ type }) => type)).toEqual([
      "message.received",
      "turn.committed",
    ]);
    expect(stores).toBe(0);
  }
});
