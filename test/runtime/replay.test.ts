// Replay on the real executor: what a guest did it does again, whatever happened to its object meanwhile;
// and any change to the record is found at the event where it is.

import { afterEach, expect, test } from "vitest";
import { clearFaults, faults } from "./faults.ts";
import { Gate, must, type Probe, start, theater, until, type Program } from "./stage.ts";

afterEach(clearFaults);

const replay = async (actor: Probe) => must(await theater.replay(actor.id, null));

/** A bit of everything that a guest can do. */
const EVERYTHING = (peer: Probe): Program => [
  ["log", "x"],
  ["now"],
  ["random", 16],
  ["send", peer.id, [["echo", "sent"]]],
  ["request", peer.id, [["turns"]]],
  ["now"],
  ["put", "kept"],
  ["putLong", 100_000],
  ["chain"],
  ["pad", 100],
];

test("a chain with everything in it agrees to its head", async () => {
  const [actor, peer] = [await start(), await start()];
  await actor.ask(EVERYTHING(peer));
  await actor.tell(EVERYTHING(peer));
  await actor.quiet();
  expect(
    (
      await actor.ask([
        ["send", peer.id, []],
        ["refuse", "no"],
      ])
    ).gave,
  ).toBe("guest-error");
  expect((await actor.ask([["read", "nobody's"]])).gave).toBe("guest-error");
  expect((await actor.ask([["trap"]])).gave).toBe("guest-trap");
  expect((await actor.ask([["pad", 2_000_000]])).gave).toBe("limit-exceeded");
  await actor.ask([["pad", 100_000]]); // a state that is a block of its own
  await actor.ask([["padded"], ["long", 100_000]]);
  await peer.ask([["chain"]]);
  expect(await replay(actor)).toMatchObject({
    verdict: "verified",
    turns: { agreed: 9, cut: 0, erased: 0 },
    difference: null,
    next: null,
  });
  expect((await replay(peer)).verdict).toBe("verified");
});

test("a replay changes nothing anywhere", async () => {
  const [actor, peer] = [await start(), await start()];
  await actor.ask(EVERYTHING(peer));
  await until(async () => (await peer.summary()).turns === 3);
  const before = [await actor.nextSeq(), await peer.nextSeq()];
  faults.peer = ({ name }, go) => {
    if (name.startsWith(peer.id)) throw new Error(`a replay called ${name}`);
    return go();
  };
  expect((await replay(actor)).verdict).toBe("verified");
  clearFaults();
  expect([await actor.nextSeq(), await peer.nextSeq()]).toEqual(before);
});

test("a turn that was interrupted and went on agrees", async () => {
  const [actor, peer] = [await start(), await start()];
  const gate = new Gate();
  faults.peer = async ({ name }, go) => {
    if (name === `${peer.id} request`) await gate.wait();
    return await go();
  };
  const asked = actor.ask(EVERYTHING(peer), "key");
  await gate.reached();
  await actor.crash();
  clearFaults();
  await asked;
  await actor.ask(EVERYTHING(peer), "key");
  expect(await replay(actor)).toMatchObject({ verdict: "verified", turns: { agreed: 2 } });
});

test("a turn that was cut agrees up to there", async () => {
  const [actor, peer] = [await start({ limits: { turn_ms: 300 } }), await start()];
  faults.peer = async ({ name }, go) => {
    if (name === `${peer.id} request`) await new Promise((resolve) => setTimeout(resolve, 1_000));
    return await go();
  };
  expect(
    (
      await actor.ask([
        ["log", "x"],
        ["request", peer.id, []],
      ])
    ).gave,
  ).toBe("too-slow");
  expect(await replay(actor)).toMatchObject({ verdict: "verified", turns: { agreed: 1, cut: 1 } });
});

test("a turn over an erased payload is not run, and the next ones are", async () => {
  const actor = await start();
  const { event } = await actor.ask([["log", "secret"]]);
  await actor.ask([["turns"]]);
  const erased = { seqs: [(event?.seq ?? 0) - 1], reason: "asked", by: "tester" };
  must(await theater.erase(actor.id, erased));
  expect(await replay(actor)).toMatchObject({
    verdict: "verified",
    turns: { agreed: 2, cut: 0, erased: 1 },
    erasedTurns: [2],
    chain: { erased: erased.seqs },
  });
});
