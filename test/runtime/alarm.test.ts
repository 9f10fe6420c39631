// The alarm of an object is set if and only if something is pending, and never behind the earliest timer.
// Each test leaves one kind of work behind and looks at the slot itself.

import { afterEach, expect, test, vi } from "vitest";
import { Directory } from "../../src/runtime/directory.ts";
import { wakeOverdue } from "../../src/runtime/wake-overdue.ts";
import { clearFaults, down, faults } from "./faults.ts";
import { bindings, start, until, type Probe } from "./stage.ts";

const realNow = Date.now.bind(Date);

afterEach(() => {
  clearFaults();
  vi.restoreAllMocks();
});

const HOUR = 3_600_000;
/** How long after work that is left behind the alarm may look again. */
const LATER_MS = 5_000;

async function alarmMs(actor: Probe): Promise<number | null> {
  return await actor.inside((_, { storage }) => storage.getAlarm());
}

/** Lets the alarm fire until it is not set, or set for what is far away. */
async function settle(actor: Probe): Promise<number | null> {
  await until(async () => {
    await actor.alarm();
    const ms = await alarmMs(actor);
    return ms === null || ms > Date.now() + 2 * LATER_MS;
  });
  return await alarmMs(actor);
}

/** The slot holds a time that is soon enough for whatever was left. */
async function expectSoon(actor: Probe): Promise<void> {
  const ms = await alarmMs(actor);
  expect(ms).not.toBeNull();
  expect(Number(ms)).toBeLessThanOrEqual(Date.now() + LATER_MS);
}

test("an actor that is done has no alarm, and reading it sets none, in this life or another", async () => {
  const actor = await start();
  await settle(actor); // the alarm of its birth is over
  await actor.ask([["echo", 1]]);
  await actor.tell([["echo", 2]]);
  await expectSoon(actor);
  await actor.quiet();
  expect(await settle(actor)).toBeNull();
  for (const end of ["evict", "crash"] as const) {
    await actor[end]();
    await actor.summary();
    await actor.state();
    expect(await alarmMs(actor)).toBeNull();
  }
});

type Work = [what: string, leave: (actor: Probe) => Promise<unknown>];

const works: Work[] = [
  [
    "a message whose turn cannot run",
    async (actor) => {
      faults.guest = () => new Promise(() => undefined);
      await actor.tell([["echo", 1]]);
      await until(async () => (await actor.sql("SELECT * FROM mailbox")).length === 1);
    },
  ],
  [
    "a send that cannot be delivered",
    async (actor) => {
      const peer = await start();
      faults.peer = ({ name }, go) => (name === `${peer.id} deliver` ? down() : go());
      await actor.ask([["send", peer.id, []]]);
    },
  ],
  [
    "events that the ledger does not take",
    async (actor) => {
      faults.ledger = down;
      await actor.ask([["echo", 1]]);
    },
  ],
  [
    "a turn that acted and has not ended",
    async (actor) => {
      const peer = await start();
      faults.peer = ({ name }, go) =>
        name === `${peer.id} request` ? new Promise(() => undefined) : go();
      void actor.ask([["request", peer.id, []]], "key").catch(() => undefined);
      await until(async () => (await actor.lines()).some((line) => line.includes("host.intended")));
    },
  ],
  [
    "a status that the directory does not take",
    async (actor) => {
      faults.ledger = ({ args }, go) => (JSON.stringify(args).includes("{") ? go() : down());
      await actor.change("pause");
    },
  ],
  [
    "a payload that is not erased everywhere",
    async (actor) => {
      const { event } = await actor.ask([["echo", "forget me"]]);
      await actor.alarm();
      faults.ledger = down;
      const erasure = { seqs: [event?.seq ?? 0], reason: "test", by: "tester" };
      await actor.stub.erase(erasure);
    },
  ],
];

test.for(works)("the alarm is set while there is %s, in every life", async ([, leave]) => {
  const actor = await start();
  await settle(actor);
  await leave(actor);
  await expectSoon(actor);
  for (const end of ["crash", "crash"] as const) {
    await actor[end]();
    await actor.summary();
    await expectSoon(actor);
  }
  // Used up in vain, by a life that died in it: the next one sets it from the rows.
  await actor.inside((_, { storage }) => storage.deleteAlarm());
  await actor.crash();
  await actor.summary();
  await expectSoon(actor);
  clearFaults();
  await actor.crash(); // and with it whatever hangs
  expect(await settle(actor)).toBeNull();
});

test("a new life leaves an alarm that is set as it is: writing it would call the run off that is due", async () => {
  const actor = await start();
  await settle(actor);
  const peer = await start();
  faults.peer = ({ name }, go) => (name === `${peer.id} deliver` ? down() : go());
  await actor.ask([["send", peer.id, []]]);
  const ms = Number(await alarmMs(actor));
  await actor.crash();
  await actor.summary();
  await new Promise((resolve) => setTimeout(resolve, 50)); // longer than it takes to read the slot
  expect(await alarmMs(actor)).toBe(ms);
});

test("with a timer the alarm is set for it, and not behind it, whatever else happens", async () => {
  const actor = await start();
  await settle(actor); // the alarm of its birth is over
  const at = Date.now() + HOUR;
  await actor.ask([["schedule", "far", { at }, []]]);
  await expectSoon(actor); // events to feed
  expect(await settle(actor)).toBe(at);
  // Work sets it earlier, and it comes back.
  await actor.ask([["echo", 1]]);
  await expectSoon(actor);
  expect(await settle(actor)).toBe(at);
  // A nearer one, and then a new life that appends: it has never read the slot.
  const near = Date.now() + 2_000;
  await actor.ask([["schedule", "near", { at: near }, []]]);
  expect(Number(await alarmMs(actor))).toBeLessThanOrEqual(near);
  await actor.crash();
  await actor.ask([["echo", 2]]);
  expect(Number(await alarmMs(actor))).toBeLessThanOrEqual(near);
  await until(async () => (await actor.lines()).includes("message.received timer 0"));
  await actor.quiet();
  expect(await settle(actor)).toBe(at);
  // Taken back: nothing is pending.
  await actor.ask([["cancel", "far"]]);
  expect(await settle(actor)).toBeNull();
});

test("a timer of a transaction that was undone leaves no alarm, and the next one sets it again", async () => {
  const actor = await start();
  await settle(actor);
  await actor.inside(async (_, { storage }) => {
    // Deferred: it fails at the end of the transaction, when the alarm is set already.
    storage.sql.exec("CREATE TABLE one (id INTEGER PRIMARY KEY)");
    storage.sql.exec(
      "CREATE TABLE many (id INTEGER REFERENCES one (id) DEFERRABLE INITIALLY DEFERRED)",
    );
    storage.sql.exec(`CREATE TRIGGER refuse AFTER INSERT ON event WHEN new.type = 'turn.committed'
      BEGIN INSERT INTO many VALUES (1); END`);
    await Promise.resolve();
  });
  await actor.ask([["schedule", "never", { after: 60_000 }, []]]);
  await actor.inside((_, { storage }) => void storage.sql.exec("DROP TRIGGER refuse"));
  expect((await actor.ask([["timers"]])).gave).toEqual([[]]);
  await expectSoon(actor);
  expect(await settle(actor)).toBeNull();
  await actor.ask([["schedule", "real", { after: HOUR }, []]]);
  await expectSoon(actor);
  expect(await settle(actor)).toBeGreaterThan(Date.now() + HOUR / 2);
});

test("timers come at their time although the ledger does not answer at all", async () => {
  const actor = await start();
  await actor.ask([["schedule", "tick", { after: HOUR }, []]]);
  await settle(actor);
  faults.ledger = () => new Promise(() => undefined);
  await actor.ask([["echo", 1]]); // something to feed
  vi.spyOn(Date, "now").mockImplementation(() => realNow() + HOUR + 1);
  await actor.inside((object) => void object.alarm());
  await until(async () => (await actor.lines()).includes("message.received timer 0"));
  await actor.quiet();
  expect((await actor.ask([["heard"]])).gave).toEqual([["tick"]]);
  await actor.crash(); // and with it the call that hangs
});

test("an actor whose alarm was lost is found by the cron trigger, and nobody else is", async () => {
  const [lost, waits] = [await start(), await start()];
  await lost.ask([["schedule", "tick", { after: HOUR }, []]]);
  await waits.ask([["schedule", "later", { after: 3 * HOUR }, []]]);
  for (const actor of [lost, waits]) await settle(actor);
  const listed = async (): Promise<unknown> =>
    await bindings.LEDGER.prepare("SELECT next_due_ms AS due FROM actor WHERE id = ?")
      .bind(lost.id)
      .first("due");
  const dueMs = Number(await listed());
  expect(Math.abs(dueMs - Date.now() - HOUR)).toBeLessThan(HOUR / 6);
  expect(await wakeOverdue(bindings)).toBe(0);
  await lost.inside((_, { storage }) => storage.deleteAlarm());
  await lost.evict();
  vi.spyOn(Date, "now").mockImplementation(() => realNow() + 2 * HOUR);
  const head = await waits.nextSeq();
  expect(await wakeOverdue(bindings)).toBeGreaterThanOrEqual(1); // those of other tests too
  await until(async () => (await lost.lines()).includes("message.received timer 0"));
  await lost.quiet();
  await settle(lost);
  expect(await listed()).toBeNull();
  expect(await waits.nextSeq()).toBe(head);
  expect(await wakeOverdue(bindings)).toBe(0);
});

test("an interval of seconds does not write to the directory again and again", async () => {
  const actor = await start();
  await actor.ask([["schedule", "tick", { every: 1_000 }, []]]);
  await actor.alarm();
  let passedMs = 0;
  vi.spyOn(Date, "now").mockImplementation(() => realNow() + passedMs);
  let writes = 0;
  vi.spyOn(Directory.prototype, "record").mockImplementation(() => {
    writes++;
    return Promise.resolve();
  });
  for (let tick = 0; tick < 10; tick++) {
    passedMs += 61_000;
    await actor.alarm();
    await actor.quiet();
  }
  expect((await actor.lines()).filter((line) => line.includes("timer")).length).toBeGreaterThan(9);
  expect(writes).toBeLessThanOrEqual(1);
});
