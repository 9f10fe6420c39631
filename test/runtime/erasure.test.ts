// Erasing a payload: it is gone from everywhere, for good, whatever fails on the way, and the chain still
// checks. What "everywhere" is, `copies` looks at row by row and object by object.

import { afterEach, beforeEach, expect, test } from "vitest";
import { clearFaults, down, faults } from "./faults.ts";
import { bindings, Gate, must, start, theater, until, type Probe } from "./stage.ts";
import { erased, refusal, seqsOf, newest, copies } from "./erasing.ts";

afterEach(clearFaults);

/** What D1 has of a payload; undefined where there is no row. */
async function inLedger(actor: Probe, seq: number): Promise<unknown> {
  const row = await bindings.LEDGER.prepare(
    "SELECT payload IS NULL AS gone FROM event WHERE actor = ? AND seq = ?",
  )
    .bind(actor.id, seq)
    .first<{ gone: number }>();
  return row === null ? undefined : row.gone === 1 ? "erased" : "there";
}

/** Tests share a database: each looks for something that only its own actor was ever told. */
let SECRET = "";
beforeEach(() => {
  SECRET = `secret ${crypto.randomUUID()}`;
});

test("an erased payload and its salt are nowhere, and the chain verifies with it as erased", async () => {
  const actor = await start();
  await actor.ask([["echo", SECRET]]);
  must(await theater.head(actor.id)); // feeds the ledger
  const [message, commit] = [
    await newest(actor, "message.received"),
    await newest(actor, "turn.committed"),
  ];
  const salts = (await actor.events())
    .filter(({ seq }) => seq === message || seq === commit)
    .map(({ fields }) => fields["salt"] as Uint8Array);
  expect(await copies(actor, SECRET)).toEqual(["object: event", "D1: event"]);
  for (const salt of salts) {
    expect(await copies(actor, salt)).toEqual(["object: event", "D1: event"]);
  }
  const before = await actor.sql("SELECT seq, cid, block, payload_digest FROM event ORDER BY seq");

  const { event, complete } = await erased(actor, [commit, message]);
  expect(complete).toBe(true);
  expect(await copies(actor, SECRET)).toEqual([]);
  for (const salt of salts) expect(await copies(actor, salt)).toEqual([]);
  expect((await actor.events()).at(-1)).toMatchObject({
    seq: event.seq,
    cid: event.cid,
    type: "payload.erased",
    fields: { seqs: [message, commit], reason: "asked for", by: "tester" },
  });
  // The events themselves are as they were: every proof, receipt and checkpoint is about them.
  const after = await actor.sql("SELECT seq, cid, block, payload_digest FROM event ORDER BY seq");
  expect(after.slice(0, before.length)).toEqual(before);
  const report = must(await theater.verify(actor.id));
  expect(report).toMatchObject({ verdict: "verified", erased: [message, commit], withheld: [] });
  const query = { from: message, to: message, types: [], limit: 1 };
  expect(must(await theater.chain(actor.id, query)).entries).toMatchObject([{ payload: null }]);
  // And the actor goes on.
  await actor.crash();
  expect((await actor.ask([["turns"]])).gave).toEqual([1]);
});

test("erasing again is the same answer and no event", async () => {
  const actor = await start();
  await actor.ask([
    ["log", "a"],
    ["log", "b"],
  ]);
  const [a = -1, b = -1] = await seqsOf(actor, "host.called");
  const first = await erased(actor, [a]);
  const seq = await actor.nextSeq();
  await actor.crash();
  expect(await erased(actor, [a, a])).toEqual(first);
  expect(await actor.nextSeq()).toBe(seq);
  const second = await erased(actor, [a, b]);
  expect((await actor.events()).at(-1)?.fields).toMatchObject({ seqs: [b] });
  expect(await erased(actor, [a, b])).toEqual(second);
  expect(await erased(actor, [a])).toEqual(first);
});

test("what a chain cannot be checked without stays, and one refusal refuses all", async () => {
  const actor = await start();
  await actor.ask([["log", "a"]]);
  const call = await newest(actor, "host.called");
  const seq = await actor.nextSeq();
  expect(await refusal(actor, [call, 0])).toBe("bad-request");
  expect(await refusal(actor, [call, seq])).toBe("not-found");
  expect(await actor.nextSeq()).toBe(seq);
  const { event } = await erased(actor, [call]);
  expect(await refusal(actor, [event.seq])).toBe("bad-request");
});

test("a message stays until its turn has ended", async () => {
  const actor = await start();
  await actor.change("pause");
  const told = await actor.tell([["echo", SECRET]]);
  const seq = typeof told === "string" ? -1 : told.seq;
  expect(await refusal(actor, [seq])).toBe("wrong-state");
  await actor.crash();
  expect(await refusal(actor, [seq])).toBe("wrong-state");
  const gate = new Gate();
  faults.guest = async (_, go) => {
    await gate.wait();
    return await go();
  };
  await actor.change("resume");
  await gate.reached();
  expect(await refusal(actor, [seq])).toBe("wrong-state");
  gate.open();
  await actor.quiet();
  expect((await actor.ask([["heard"]])).gave).toEqual([[SECRET]]);
  expect(await refusal(actor, [seq])).toBe("erased");
});

test("what an open turn has flushed stays until it ends", async () => {
  const [actor, peer] = [await start(), await start()];
  const gate = new Gate();
  faults.peer = async ({ name }, go) => {
    if (name === `${peer.id} request`) await gate.wait();
    return await go();
  };
  const running = actor.ask([
    ["log", SECRET],
    ["request", peer.id, [["turns"]]],
  ]);
  await gate.reached();
  const flushed = [
    await newest(actor, "message.received"),
    await newest(actor, "host.called"),
    await newest(actor, "host.intended"),
  ];
  for (const seq of flushed) expect(await refusal(actor, [seq])).toBe("wrong-state");
  gate.open();
  expect((await running).gave).toEqual([null, "[0]"]);
  expect(await refusal(actor, flushed)).toBe("erased");
});

test("a send that is on its way stays until it has arrived", async () => {
  const [actor, peer] = [await start(), await start()];
  faults.peer = ({ name }, go) => {
    if (name.endsWith(" deliver")) throw new Error("the connection broke");
    return go();
  };
  await actor.ask([["send", peer.id, [["echo", SECRET]]]]);
  const call = await newest(actor, "host.called");
  expect(await refusal(actor, [call])).toBe("wrong-state");
  clearFaults();
  await actor.sql("UPDATE outbox SET due = 0");
  await until(async () => {
    await actor.alarm();
    return (await actor.sql("SELECT 1 FROM outbox")).length === 0;
  });
  expect(await refusal(actor, [call])).toBe("erased");
});

test("an erasure while the ledger is down is done as soon as it is back, also by another life", async () => {
  const actor = await start();
  await actor.ask([["echo", SECRET]]);
  must(await theater.head(actor.id));
  const seqs = [await newest(actor, "message.received"), await newest(actor, "turn.committed")];
  faults.ledger = down;
  expect((await erased(actor, seqs)).complete).toBe(false);
  expect(await copies(actor, SECRET)).toEqual(["D1: event"]);
  await actor.crash();
  clearFaults();
  await actor.alarm();
  expect(await copies(actor, SECRET)).toEqual([]);
  expect(must(await theater.verify(actor.id)).erased).toEqual(seqs);
  expect((await erased(actor, seqs)).complete).toBe(true);
});

test("an auditor who reads right after a failure sees nothing of what was erased", async () => {
  const actor = await start();
  await actor.ask([["echo", SECRET]]);
  must(await theater.head(actor.id));
  const seq = await newest(actor, "turn.committed");
  faults.ledger = down;
  await erased(actor, [seq]);
  clearFaults();
  const { entries } = must(
    await theater.chain(actor.id, { from: seq, to: seq, types: [], limit: 1 }),
  );
  expect(entries).toMatchObject([{ seq, payload: null }]);
});

test("an append that arrives late does not bring erased bytes back", async () => {
  const actor = await start();
  must(await theater.head(actor.id));
  const late: (() => unknown)[] = []; // also other actors', which feed in the background
  faults.ledger = ({ name }, go) => {
    if (name === "batch") late.push(go); // on its way for a long time
    throw new Error("D1_ERROR: Network connection lost.");
  };
  await actor.ask([["echo", SECRET]]);
  await theater.head(actor.id);
  expect(late).not.toEqual([]);
  clearFaults();
  const seq = await newest(actor, "turn.committed");
  const message = await newest(actor, "message.received");
  expect((await erased(actor, [message, seq])).complete).toBe(true);
  expect(await inLedger(actor, seq)).toBe("erased");
  await Promise.allSettled(late.map((go) => go()));
  expect(await inLedger(actor, seq)).toBe("erased");
  expect(await copies(actor, SECRET)).toEqual([]);
});

test("an append that arrives between an erasure and its own repetition is erased too", async () => {
  const actor = await start();
  must(await theater.head(actor.id));
  const late: (() => unknown)[] = []; // also other actors', which feed in the background
  faults.ledger = ({ name }, go) => {
    if (name !== "batch") return go();
    late.push(go); // on its way for a long time, while everything else goes through
    throw new Error("D1_ERROR: Network connection lost.");
  };
  await actor.ask([["echo", SECRET]]);
  await theater.head(actor.id);
  const seq = await newest(actor, "turn.committed");
  const message = await newest(actor, "message.received");
  expect((await erased(actor, [message, seq])).complete).toBe(false);
  await Promise.allSettled(late.map((go) => go()));
  expect(await inLedger(actor, seq)).toBe("there");
  clearFaults();
  await actor.alarm();
  expect(await inLedger(actor, seq)).toBe("erased");
  expect(await copies(actor, SECRET)).toEqual([]);
});

test("a ledger that was set back to before an erasure is erased again", async () => {
  const actor = await start();
  await actor.ask([["echo", SECRET]]);
  must(await theater.head(actor.id));
  const seqs = [await newest(actor, "message.received"), await newest(actor, "turn.committed")];
  const { LEDGER } = bindings;
  const kept = await LEDGER.prepare("SELECT payload FROM event WHERE actor = ? AND seq = ?")
    .bind(actor.id, seqs[1])
    .first<{ payload: number[] }>();
  await erased(actor, seqs);
  // Time travel to the moment before.
  const names = ["event_leaves_sealed", "event_stays"];
  const triggers = await LEDGER.prepare(
    `SELECT name, sql FROM sqlite_master WHERE name IN ('${names.join("','")}')`,
  ).all<{ name: string; sql: string }>();
  const last = await actor.nextSeq();
  await LEDGER.batch([
    ...names.map((name) => LEDGER.prepare(`DROP TRIGGER ${name}`)),
    LEDGER.prepare("UPDATE event SET payload = ? WHERE actor = ? AND seq = ?").bind(
      Uint8Array.from(kept?.payload ?? []),
      actor.id,
      seqs[1],
    ),
    LEDGER.prepare("DELETE FROM event WHERE actor = ? AND seq = ?").bind(actor.id, last - 1),
    ...triggers.results.map(({ sql }) => LEDGER.prepare(sql)),
  ]);
  expect(await copies(actor, SECRET)).toEqual(["D1: event"]);
  await actor.ask([["turns"]]);
  await theater.head(actor.id); // finds the gap
  must(await theater.head(actor.id));
  expect(await copies(actor, SECRET)).toEqual([]);
  expect(must(await theater.verify(actor.id)).erased).toEqual(seqs);
});
