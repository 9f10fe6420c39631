// Limits, each by its name, and content that is larger than a row.

import { afterEach, expect, test } from "vitest";
import { Link } from "../../src/chain/value.ts";
import { cidText } from "../../src/chain/cid.ts";
import { clearFaults, faults } from "./faults.ts";
import { bodyOf, Gate, must, start, theater } from "./stage.ts";

afterEach(clearFaults);

test("a message above its limit is refused before anything is written, also inside a turn", async () => {
  const [actor, peer] = [await start({ limits: { message_bytes: 300 } }), await start()];
  const from = await actor.nextSeq();
  const long = "x".repeat(300);
  expect((await actor.ask([["echo", long]])).gave).toBe("too-large");
  expect(await actor.tell([["echo", long]])).toBe("too-large");
  expect(await actor.nextSeq()).toBe(from);
  expect((await peer.ask([["request", actor.id, [["echo", long]]]])).gave).toEqual([
    expect.stringContaining("too-large"),
  ]);
  // A reply is not a message: it comes back whole.
  const asked = [["request", peer.id, [["long", 1_000]]]];
  expect((await actor.ask(asked)).gave).toEqual([`["${"y".repeat(1_000)}"]`]);
});

test("a full mailbox is busy, and takes more when it has room", async () => {
  const actor = await start({ limits: { mailbox: 2 } });
  const gate = new Gate();
  faults.guest = async (_, go) => {
    await gate.wait();
    return await go();
  };
  const running = actor.ask([["turns"]]);
  await gate.reached();
  expect(await actor.tell([["echo", 1]])).toMatchObject({ seq: expect.any(Number) });
  const queued = actor.ask([["turns"]]);
  const from = await actor.nextSeq();
  expect(await actor.tell([["echo", 2]])).toBe("busy");
  expect((await actor.ask([["turns"]])).gave).toBe("busy");
  expect(await actor.nextSeq()).toBe(from);
  gate.open();
  expect((await running).gave).toEqual([0]);
  expect((await queued).gave).toEqual([2]);
  expect(await actor.tell([["echo", 3]])).toMatchObject({ seq: expect.any(Number) });
});

test("a turn may make as many host calls as the limit says, and no more", async () => {
  const actor = await start();
  expect((await actor.ask([["logs", 10_000, ""]])).gave).toEqual([null]);
  const { gave, message } = await actor.ask([["logs", 10_000, ""], ["now"]]);
  must(await theater.head(actor.id)); // feeds the ledger: twice the limit is its backlog
  expect(gave).toBe("limit-exceeded");
  expect(message).toContain("10000 host calls");
  expect((await actor.ask([["turns"]])).gave).toEqual([1]);
}, 15_000);

test("large messages, replies and states go round, are in the chain, and survive", async () => {
  const actor = await start();
  const word = "w".repeat(200_000);
  expect((await actor.ask([["echo", word]])).gave).toEqual([word]);
  await actor.tell([["echo", word]]);
  await actor.quiet();
  await actor.ask([["pad", 300_000]]);
  await actor.crash();
  expect((await actor.ask([["heard"], ["padded"]])).gave).toEqual([[word], 300_000]);
  expect(must(await theater.verify(actor.id)).verdict).toBe("verified");
  const [message] = (await actor.events()).filter(({ about }) => about === "request");
  const params = message?.fields["params"] as [string, Link];
  expect(params[1]).toBeInstanceOf(Link);
  expect(must(await theater.block(actor.id, cidText(params[1])))).toEqual(bodyOf([["echo", word]]));
  // Every large value that the chain names is in the store.
  for (const { fields } of await actor.events()) {
    for (const link of linksIn([fields["params"], fields["result"], fields["state"]])) {
      expect((await theater.block(actor.id, cidText(link))).ok).toBe(true);
    }
  }
});

function linksIn(value: unknown): Link[] {
  if (value instanceof Link) return [value];
  return Array.isArray(value) ? value.flatMap(linksIn) : [];
}

test("a large send from actor to actor arrives as it was", async () => {
  const [a, b] = [await start(), await start()];
  const word = "v".repeat(200_000);
  await a.ask([["send", b.id, [["echo", word]]]]);
  for (let n = 0; n < 100 && (await b.summary()).turns < 2; n++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  expect((await b.ask([["heard"]])).gave).toEqual([[word]]);
});
