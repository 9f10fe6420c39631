// Channels between actors: opened by a decision, used by both ends in order, closed for both, and never left
// open by a turn that did not commit or by an end that is gone. Crashes are in channel-faults.test.ts.

import { afterEach, expect, test } from "vitest";
import { actorId } from "../../src/chain/actor-id.ts";
import { clearFaults, down, faults } from "./faults.ts";
import { Gate, start, until } from "./stage.ts";
import {
  heard,
  hears,
  stateOf,
  closings,
  open,
  expectSound,
  delivered,
  received,
} from "./channel-ends.ts";

afterEach(clearFaults);

test("a channel is opened by a decision, and both ends speak on it in order", async () => {
  const [a, b] = [await start(), await start()];
  const channel = await open(a, b, [["echo", "hello"]]);
  expect(await heard(b)).toEqual([`open ${channel}`, "hello"]);
  await a.ask([
    ["say", channel, [["echo", 1]]],
    ["say", channel, [["echo", 2]]],
  ]);
  await a.tell([["say", channel, [["echo", 3]]]]);
  await hears(b, [`open ${channel}`, "hello", 1, 2, 3]);
  await b.ask([["say", channel, [["echo", "back"]]]]);
  await hears(a, [null, "back"]);
  await a.ask([["hangUp", channel]]);
  await hears(b, [`open ${channel}`, "hello", 1, 2, 3, `close ${channel}`]);
  expect([await stateOf(a), await stateOf(b)]).toEqual([["closed"], ["closed"]]);
  expect(await closings(a)).toEqual([["self", "closed"]]);
  expect(await closings(b)).toEqual([["peer", "closed"]]);
  await expectSound(a, b);
});

test("each message names the event that sent it, and the chain says what was sent", async () => {
  const [a, b] = [await start(), await start()];
  const channel = await open(a, b);
  await a.ask([
    ["say", channel, [["echo", 1]]],
    ["hangUp", channel],
  ]);
  await until(async () => (await received(b, "channel-close")).length === 1);
  const events = await a.events();
  const intended = events.find(({ type }) => type === "host.intended");
  const committed = events.findLast(({ type }) => type === "turn.committed");
  expect(committed?.fields["sends"]).toEqual([
    { channel, bytes: 12, close: false },
    { channel, bytes: 0, close: true },
  ]);
  const causeOf = async (kind: string): Promise<unknown> =>
    (await received(b, kind))[0]?.fields["cause"];
  expect(await causeOf("channel-open")).toMatchObject({ actor: a.id, seq: intended?.seq });
  expect(await causeOf("channel")).toMatchObject({ actor: a.id, seq: committed?.seq });
  expect(await causeOf("channel-close")).toMatchObject({ actor: a.id, seq: committed?.seq });
});

test("who refuses says why, and no channel is left", async () => {
  const [a, b] = [await start(), await start()];
  await b.ask([["accept", { accepted: false, message: "no time" }]]);
  expect((await a.ask([["open", b.id, []]])).gave).toEqual(["err: channel-rejected: no time"]);
  await b.ask([["accept", false]]);
  expect((await a.ask([["open", b.id, []]])).gave).toEqual(["err: channel-rejected"]);
  const refusal = await a.ask([["open", b.id, [["refuse", "bad words"]]]]);
  expect(refusal.gave).toEqual([expect.stringContaining("bad words")]);
  const failure = await a.ask([["open", b.id, [["trap"]]]]);
  expect(failure.gave).toEqual([expect.stringContaining("err: guest-trap")]);
  expect([await stateOf(a), await stateOf(b)]).toEqual([[], []]);
  expect(await closings(a)).toEqual([]);
});

test("what is said with an acceptance is the first message", async () => {
  const [a, b] = [await start(), await start()];
  await b.ask([["accept", { accepted: true, message: "welcome" }]]);
  const channel = await open(a, b);
  await b.ask([["say", channel, [["echo", "next"]]]]);
  await hears(a, ["welcome", "next"]);
  expect(await stateOf(a)).toEqual(["open"]);
});

test("wrong ids, own ids, nobody and closed channels are errors to the guest", async () => {
  const [a, b] = [await start(), await start()];
  const nobody = actorId(new Uint8Array([1]));
  const { gave } = await a.ask([
    ["open", "no id", []],
    ["open", a.id, []],
    ["open", nobody, []],
    ["say", "ch_unknown", []],
    ["hangUp", "ch_unknown"],
    ["send", nobody, []],
    ["request", nobody, []],
  ]);
  const err = (text: string): unknown => expect.stringContaining(`err: ${text}`);
  expect(gave).toEqual([
    err("not an actor id"),
    err("channel-to-self"),
    err("not-found"),
    err("channel-closed"),
    err("channel-closed"),
    err("not-found"),
    err("not-found"),
  ]);
  expect(await a.sql("SELECT * FROM outbox")).toEqual([]);
  const channel = await open(a, b);
  const closing = await a.ask([
    ["hangUp", channel],
    ["say", channel, []],
    ["hangUp", channel],
  ]);
  expect(closing.gave).toEqual([null, err("channel-closed"), err("channel-closed")]);
  // A third actor cannot use it.
  const c = await start();
  const other = await open(a, b);
  expect((await c.ask([["say", other, []]])).gave).toEqual([err("channel-closed")]);
});

test("an actor that was not asked for is asked once whether it exists", async () => {
  const [a, b] = [await start(), await start()];
  let asked = 0;
  faults.peer = ({ name }, go) => {
    if (name === `${b.id} isBorn`) asked++;
    return go();
  };
  await a.ask([
    ["send", b.id, [["echo", 1]]],
    ["send", b.id, [["echo", 2]]],
  ]);
  await delivered(a);
  await a.evict();
  await a.ask([["send", b.id, [["echo", 3]]]]);
  await b.ask([["send", a.id, [["echo", 4]]]]); // has heard from it
  await hears(a, [4]);
  expect(asked).toBe(1);
  // One that does not say is taken to exist.
  const c = await start();
  faults.peer = ({ name }, go) => (name === `${c.id} isBorn` ? down() : go());
  await a.ask([["send", c.id, [["echo", "still"]]]]);
  await hears(c, ["still"]);
});

test("the same turn may open, say and close", async () => {
  const [a, b] = [await start(), await start()];
  const { gave } = await a.ask([
    [
      "openThen",
      b.id,
      [],
      [
        ["say", "$", [["echo", "quick"]]],
        ["hangUp", "$"],
      ],
    ],
  ]);
  const [[channel]] = gave as [[string]];
  await hears(b, [`open ${channel}`, "quick", `close ${channel}`]);
  expect(await closings(a)).toEqual([["self", "closed"]]);
  await expectSound(a, b);
});

test("a turn that does not commit leaves no channel, and what it said is not sent", async () => {
  for (const end of ["refuse", "trap"]) {
    const [a, b] = [await start(), await start()];
    const kept = await open(a, b);
    await a.ask([
      ["say", kept, [["echo", "never"]]],
      ["hangUp", kept],
      ["open", b.id, []],
      [end, "no"],
    ]);
    await until(async () => (await heard(b)).length === 3);
    const [, opened, closed] = (await heard(b)) as string[];
    expect(closed).toBe(opened?.replace("open", "close"));
    expect(await closings(a)).toEqual([["self", "turn-failed"]]);
    expect(await closings(b)).toEqual([["peer", "turn-failed"]]);
    expect(new Set(await stateOf(a))).toEqual(new Set(["closed", "open"]));
    await expectSound(a, b);
  }
});

test("an acceptance that does not commit is a failure to the one who opens", async () => {
  const [a, b] = [await start(), await start({ limits: { state_bytes: 300 } })];
  const { gave } = await a.ask([["open", b.id, [["pad", 1_000]]]]);
  expect(gave).toEqual([expect.stringContaining("err: limit-exceeded")]);
  expect([await stateOf(a), await stateOf(b)]).toEqual([[], []]);
});

test("an end that stops closes its channels, and says so at the other", async () => {
  for (const [how, reason] of [
    ["stop", "stopped"],
    ["terminate", "stopped"],
    ["shutdown", "stopped"],
  ] as const) {
    const [a, b] = [await start(), await start()];
    const [first, second] = [await open(a, b), await open(b, a)];
    if (how === "shutdown") await a.ask([["shutdown", "bye"]]);
    else await a.change(how);
    await until(async () => (await heard(b)).length === 3);
    expect(new Set((await heard(b)).slice(1))).toEqual(
      new Set([`close ${first}`, `close ${second}`]),
    );
    expect(await closings(a)).toEqual(Array(2).fill(["self", reason]));
    expect(await closings(b)).toEqual(Array(2).fill(["peer", reason]));
    expect((await b.ask([["say", first, []]])).gave).toEqual([
      expect.stringContaining("err: channel-closed"),
    ]);
    await expectSound(a, b);
  }
});

test("a message to an end that is gone is recorded as lost, and closes the channel", async () => {
  const [a, b] = [await start(), await start()];
  const channel = await open(a, b);
  // It is gone without a word: its closes do not arrive.
  faults.peer = ({ name }, go) => (name === `${a.id} deliver` ? down() : go());
  await b.change("stop");
  await a.ask([["say", channel, [["echo", "lost"]]]]);
  await hears(a, [`close ${channel}`]);
  expect(await closings(a)).toEqual([["self", "undeliverable"]]);
  expect((await a.events()).find(({ type }) => type === "send.failed")?.fields).toMatchObject({
    reason: "wrong-state",
  });
  clearFaults();
  await b.alarm();
  await delivered(b);
  expect(await heard(a)).toEqual([`close ${channel}`]); // told once
});

test("both may close at the same time", async () => {
  const [a, b] = [await start(), await start()];
  const channel = await open(a, b);
  const gate = new Gate();
  faults.peer = async ({ name }, go) => {
    if (name.endsWith(" deliver")) await gate.wait();
    return await go();
  };
  await Promise.all([a.ask([["hangUp", channel]]), b.ask([["hangUp", channel]])]);
  gate.open();
  await delivered(a);
  await delivered(b);
  expect([await closings(a), await closings(b)]).toEqual([
    [["self", "closed"]],
    [["self", "closed"]],
  ]);
  expect(await received(a, "channel-close")).toEqual([]);
});

test("a slow end holds the other back, and nothing is lost or out of order", async () => {
  const [a, b] = [await start(), await start()];
  const channel = await open(a, b);
  await b.change("pause");
  const [[said, refusal]] = (await a.ask([["sayMany", channel, 200]])).gave as [[number, string]];
  expect(refusal).toContain("err: channel-full");
  await until(async () => (await b.summary()).mailbox === 64); // the other end takes no more
  expect(said).toBe(128);
  await b.change("resume");
  for (const n of [32, 64, 96, 128]) await until(async () => (await heard(b)).length > n);
  expect((await heard(b)).slice(1)).toEqual(Array.from({ length: said }, (_, n) => n));
  expect((await a.ask([["say", channel, [["echo", "more"]]]])).gave).toEqual([null]);
}, 60_000);

test("long messages go through, and too long ones are refused", async () => {
  const [a, b] = [await start({ limits: { message_bytes: 200_000 } }), await start()];
  const channel = await open(a, b);
  expect(
    (
      await a.ask([
        ["sayLong", channel, 150_000],
        ["sayLong", channel, 250_000],
      ])
    ).gave,
  ).toEqual([null, expect.stringContaining("err: the message has")]);
  await hears(b, [`open ${channel}`, "z".repeat(150_000)]);
  await expectSound(a, b);
});

test("an actor with too many channels opens and takes no more", async () => {
  const [a, b] = [await start(), await start()];
  await a.inside((_, { storage }) => {
    storage.sql.exec(
      `INSERT INTO channel WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
       SELECT 'x' || i, '${b.id}', 'open', 1, 1 FROM n`,
    );
  });
  await a.evict();
  expect((await a.ask([["open", b.id, []]])).gave).toEqual([
    expect.stringContaining("err: too-many-channels"),
  ]);
  expect((await b.ask([["open", a.id, []]])).gave).toEqual([expect.stringContaining("err: busy")]);
});
