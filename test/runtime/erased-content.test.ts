// What shares its life with an erased payload, and what outlives it: blocks, states, the keys of requests and births.

import { afterEach, beforeEach, expect, test } from "vitest";
import { cidText } from "../../src/chain/cid.ts";
import { sha256 } from "../../src/chain/hash.ts";
import { Link } from "../../src/chain/value.ts";
import { fromUtf8 } from "../../src/lib/bytes.ts";
import { clearFaults, faults } from "./faults.ts";
import {
  bindings,
  bodyOf,
  Gate,
  hex,
  must,
  start,
  startAnswer,
  theater,
  Probe,
  type Program,
} from "./stage.ts";
import { erased, seqsOf, newest, copies } from "./erasing.ts";

afterEach(clearFaults);

async function ownBlocks(actor: Probe): Promise<string[]> {
  const { objects } = await bindings.CONTENT.list({ prefix: `actor/${actor.id}/` });
  return objects.map(({ key }) => key);
}

/** Tests share a database: each looks for something that only its own actor was ever told. */
let SECRET = "";
beforeEach(() => {
  SECRET = `secret ${crypto.randomUUID()}`;
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
