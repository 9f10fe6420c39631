// Sends: acknowledged only when they are on disk, run in order, delivered between actors once in effect,
// and never forgotten by an alarm.

import { runInDurableObject } from "cloudflare:test";
import { afterEach, expect, test } from "vitest";
import { actorId } from "../../src/chain/actor-id.ts";
import type { Link } from "../../src/chain/value.ts";
import { clearFaults, down, faults } from "./faults.ts";
import { bindings, Gate, hex, start, until, type Probe } from "./stage.ts";

afterEach(clearFaults);

async function heard(actor: Probe): Promise<unknown> {
  await actor.quiet();
  return ((await actor.ask([["heard"]])).gave as unknown[])[0];
}

const hearing = (actor: Probe, words: unknown[]) =>
  until(async () => JSON.stringify(await heard(actor)) === JSON.stringify(words));

async function waitForOutbox(actor: Probe, rows: number): Promise<void> {
  await until(async () => (await actor.sql("SELECT * FROM outbox")).length === rows);
}

test("a send is acknowledged with the event that holds it, before its turn", async () => {
  const actor = await start();
  await actor.change("pause");
  const event = await actor.tell([["echo", 1]]);
  expect(event).toEqual({
    seq: (await actor.nextSeq()) - 1,
    cid: (await actor.events()).at(-1)?.cid,
  });
  expect((await actor.lines()).at(-1)).toBe("message.received send 0");
});

test("what was acknowledged survives the object, and keeps its order", async () => {
  const actor = await start();
  await actor.change("pause");
  for (const word of ["a", "b", "c"]) await actor.tell([["echo", word]]);
  await actor.crash();
  await actor.tell([["echo", "d"]]);
  await actor.crash();
  await actor.change("resume");
  expect(await heard(actor)).toEqual(["a", "b", "c", "d"]);
});

test("sends of a turn arrive in order, and each names the event that sent it", async () => {
  const [a, b] = [await start(), await start()];
  await a.ask([
    ["send", b.id, [["echo", 1]]],
    ["send", b.id, [["echo", 2]]],
  ]);
  await a.ask([["send", b.id, [["echo", 3]]]]);
  await hearing(b, [1, 2, 3]);
  const ends = (await a.events()).filter(({ type, turn }) => type === "turn.committed" && turn > 1);
  const received = (await b.events()).filter(({ about }) => about === "send");
  expect(received.map(({ fields }) => fields["id"])).toEqual([1, 2, 3].map((n) => `${a.id}/${n}`));
  const causes = received.map(
    ({ fields }) => fields["cause"] as { actor: string; seq: number; event: Link },
  );
  expect(causes.map(({ actor, seq }) => [actor, seq])).toEqual(
    [0, 0, 1].map((index) => [a.id, ends[index]?.seq]),
  );
  const [row] = await a.sql(`SELECT hex(cid) AS cid FROM event WHERE seq = ${ends[1]?.seq}`);
  expect(hex(causes[2]?.event.digest ?? new Uint8Array()).toUpperCase()).toBe(row?.["cid"]);
});

test("a delivery whose answer is lost is repeated, and has one effect", async () => {
  const [a, b] = [await start(), await start()];
  let calls = 0;
  faults.peer = async ({ name }, go) => {
    const answer = await go();
    if (name === `${b.id} deliver` && ++calls <= 2) throw new Error("the answer was lost");
    return answer;
  };
  await a.ask([["send", b.id, [["echo", "once"]]]]);
  await until(() => calls === 1);
  await until(async () => {
    await a.alarm();
    return calls === 3;
  });
  await waitForOutbox(a, 0);
  expect(await heard(b)).toEqual(["once"]);
});

test("a message does not overtake one that has to be repeated", async () => {
  const [a, b] = [await start(), await start()];
  faults.peer = ({ name }, go) => (name === `${b.id} deliver` ? down() : go());
  await a.ask([["send", b.id, [["echo", "first"]]]]);
  await until(async () => (await a.sql("SELECT * FROM outbox WHERE tries > 0")).length === 1);
  faults.peer = undefined;
  await a.ask([["send", b.id, [["echo", "second"]]]]); // due now, while the first waits
  await until(async () => {
    await a.alarm();
    return (await a.sql("SELECT * FROM outbox")).length === 0;
  });
  expect(await heard(b)).toEqual(["first", "second"]);
});

test("a request that waits for a send has it tried often, and not rarely afterwards", async () => {
  const [a, b] = [await start(), await start()];
  let tries = 0;
  faults.peer = ({ name }, go) => (name === `${b.id} deliver` && ++tries ? down() : go());
  await a.ask([["send", b.id, [["echo", "first"]]]]);
  const asked = a.ask([["request", b.id, [["echo", "second"]]]]);
  await until(() => tries >= 8);
  const [row] = await a.sql("SELECT tries FROM outbox");
  expect(Number(row?.["tries"])).toBeLessThan(6); // 500 ms doubled each time: the sixth is 16 s later
  faults.peer = undefined;
  expect((await asked).gave).toHaveLength(1);
  expect(await heard(b)).toEqual(["first"]);
});

test("a recipient that does not answer holds up nobody else", async () => {
  const [a, b, c] = [await start(), await start(), await start()];
  const never = new Promise<never>(() => undefined);
  faults.peer = ({ name }, go) => (name === `${b.id} deliver` ? never : go());
  await a.ask([
    ["send", b.id, [["echo", "lost"]]],
    ["send", c.id, [["echo", "found"]]],
  ]);
  await until(async () => JSON.stringify(await heard(c)) === `["found"]`);
  expect(await heard(c)).toEqual(["found"]);
});

test("sends that are committed during a delivery are delivered too, without an alarm", async () => {
  const [a, b] = [await start(), await start()];
  const gate = new Gate();
  faults.peer = async ({ name }, go) => {
    if (name === `${b.id} deliver`) await gate.wait();
    return await go();
  };
  await a.ask([["send", b.id, [["echo", 1]]]]);
  await gate.reached();
  await a.ask([["send", b.id, [["echo", 2]]]]);
  gate.open();
  await hearing(b, [1, 2]);
  await waitForOutbox(a, 0);
  expect(await a.sql("SELECT sent FROM peer")).toEqual([{ sent: 2 }]);
});

test("a message to nobody is given up, and the chain says so", async () => {
  const [a, b] = [await start(), await start()];
  const nobody = actorId(new Uint8Array([1]));
  const refused = await a.ask([["send", nobody, [["echo", 1]]]]);
  expect(refused.gave).toEqual([`err: not-found: there is no actor ${nobody}`]);
  faults.peer = ({ name }, go) => (name.endsWith(" isBorn") ? down() : go()); // nobody can tell
  await a.ask([
    ["send", nobody, [["echo", 1]]],
    ["send", b.id, [["echo", 2]]],
  ]);
  await until(async () => (await a.lines()).at(-1) === "send.failed 0");
  expect((await a.events()).at(-1)?.fields).toMatchObject({
    turn: 3,
    index: 0,
    reason: "not-found",
  });
  await hearing(b, [2]);
  await waitForOutbox(a, 0);
  // Asking for an actor that was never born leaves nothing behind.
  const stub = bindings.ACTOR.get(bindings.ACTOR.idFromName(nobody));
  const tables = await runInDurableObject(stub, (_, { storage }) =>
    storage.sql
      .exec("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'")
      .toArray(),
  );
  expect(tables).toEqual([]);
});

test("a send to a stopped actor is given up, to a full one repeated", async () => {
  const [a, stopped, full] = [
    await start(),
    await start(),
    await start({ limits: { mailbox: 1 } }),
  ];
  await stopped.change("stop");
  await full.change("pause");
  await full.tell([["echo", "before"]]);
  await a.ask([
    ["send", stopped.id, [["echo", 1]]],
    ["send", full.id, [["echo", "after"]]],
  ]);
  await until(async () => (await a.lines()).at(-1) === "send.failed 0");
  await waitForOutbox(a, 1);
  await full.change("resume");
  await until(async () => {
    await a.alarm();
    return (await a.sql("SELECT * FROM outbox")).length === 0;
  });
  expect(await heard(full)).toEqual(["before", "after"]);
});

test("an alarm never throws, and is set again while anything is pending", async () => {
  const [actor, peer] = [await start(), await start()];
  faults.ledger = down;
  faults.peer = ({ name }, go) => (name === `${peer.id} deliver` ? down() : go());
  await actor.ask([["send", peer.id, [["echo", 1]]]]);
  for (let n = 0; n < 3; n++) {
    expect(await actor.alarm()).toBe(true);
    expect(await actor.inside((_, { storage }) => storage.getAlarm())).not.toBeNull();
  }
  clearFaults();
  await until(async () => {
    await actor.alarm();
    return (await actor.sql("SELECT * FROM outbox")).length === 0;
  });
  await until(async () => !(await actor.alarm()));
  expect((await actor.summary()).ledgerSeq).toBe((await actor.nextSeq()) - 1);
});

test("after the end of an object the alarm alone feeds the ledger and delivers", async () => {
  const [a, b] = [await start(), await start()];
  faults.ledger = down;
  faults.peer = ({ name }, go) => (name === `${b.id} deliver` ? down() : go());
  const { event } = await a.ask([["send", b.id, [["echo", "late"]]]]);
  await a.crash();
  clearFaults();
  expect(await a.alarm()).toBe(true); // what the platform does, without any request
  const held = async (): Promise<unknown> =>
    await bindings.LEDGER.prepare("SELECT max(seq) AS seq FROM event WHERE actor = ?")
      .bind(a.id)
      .first("seq");
  expect(await held()).toBe(event?.seq);
  await until(async () => {
    await a.alarm();
    return (await a.sql("SELECT * FROM outbox")).length === 0;
  });
  expect(await heard(b)).toEqual(["late"]);
});
