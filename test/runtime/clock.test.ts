// Time, chance and the end of a turn: what makes a turn repeatable, and what a guest can do after it.

import { afterEach, expect, test, vi } from "vitest";
import type { TurnHost, TurnOutput } from "../../src/executor/executor.ts";
import { fromUtf8 } from "../../src/lib/bytes.ts";
import { Silence } from "../../src/runtime/children/silence.ts";
import { TurnDoor } from "../../src/runtime/turn/turn-door.ts";
import { SteadyClock } from "../../src/runtime/timers/steady-clock.ts";
import { clearFaults, down, faults } from "./faults.ts";
import { Gate, must, Probe, probeComponent, start, theater, until, type Told } from "./stage.ts";

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

const HOUR = 3_600_000;
const machineNow = Date.now.bind(Date);

/** From now on the clock is so far ahead of the machine's, for everything in this isolate. */
function jumpTo(aheadMs: number): void {
  vi.spyOn(Date, "now").mockImplementation(() => machineNow() + aheadMs);
}

/** Until then the platform would not have called, by the clock that was put back. */
async function withoutAlarm(actor: Probe): Promise<void> {
  await actor.inside(async (_, { storage }) => await storage.deleteAlarm());
}

test.for([45_000, HOUR])(
  "a clock that is put back by %d ms holds up neither what is sent nor the ledger",
  async (aheadMs) => {
    const [a, b] = [await start(), await start()];
    jumpTo(aheadMs);
    let tries = 0;
    faults.peer = ({ name }, go) => (name === `${b.id} deliver` && ++tries ? down() : go());
    await a.ask([["send", b.id, [["echo", "late"]]]]);
    await until(() => tries > 0);
    await until(async () => (await a.summary()).ledgerSeq === (await a.nextSeq()) - 1);
    jumpTo(0);
    clearFaults();
    await a.tell([["echo", 1]]);
    await withoutAlarm(a);
    const began = machineNow();
    await until(async () => (await a.sql("SELECT * FROM outbox")).length === 0);
    await until(async () => (await a.summary()).ledgerSeq === (await a.nextSeq()) - 1);
    expect((await b.ask([["heard"]])).gave).toEqual([["late"]]);
    expect(machineNow() - began).toBeLessThan(20_000);
  },
);

test("an outbox that a life with a clock ahead has left behind is delivered by the next one's alarm", async () => {
  const [a, b] = [await start(), await start()];
  jumpTo(HOUR);
  faults.peer = ({ name }, go) => (name === `${b.id} deliver` ? down() : go());
  await a.ask([["send", b.id, [["echo", "late"]]]]);
  await until(async () => Number((await a.sql("SELECT tries FROM outbox"))[0]?.["tries"]) > 0);
  await a.crash();
  jumpTo(0);
  clearFaults();
  await a.alarm();
  expect(await a.sql("SELECT * FROM outbox")).toEqual([]);
  expect((await b.ask([["heard"]])).gave).toEqual([["late"]]);
});

test("a deadline of a clock that was put back is as far away as it was, and no further", async () => {
  const actor = await start({ limits: { reply_ms: 700 } });
  jumpTo(HOUR);
  const asked = actor.ask([["defer"]], "key");
  await until(async () => (await actor.sql("SELECT id FROM deferred")).length === 1);
  jumpTo(0);
  await actor.alarm();
  // Not settled by the jump itself: whoever answers has still his time.
  expect(await actor.sql("SELECT id FROM deferred")).toHaveLength(1);
  const settled = async (): Promise<boolean> => {
    await actor.alarm();
    return (await actor.sql("SELECT id FROM deferred")).length === 0;
  };
  await until(settled);
  expect((await asked).gave).toBe("too-slow");
});

test("a restart that waits, and whoever is to be killed in time, do not wait for a clock that was put back", async () => {
  const component = await probeComponent();
  const types = ["runtime", "message-server", "store", "timing", "random", "timers"];
  const handler = types.map((type) => ({ type }));
  const handlers = handler.map(({ type }) => `[[handler]]\ntype = "${type}"\n`).join("");
  const worker = `name = "worker"\nversion = "1"\ncomponent = "${component}"\n${handlers}`;
  const stored = await theater.putContent("manifests", fromUtf8(worker), null);
  const backoff = { min_ms: 600, max_ms: 600, factor: 1, jitter: 0 };
  const child = [{ name: "a", manifest: must(stored).digest, shutdown: 600 }];
  const manifest = { name: "boss", version: "1", component, handler, child };
  const supervised = { ...manifest, supervisor: { intensity: 5, period_ms: 60_000, backoff } };
  jumpTo(HOUR);
  const given = { manifest: supervised, initState: null, parent: null, principal: "tester" };
  const boss = new Probe(must(await theater.start(given)).id);
  await until(async () => (await boss.sql("SELECT 1 FROM child WHERE born = 1")).length === 1);
  const [row] = await boss.sql("SELECT actor FROM child");
  const worked = new Probe(row?.["actor"] as string);
  await until(async () => (await worked.summary()).status === "running");
  await worked.ask([["trap"]]);
  await until(async () => (await boss.lines()).at(-1) === "supervision.decided 0");
  jumpTo(0);
  await until(async () => {
    await boss.alarm();
    return (await worked.summary()).status === "running";
  });
  jumpTo(HOUR);
  const gate = new Gate();
  faults.guest = async (_, go) => {
    await gate.wait();
    return await go();
  };
  const stuck = worked.ask([["turns"]]);
  await gate.reached();
  const stopping = boss.change("stop");
  await until(async () => (await boss.lines()).at(-1) === "supervision.decided 0");
  jumpTo(0);
  expect(await stopping).toBe("stopped");
  expect((await stuck).gave).toBe("too-slow");
  gate.open();
});

test("whoever is silent is given up after more than one try and a time, whatever the clock does", () => {
  for (const jumps of [
    [0, HOUR, HOUR],
    [0, -HOUR, -HOUR],
    [0, HOUR, -HOUR],
  ]) {
    const silence = new Silence(30_000);
    let now = 1e12;
    vi.spyOn(Date, "now").mockImplementation(() => now);
    silence.begin("a");
    const tooLong = jumps.map((jump) => {
      now += 15_000 + jump;
      return silence.isTooLong("a");
    });
    expect(tooLong[0]).toBe(false);
    for (let n = 0; n < 3 && !tooLong.includes(true); n++) {
      now += 15_000;
      tooLong.push(silence.isTooLong("a"));
    }
    expect(tooLong).toContain(true);
  }
});

test("the clock of waits goes on where the machine's is put back", () => {
  let now = 1e12;
  vi.spyOn(Date, "now").mockImplementation(() => now);
  const clock = new SteadyClock();
  expect(clock.nowMs()).toBe(1e12);
  now -= HOUR;
  expect(clock.nowMs()).toBe(1e12);
  now += 5_000;
  expect(clock.nowMs()).toBe(1e12 + 5_000);
  expect(clock.nowMs(1e12 + 7_000)).toBe(1e12 + 7_000); // somebody has seen more of it
  now += HOUR;
  expect(clock.nowMs()).toBe(1e12 + 7_000 + HOUR);
});

test("a wait in a turn takes no longer where the clock is put back", async () => {
  const actor = await start();
  const asked = actor.ask([["sleep", 400]]);
  await until(async () => (await actor.lines()).includes("host.intended timing#sleep 2"));
  jumpTo(-HOUR);
  expect((await asked).gave).toEqual([null]);
});

test("a timer that fired by a clock ahead does not fire again, and the next waits for its date", async () => {
  const actor = await start();
  const fired = async (): Promise<unknown[]> => {
    await actor.alarm();
    await actor.quiet();
    const messages = (await actor.events()).filter(({ about }) => about === "timer");
    return messages.map(({ fields }) => fields["id"]);
  };
  const due = Date.now() + HOUR / 2;
  await actor.ask([["schedule", "once", { at: due }, []]]);
  jumpTo(HOUR);
  const once = `timer/${due}/once`;
  expect(await fired()).toEqual([once]);
  jumpTo(0);
  await actor.ask([["schedule", "again", { at: due + HOUR }, []]]);
  expect(await fired()).toEqual([once]);
  jumpTo(HOUR + HOUR / 2);
  expect(await fired()).toEqual([once, `timer/${due + HOUR}/again`]);
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
