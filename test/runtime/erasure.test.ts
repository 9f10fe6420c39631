// Erasing a payload: it is gone from everywhere, for good, whatever fails on the way, and the chain still
// checks. What "everywhere" is, `copies` looks at row by row and object by object.

import { afterEach, beforeEach, expect, test } from "vitest";
import { cidText } from "../../src/chain/cid.ts";
import { sha256 } from "../../src/chain/hash.ts";
import { Link } from "../../src/chain/value.ts";
import { fromUtf8 } from "../../src/lib/bytes.ts";
import type { Erasure } from "../../src/runtime/protocol.ts";
import { clearFaults, down, faults } from "./faults.ts";
import {
  bindings,
  bodyOf,
  Gate,
  hex,
  must,
  start,
  startAnswer,
  theater,
  until,
  Probe,
  type Program,
} from "./stage.ts";

afterEach(clearFaults);

const erase = (actor: Probe, seqs: number[], reason = "asked for") =>
  theater.erase(actor.id, { seqs, reason, by: "tester" });

async function erased(actor: Probe, seqs: number[]): Promise<Erasure> {
  return must(await erase(actor, seqs));
}

async function refusal(actor: Probe, seqs: number[]): Promise<string> {
  const answer = await erase(actor, seqs);
  return answer.ok ? "erased" : answer.error.code;
}

/** Positions of the events of a type, newest last. */
async function seqsOf(actor: Probe, type: string, about?: string): Promise<number[]> {
  const events = await actor.events();
  return events
    .filter((event) => event.type === type && (about === undefined || event.about === about))
    .map(({ seq }) => seq);
}

async function newest(actor: Probe, type: string, about?: string): Promise<number> {
  return (await seqsOf(actor, type, about)).at(-1) ?? -1;
}

/** Where these bytes are, of all that an actor's storage, D1 and R2 hold. */
async function copies(actor: Probe, needle: Uint8Array | string): Promise<string[]> {
  const found: string[] = [];
  const wanted = typeof needle === "string" ? hex(fromUtf8(needle)) : hex(needle);
  const look = (place: string, values: unknown[]): void => {
    if (values.some((value) => hexOf(value).includes(wanted))) found.push(place);
  };
  const tables =
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\'";
  for (const { name } of await actor.sql(tables)) {
    for (const row of await actor.sql(`SELECT * FROM "${name as string}"`)) {
      look(`object: ${name as string}`, Object.values(row));
    }
  }
  const { LEDGER, CONTENT } = bindings;
  const { results } = await LEDGER.prepare(`${tables} AND name NOT LIKE 'd1%'`).all();
  for (const { name } of results) {
    const rows = await LEDGER.prepare(`SELECT * FROM "${name as string}"`).raw();
    for (const row of rows) look(`D1: ${String(name)}`, row);
  }
  for (const { key } of (await CONTENT.list()).objects) {
    const object = await CONTENT.get(key);
    look("R2", [key, object === null ? "" : await object.bytes()]);
  }
  return [...new Set(found)];
}

function hexOf(value: unknown): string {
  if (typeof value === "string") return hex(fromUtf8(value));
  if (value instanceof ArrayBuffer) return hex(new Uint8Array(value));
  if (Array.isArray(value) || value instanceof Uint8Array) return hex(Uint8Array.from(value));
  return "";
}

/** What D1 has of a payload; undefined where there is no row. */
async function inLedger(actor: Probe, seq: number): Promise<unknown> {
  const row = await bindings.LEDGER.prepare(
    "SELECT payload IS NULL AS gone FROM event WHERE actor = ? AND seq = ?",
  )
    .bind(actor.id, seq)
    .first<{ gone: number }>();
  return row === null ? undefined : row.gone === 1 ? "erased" : "there";
}

async function ownBlocks(actor: Probe): Promise<string[]> {
  const { objects } = await bindings.CONTENT.list({ prefix: `actor/${actor.id}/` });
  return objects.map(({ key }) => key);
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

const LARGE = "x".repeat(200_000);
const large: Program = [["echo", LARGE]];

test("a raw block goes with the last payload that links to it, and no sooner", async () => {
  const [actor, other] = [await start(), await start()];
  await actor.ask(large);
  await actor.ask(large);
  await other.ask(large);
  const [first = -1, second = -1] = await seqsOf(actor, "message.received", "request");
  const replies = (await seqsOf(actor, "turn.committed")).slice(1);
  const digest = hex(sha256(bodyOf(large)));
  const key = `actor/${actor.id}/sha256/${digest}`;
  expect(await ownBlocks(actor)).toContain(key);
  const link = new Link("raw", sha256(bodyOf(large)));
  await erased(actor, [first]);
  expect(await ownBlocks(actor)).toContain(key);
  expect((await theater.block(actor.id, cidText(link))).ok).toBe(true);
  await erased(actor, [second]);
  expect(await ownBlocks(actor)).not.toContain(key);
  expect(await theater.block(actor.id, cidText(link))).toMatchObject({
    error: { code: "not-found" },
  });
  await erased(actor, replies);
  expect(await ownBlocks(actor)).toEqual([]);
  // Another actor's chain is another record.
  expect(await ownBlocks(other)).toHaveLength(2);
  expect((await other.ask(large)).gave).toEqual([LARGE]);
});

test("content of a store outlives the record of who put it there", async () => {
  const actor = await start();
  await actor.ask([["put", LARGE]]);
  const content = cidText(new Link("raw", sha256(fromUtf8(LARGE))));
  const intents = await seqsOf(actor, "host.intended");
  await erased(actor, [...intents, await newest(actor, "message.received", "request")]);
  expect(await ownBlocks(actor)).toEqual([]);
  expect((await theater.content(content)).ok).toBe(true);
});

test("an actor keeps the state whose record was erased", async () => {
  const actor = await start();
  await actor.ask([["pad", 300_000]]);
  const seq = await newest(actor, "turn.committed");
  expect(await ownBlocks(actor)).toHaveLength(1);
  await erased(actor, [seq]);
  expect(await ownBlocks(actor)).toEqual([]);
  await actor.crash();
  expect(await actor.state()).toMatchObject({ pad: "x".repeat(300_000) });
  expect((await actor.ask([["padded"]])).gave).toEqual([300_000]);
  expect(must(await theater.verify(actor.id)).verdict).toBe("verified");
});

test("an erasure while R2 is down is done as soon as it is back", async () => {
  const actor = await start();
  await actor.ask(large);
  faults.content = () => {
    throw new Error("R2 does not answer");
  };
  const seqs = [await newest(actor, "message.received"), await newest(actor, "turn.committed")];
  expect((await erased(actor, seqs)).complete).toBe(false);
  await actor.crash();
  await actor.alarm(); // in vain, and so it is set again
  clearFaults();
  expect(await ownBlocks(actor)).toHaveLength(2);
  expect(await actor.alarm()).toBe(true);
  expect(await ownBlocks(actor)).toEqual([]);
});

test("a block that is being deleted is there again for the message that needs it", async () => {
  const actor = await start();
  await actor.ask(large);
  const seq = await newest(actor, "message.received");
  const gate = new Gate();
  faults.content = async ({ name }, go) => {
    if (name === "delete") await gate.wait();
    return await go();
  };
  const erasing = erased(actor, [seq]);
  await gate.reached();
  const told = actor.tell(large);
  await new Promise((resolve) => setTimeout(resolve, 50)); // time enough to have stored it too early
  gate.open();
  expect((await erasing).complete).toBe(true);
  expect(await told).toMatchObject({ seq: expect.any(Number) });
  const link = new Link("raw", sha256(bodyOf(large)));
  expect((await theater.block(actor.id, cidText(link))).ok).toBe(true);
  await actor.quiet();
  expect((await actor.ask([["turns"]])).gave).toEqual([2]);
});

test("a block stays while a message that needs it is being admitted", async () => {
  const actor = await start();
  await actor.ask(large);
  const seq = await newest(actor, "message.received");
  const gate = new Gate();
  faults.content = async ({ name }, go) => {
    const done = await go();
    if (name === "put") await gate.wait(); // stored, and not yet named by an event
    return done;
  };
  const told = actor.tell(large);
  await gate.reached();
  expect((await erased(actor, [seq])).complete).toBe(false);
  gate.open();
  expect(await told).toMatchObject({ seq: expect.any(Number) });
  await actor.alarm();
  const link = new Link("raw", sha256(bodyOf(large)));
  expect((await theater.block(actor.id, cidText(link))).ok).toBe(true);
  expect(await actor.sql("SELECT 1 FROM unerased_block")).toEqual([]);
});

test("an idempotency key forgets the erased body and still guards against a second run", async () => {
  const actor = await start();
  const program: Program = [["echo", SECRET]];
  const digest = hex(sha256(bodyOf(program)));
  await actor.ask(program, "asked");
  await actor.tell(program, "told");
  await actor.quiet();
  expect(await copies(actor, digest)).toEqual(["object: idempotency"]);
  await erased(actor, await seqsOf(actor, "message.received", "request"));
  await erased(actor, await seqsOf(actor, "message.received", "send"));
  expect(await copies(actor, digest)).toEqual([]);
  const seq = await actor.nextSeq();
  expect((await actor.ask(program, "asked")).gave).toBe("wrong-state");
  expect(await actor.tell(program, "told")).toBe("wrong-state");
  expect((await actor.ask([["turns"]], "asked")).gave).toBe("wrong-state");
  expect(await actor.nextSeq()).toBe(seq);
});

test("a reply that was erased cannot be given again", async () => {
  const actor = await start();
  const { event } = await actor.ask([["echo", SECRET]], "key");
  await erased(actor, [event?.seq ?? -1]);
  const seq = await actor.nextSeq();
  expect((await actor.ask([["echo", SECRET]], "key")).gave).toBe("wrong-state");
  expect(await actor.nextSeq()).toBe(seq);
});

test("the key of a birth forgets the erased initial state, and gives birth to nobody else", async () => {
  const init: Program = [["echo", SECRET]];
  const { id } = must(await startAnswer({ key: "erased-birth", init }));
  const row = () =>
    bindings.LEDGER.prepare(
      "SELECT hex(digest) AS digest FROM birth WHERE key = 'erased-birth'",
    ).first("digest");
  expect(await row()).toMatch(/^[0-9A-F]{64}$/);
  const actor = new Probe(id);
  await erased(actor, [await newest(actor, "message.received", "lifecycle")]);
  expect(await row()).toBe("");
  expect(await startAnswer({ key: "erased-birth", init })).toMatchObject({
    error: { code: "key-reused" },
  });
});

test("a birth whose first turn was erased is still the birth that its key stands for", async () => {
  const first = must(await startAnswer({ key: "kept-birth" }));
  const born = new Probe(first.id);
  await erased(born, [await newest(born, "turn.committed")]);
  expect(must(await startAnswer({ key: "kept-birth" }))).toEqual(first);

  const init: Program = [["refuse", SECRET]];
  const refused = await startAnswer({ key: "kept-refusal", init });
  const { evidence, event } = refused.ok ? {} : refused.error;
  await erased(new Probe(String(evidence?.["id"])), [event?.seq ?? -1]);
  expect(await startAnswer({ key: "kept-refusal", init })).toMatchObject({
    error: { code: "wrong-state", event },
  });
});

test("an actor whose first turn was erased can be restarted", async () => {
  const actor = await start();
  const seqs = (await actor.events()).filter(({ seq }) => seq > 0).map(({ seq }) => seq);
  await erased(actor, seqs);
  await actor.change("stop");
  expect(await actor.change("restart")).toBe("running");
  expect((await actor.ask([["turns"]])).gave).toEqual([0]);
});
