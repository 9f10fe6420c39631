// Durable timers: each time of a timer becomes one turn, whatever ends the object in between, and what a
// turn sets or takes back is real with its commit.

import { afterEach, expect, test } from "vitest";
import { clearFaults, faults } from "./faults.ts";
import { clockBack, pass } from "./passing-clock.ts";
import { Gate, start, startAnswer, until, type Probe, type Program } from "./stage.ts";

afterEach(() => {
  clearFaults();
  clockBack();
});

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

async function alarmMs(actor: Probe): Promise<number | null> {
  return await actor.inside((_, { storage }) => storage.getAlarm());
}

/** The messages that timers made, by their ids. */
async function fired(actor: Probe): Promise<string[]> {
  const received = (await actor.events()).filter(({ about }) => about === "timer");
  return received.map(({ fields }) => String(fields["id"]));
}

async function heard(actor: Probe): Promise<unknown> {
  await actor.quiet();
  return (await actor.ask([["heard"]])).gave;
}

/** Sets a timer and returns when it is due. */
async function set(
  actor: Probe,
  name: string,
  plan: object,
  program: Program = [],
): Promise<number> {
  const { gave } = await actor.ask([["schedule", name, plan, program]]);
  const [due] = gave as unknown[];
  if (typeof due !== "number") throw new Error(String(due));
  return due;
}

test("a timer fires once, with its name and body, in a turn that the chain explains", async () => {
  const actor = await start();
  const before = Date.now();
  const { gave, event } = await actor.ask([["schedule", "tea", { after: 30 }, [["now"]]]]);
  const [due] = gave as [number];
  expect(due).toBeGreaterThanOrEqual(before + 30);
  await until(async () => (await fired(actor)).length > 0); // by the platform's own alarm
  await actor.quiet();
  const all = await actor.events();
  const message = all.find(({ about }) => about === "timer");
  expect(message).toMatchObject({
    type: "message.received",
    turn: 0,
    fields: {
      id: `timer/${due}/tea`,
      kind: "timer",
      from: actor.id,
      cause: { actor: actor.id, seq: event?.seq },
      params: ["tea", new TextEncoder().encode('[["now"]]')],
    },
  });
  const end = all.at(-1);
  expect(end).toMatchObject({ type: "turn.committed", fields: { message: message?.seq } });
  const [name, now] = ((await actor.state()) as { heard: [string, number] }).heard;
  expect([name, now >= due]).toEqual(["tea", true]);
  // The clock of the turn is that of its events.
  expect(now).toBe(all.find(({ about }) => about.endsWith("timing#now"))?.time);
  await until(async () => !(await actor.alarm()));
  expect(await fired(actor)).toHaveLength(1);
  expect((await actor.ask([["timers"]])).gave).toEqual([[]]);
});

test("a timer is set, replaced and taken back by name, in the turn and behind it", async () => {
  const actor = await start();
  const [at, now] = [Date.now() + HOUR, Date.now()];
  const { gave } = await actor.ask([
    ["schedule", "b", { every: HOUR }, []],
    ["schedule", "a", { at }, []],
    ["schedule", "b", { after: 2 * HOUR }, []],
    ["schedule", "c", { cron: "0 0 * * *" }, []],
    ["cancel", "c"],
    ["cancel", "c"],
    ["timers"],
  ]);
  const given = gave as unknown[];
  expect(given.slice(1, 2)).toEqual([at]);
  expect(given.slice(4, 6)).toEqual([true, false]);
  const due = given[2] as number;
  expect(due).toBeGreaterThanOrEqual(now + 2 * HOUR);
  const both = [
    { name: "a", plan: { at }, due: at },
    { name: "b", plan: { at: due }, due },
  ];
  expect(given[6]).toEqual(both);
  await actor.evict();
  expect((await actor.ask([["timers"]])).gave).toEqual([both]);
  expect((await actor.ask([["cancel", "a"], ["timers"]])).gave).toEqual([true, both.slice(1)]);
  pass(3 * HOUR);
  await until(async () => {
    await actor.alarm();
    return (await fired(actor)).length > 0;
  });
  expect(await heard(actor)).toEqual([["b"]]);
});

test.for([
  ["refuses", [["refuse", "no"]], "guest-error"],
  ["traps", [["trap"]], "guest-trap"],
  ["goes over a limit", [["pad", 2_000_000]], "limit-exceeded"],
] as const)("a turn that %s sets no timer and takes none back", async ([, end, code]) => {
  const actor = await start();
  await set(actor, "kept", { after: HOUR });
  const program = [["schedule", "never", { after: 1 }, []], ["cancel", "kept"], ...end];
  expect((await actor.ask(program)).gave).toBe(code);
  const [timers] = (await actor.ask([["timers"]])).gave as [{ name: string }[]];
  expect(timers.map(({ name }) => name)).toEqual(["kept"]);
  pass(10_000);
  await actor.alarm();
  expect(await fired(actor)).toEqual([]);
});

test("an interval keeps to its schedule, and the times that were missed become one", async () => {
  const actor = await start();
  const first = await set(actor, "tick", { every: MINUTE });
  pass(first - Date.now() + 10 * MINUTE + 500); // ten more are missed
  await actor.alarm();
  expect(await heard(actor)).toEqual([["tick"]]);
  expect(await fired(actor)).toEqual([`timer/${first}/tick`]);
  const [[timer]] = (await actor.ask([["timers"]])).gave as [[{ due: number }]];
  expect(timer.due).toBe(first + 11 * MINUTE);
  pass(MINUTE);
  await actor.alarm();
  expect(await heard(actor)).toEqual([["tick", "tick"]]);
  expect((await fired(actor)).at(-1)).toBe(`timer/${first + 11 * MINUTE}/tick`);
});

test("cron fires at the minutes of its expression, in UTC, and coalesces too", async () => {
  const actor = await start();
  const due = await set(actor, "daily", { cron: " 30  9 * * MON-fri " });
  const date = new Date(due);
  expect([date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()]).toEqual([9, 30, 0]);
  expect(date.getUTCDay() % 6).not.toBe(0);
  expect(due - Date.now()).toBeLessThanOrEqual(72 * HOUR);
  pass(due - Date.now() + 15 * 24 * HOUR);
  await actor.alarm();
  expect(await heard(actor)).toEqual([["daily"]]);
  const [[timer]] = (await actor.ask([["timers"]])).gave as [[{ due: number; plan: unknown }]];
  expect(timer.plan).toEqual({ cron: "30 9 * * MON-fri" });
  expect(timer.due).toBeGreaterThan(Date.now());
  expect(timer.due - Date.now()).toBeLessThanOrEqual(72 * HOUR);
});

test("what is no plan, or over a limit, is an err that says so", async () => {
  const actor = await start();
  const say = async (plan: object, name = "x", body: unknown = []): Promise<string> => {
    const [answer] = (await actor.ask([["schedule", name, plan, body]])).gave as [unknown];
    return String(answer);
  };
  for (const cron of ["", "* * * *", "* * * * * *", "@daily", "? * * * *", "0 0 L * *"]) {
    expect(await say({ cron })).toMatch(/^err: not a cron expression/);
  }
  for (const cron of ["60 * * * *", "0 24 * * *", "5-1 * * * *", "*/0 * * * *", "* * 0 * *"]) {
    expect(await say({ cron })).toMatch(/^err: not a cron expression: /);
  }
  expect(await say({ cron: "0 0 31 2 *" })).toMatch(/never comes true/);
  expect(await say({ every: 999 })).toMatch(/at least 1000 ms/);
  for (const kind of ["at", "after", "every"]) {
    expect(await say({ [kind]: Date.now() + 4_000 * 366 * 24 * HOUR })).toMatch(/at most \d+ ms/);
  }
  expect(await say({ after: HOUR }, "")).toMatch(/1 to 128 bytes/);
  expect(await say({ after: HOUR }, "é".repeat(65))).toMatch(/1 to 128 bytes/);
  expect(await say({ after: HOUR }, "x", "y".repeat(65_535))).toMatch(/at most 65536 bytes/);
  expect((await actor.ask([["timers"]])).gave).toEqual([[]]);
  expect(await say({ after: HOUR }, "x", "y".repeat(65_534))).toMatch(/^\d+$/);
});

test("an actor has a hundred timers and no more, and a turn schedules two hundred", async () => {
  const actor = await start();
  const names = Array.from({ length: 100 }, (_, n) => `t${n}`);
  await actor.ask(names.slice(0, 60).map((name) => ["schedule", name, { after: HOUR }, []]));
  const rest = names.slice(60).map((name) => ["schedule", name, { after: HOUR }, []]);
  const { gave } = await actor.ask([
    ...rest,
    ["schedule", "one more", { after: HOUR }, []],
    ["schedule", "t0", { after: 2 * HOUR }, []],
    ["cancel", "t1"],
    ["schedule", "one more", { after: HOUR }, []],
  ]);
  const [over, again, , fits] = (gave as unknown[]).slice(40);
  expect(over).toMatch(/^err: an actor has at most 100 timers/);
  expect([again, fits]).toEqual([expect.any(Number), expect.any(Number)]);
  const loop = Array.from({ length: 201 }, () => ["schedule", "t0", { after: HOUR }, []]);
  const last = ((await actor.ask(loop)).gave as unknown[]).at(-1);
  expect(last).toMatch(/^err: a turn schedules at most 200 timers/);
  pass(3 * HOUR);
  await actor.alarm();
  await actor.quiet();
  expect(new Set(await fired(actor)).size).toBe(100);
});

test("a timer outlives its object: it fires at its time in another life", async () => {
  const actor = await start();
  const due = await set(actor, "later", { after: HOUR });
  await until(async () => !(await actor.alarm()) || (await alarmMs(actor)) === due);
  for (const end of ["evict", "crash"] as const) {
    await actor[end]();
    await actor.summary(); // another life; nothing has changed for it
    expect(await alarmMs(actor)).toBe(due);
  }
  await actor.evict();
  pass(HOUR);
  await actor.alarm(); // as the platform does, without any request
  expect(await heard(actor)).toEqual([["later"]]);
  expect(await fired(actor)).toEqual([`timer/${due}/later`]);
});

test("a crash between the firing and its turn loses nothing and repeats nothing", async () => {
  const actor = await start();
  const due = await set(actor, "tick", { every: HOUR });
  const gate = new Gate();
  faults.guest = async (_, go) => {
    await gate.wait();
    return await go();
  };
  pass(HOUR + 1);
  const alarm = actor.alarm().catch(() => undefined);
  await gate.reached();
  expect(await fired(actor)).toHaveLength(1);
  await actor.crash();
  clearFaults();
  await alarm;
  await actor.alarm();
  expect(await heard(actor)).toEqual([["tick"]]);
  expect(await fired(actor)).toEqual([`timer/${due}/tick`]);
  const ends = (await actor.lines()).filter((line) => line.startsWith("turn."));
  expect(ends).toEqual([
    "turn.committed 1",
    "turn.committed 2",
    "turn.committed 3",
    "turn.committed 4",
  ]);
});

test("a firing that cannot be written has not happened, and happens later", async () => {
  const actor = await start();
  await set(actor, "once", { after: HOUR });
  await actor.inside((_, { storage }) => {
    storage.sql.exec(`CREATE TRIGGER refuse BEFORE INSERT ON event WHEN new.about = 'timer'
      BEGIN SELECT RAISE(ABORT, 'refused'); END`);
  });
  pass(HOUR + 1);
  await actor.alarm();
  expect(await fired(actor)).toEqual([]);
  expect((await actor.ask([["echo", "alive"]])).gave).toEqual(["alive"]);
  expect(await alarmMs(actor)).not.toBeNull();
  await actor.inside((_, { storage }) => void storage.sql.exec("DROP TRIGGER refuse"));
  await actor.alarm();
  expect(await heard(actor)).toEqual([["once"]]);
});

test("an alarm that comes early, late, twice or at once with another changes nothing", async () => {
  const actor = await start();
  const due = await set(actor, "once", { after: HOUR });
  await actor.inside(async (object) => await Promise.all([object.alarm(), object.alarm()]));
  expect(await fired(actor)).toEqual([]);
  expect(await alarmMs(actor)).toBe(due);
  pass(HOUR + 1);
  await actor.inside(async (object) => await Promise.all([object.alarm(), object.alarm()]));
  await actor.inside(async (object) => await object.alarm());
  expect(await heard(actor)).toEqual([["once"]]);
  expect(await fired(actor)).toHaveLength(1);
});

test("what a running turn takes back does not fire behind its back", async () => {
  const [actor, peer] = [await start(), await start()];
  await set(actor, "due", { after: HOUR });
  const gates = [new Gate(), new Gate()];
  const [first, second] = gates;
  faults.peer = async ({ name }, go) => {
    if (name === `${peer.id} request`) await gates.shift()?.wait();
    return await go();
  };
  const request = ["request", peer.id, []];
  const asked = actor.ask([["cancel", "due"], request, request, ["timers"]]);
  await first?.reached();
  pass(HOUR + 1);
  first?.open(); // the turn's clock moves on, and the timer is due by it too
  await second?.reached();
  await actor.inside((object) => void object.alarm());
  expect(await fired(actor)).toEqual([]);
  second?.open();
  expect((await asked).gave).toEqual([true, "[]", "[]", []]);
  await until(async () => !(await actor.alarm()));
  expect(await fired(actor)).toEqual([]);
});

test("a turn that was interrupted sets its timers once it has gone on", async () => {
  const [actor, peer] = [await start(), await start()];
  await set(actor, "old", { after: HOUR });
  const gate = new Gate();
  faults.peer = async ({ name }, go) => {
    if (name === `${peer.id} request`) await gate.wait();
    return await go();
  };
  const program = [
    ["schedule", "new", { after: 2 * HOUR }, []],
    ["cancel", "old"],
    ["request", peer.id, []],
    ["timers"],
  ];
  const asked = actor.ask(program, "key");
  await gate.reached();
  await actor.crash();
  clearFaults();
  await asked;
  const { gave } = await actor.ask(program, "key");
  const [due, wasSet, , timers] = gave as unknown[];
  expect(wasSet).toBe(true);
  expect(timers).toEqual([{ name: "new", plan: { at: due }, due }]);
  expect((await actor.ask([["timers"]])).gave).toEqual([timers]);
});

test("an actor without the grant cannot be born with the import", async () => {
  const others = ["runtime", "message-server", "store", "timing", "random"];
  const handler = others.map((type) => ({ type }));
  const answer = await startAnswer({ manifest: { handler } });
  expect(answer).toMatchObject({
    ok: false,
    error: { code: "missing-handler", message: expect.stringContaining("timers") },
  });
});

test("the timers of a paused or stopped actor wait, and what came due meanwhile fires once", async () => {
  for (const [off, on] of [
    ["pause", "resume"],
    ["stop", "restart"],
  ] as const) {
    const actor = await start();
    await set(actor, "tick", { every: MINUTE });
    await actor.change(off);
    pass(10 * MINUTE);
    await until(async () => !(await actor.alarm()));
    expect(await fired(actor)).toEqual([]);
    expect(await alarmMs(actor)).toBeNull();
    await actor.change(on);
    expect(await heard(actor)).toEqual([["tick"]]);
    expect(await fired(actor)).toHaveLength(1);
  }
});

test("a full mailbox holds timers back, and they fire when there is room", async () => {
  const actor = await start({ limits: { mailbox: 2 } });
  for (const name of ["a", "b", "c"]) await set(actor, name, { after: HOUR });
  const gate = new Gate();
  faults.guest = async (_, go) => {
    await gate.wait();
    return await go();
  };
  await actor.tell([]);
  await gate.reached();
  await actor.tell([]);
  pass(2 * HOUR);
  gate.open();
  await actor.alarm();
  await until(async () => (await fired(actor)).length === 3);
  expect(await heard(actor)).toEqual([["a", "b", "c"]]);
  const lines = (await actor.lines()).map((line) => line.replace(/ \d+$/, ""));
  const first = lines.indexOf("message.received timer");
  let [waiting, most] = [1, 0]; // the second send
  for (const line of lines.slice(first)) {
    if (line === "message.received timer") most = Math.max(most, ++waiting);
    else if (line === "turn.committed") waiting--;
  }
  expect(most).toBe(2);
});

test("a timer whose turn fails is used up, and an interval goes on", async () => {
  const actor = await start();
  await set(actor, "once", { after: MINUTE }, [["trap"]]);
  await set(actor, "tick", { every: HOUR }, [["refuse", "no"]]);
  pass(HOUR + 1_000);
  await actor.alarm();
  await actor.quiet();
  const ends = (await actor.lines()).filter((line) => line.startsWith("turn.")).slice(-2);
  expect(ends).toEqual(["turn.failed trap/unreachable 4", "turn.refused 5"]);
  const [timers] = (await actor.ask([["timers"]])).gave as [{ name: string }[]];
  expect(timers.map(({ name }) => name)).toEqual(["tick"]);
});
