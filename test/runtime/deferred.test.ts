// Deferred answers: a request whose turn gives none stays open, durably, until it is settled once: by a later
// turn, by its deadline, or by the actor's stop.

import { afterEach, expect, test } from "vitest";
import { clearFaults, faults } from "./faults.ts";
import { Gate, must, start, theater, until, type Ended, type Probe, type Told } from "./stage.ts";

afterEach(clearFaults);

const outstanding = async (actor: Probe): Promise<string[]> =>
  ((await actor.ask([["outstanding"]])).gave as [string[]])[0].slice(0, -1); // without this one

/** Asks for an answer that does not come at once. */
async function defer(actor: Probe, key?: string): Promise<{ id: string; asked: Promise<Ended> }> {
  const before = await outstanding(actor);
  const asked = actor.ask([["defer"]], key);
  await until(async () => (await actor.sql("SELECT id FROM deferred")).length > before.length);
  const id = (await outstanding(actor)).at(-1) ?? "";
  return { id, asked };
}

async function settlements(actor: Probe): Promise<Told[]> {
  return (await actor.events()).filter(({ type }) => type === "request.settled");
}

async function expectSound(actor: Probe): Promise<void> {
  expect(must(await theater.verify(actor.id))).toMatchObject({ verdict: "verified" });
  expect(must(await theater.replay(actor.id, null))).toMatchObject({ verdict: "verified" });
}

test("a later turn answers, and the caller gets the event that says so", async () => {
  const actor = await start();
  const { id, asked } = await defer(actor);
  await actor.tell([["answer", id, { made: "later" }]]); // a turn of another kind
  const { gave, event } = await asked;
  expect(gave).toEqual({ made: "later" });
  const [settled, ...others] = await settlements(actor);
  expect(others).toEqual([]);
  expect(event).toEqual({ seq: settled?.seq, cid: settled?.cid });
  expect(settled?.fields).toMatchObject({ outcome: "answered", turn: 5 });
  const message = (await actor.events())[settled?.fields["message"] as number];
  expect(message).toMatchObject({ type: "message.received", fields: { id, kind: "request" } });
  expect(await outstanding(actor)).toEqual([]);
  expect(await actor.sql("SELECT * FROM deferred")).toEqual([]);
  await expectSound(actor);
});

test("an answer is given once: unknown and answered requests are errors to the guest", async () => {
  const actor = await start();
  const { id, asked } = await defer(actor);
  const { gave } = await actor.ask([
    ["answer", "no-such", 1],
    ["answer", id, 2],
    ["answer", id, 3],
    ["giveUp", id],
  ]);
  const refused = expect.stringContaining("err: no-such-request") as unknown;
  expect(gave).toEqual([refused, null, refused, refused]);
  expect((await asked).gave).toBe(2);
  expect((await actor.ask([["answer", id, 4]])).gave).toEqual([refused]);
  // Another actor's request is none of this one's.
  const other = await start();
  const { id: foreign, asked: elsewhere } = await defer(other);
  expect((await actor.ask([["answer", foreign, 5]])).gave).toEqual([refused]);
  await other.ask([["answer", foreign, 6]]);
  expect((await elsewhere).gave).toBe(6);
});

test("the answer of a turn that does not commit is not sent", async () => {
  const actor = await start();
  const { id, asked } = await defer(actor);
  for (const end of ["refuse", "trap"]) {
    await actor.ask([
      ["answer", id, "never"],
      [end, "no"],
    ]);
    expect(await outstanding(actor)).toEqual([id]);
  }
  expect(await settlements(actor)).toEqual([]);
  await actor.ask([["answer", id, "now"]]);
  expect((await asked).gave).toBe("now");
});

test("a turn may answer its own request and return nothing", async () => {
  const actor = await start();
  const { gave, event } = await actor.ask([["answerOwn", "mine"]], "key");
  expect(gave).toBe("mine");
  const [settled] = await settlements(actor);
  expect(event?.seq).toBe(settled?.seq);
  expect(await actor.ask([["answerOwn", "mine"]], "key")).toMatchObject({ gave, event });
});

test("a cancelled request is an error of the actor to its caller", async () => {
  const actor = await start();
  const { id, asked } = await defer(actor, "key");
  await actor.ask([["giveUp", id]]);
  const ended = await asked;
  expect(ended).toMatchObject({ gave: "guest-error", message: "The actor gave up the request." });
  const [settled] = await settlements(actor);
  expect(settled?.fields).toMatchObject({ outcome: "cancelled", reply: null });
  expect(ended.event?.seq).toBe(settled?.seq);
  expect(await actor.ask([["defer"]], "key")).toEqual(ended);
});

test("the deadline settles what nobody answered, also when the object has died", async () => {
  const actor = await start({ limits: { reply_ms: 500 } });
  const { id, asked } = await defer(actor, "key");
  const ended = await asked;
  expect(ended.gave).toBe("too-slow");
  expect(await actor.ask([["defer"]], "key")).toEqual(ended);
  expect((await actor.ask([["answer", id, "late"]])).gave).toEqual([
    expect.stringContaining("err: no-such-request"),
  ]);

  const { asked: lost } = await defer(actor);
  await actor.crash();
  expect((await lost).gave).toBe("outcome-unknown");
  await until(async () => (await settlements(actor)).length === 2);
  expect((await settlements(actor)).map(({ fields }) => fields["outcome"])).toEqual([
    "expired",
    "expired",
  ]);
  await expectSound(actor);
});

test("an answer that its turn has begun to give is not overtaken by the deadline", async () => {
  const [actor, slow] = [await start({ limits: { reply_ms: 400 } }), await start()];
  const { id, asked } = await defer(actor);
  const gate = new Gate();
  faults.peer = async ({ name }, go) => {
    if (name === `${slow.id} request`) await gate.wait();
    return await go();
  };
  const answering = actor.ask([
    ["answer", id, "just in time"],
    ["request", slow.id, [["turns"]]],
  ]);
  await gate.reached();
  const [row] = await actor.sql("SELECT due FROM deferred");
  await until(() => Date.now() > Number(row?.["due"]));
  await actor.alarm();
  expect(await settlements(actor)).toEqual([]);
  gate.open();
  expect((await answering).gave).toEqual([null, "[0]"]);
  expect((await asked).gave).toBe("just in time");
});

test("an open request survives its object, and its key finds the answer", async () => {
  const actor = await start();
  const { id, asked } = await defer(actor, "key");
  const attached = actor.ask([["defer"]], "key");
  await actor.crash();
  expect((await asked).gave).toBe("outcome-unknown");
  expect((await attached).gave).toBe("outcome-unknown");
  const again = actor.ask([["defer"]], "key");
  expect(await outstanding(actor)).toEqual([id]);
  await actor.crash();
  expect((await again).gave).toBe("outcome-unknown");
  const more = [actor.ask([["defer"]], "key"), actor.ask([["defer"]], "key")];
  await actor.ask([["answer", id, "after all"]]);
  const [settled] = await settlements(actor);
  for (const ended of await Promise.all(more)) {
    expect(ended).toMatchObject({ gave: "after all", event: { seq: settled?.seq } });
  }
  await actor.crash();
  expect(await actor.ask([["defer"]], "key")).toMatchObject({
    gave: "after all",
    event: { seq: settled?.seq, cid: settled?.cid },
  });
  expect((await settlements(actor)).length).toBe(1);
});

test("an answer that was recorded and lost on the way is the same for its key", async () => {
  const actor = await start();
  const { id, asked } = await defer(actor, "key");
  await actor.tell([["answer", id, "said"]]);
  await actor.quiet();
  await actor.crash(); // the caller may or may not have heard
  await asked;
  const [settled] = await settlements(actor);
  expect(await actor.ask([["defer"]], "key")).toMatchObject({
    gave: "said",
    event: { seq: settled?.seq },
  });
});

test("an actor that asks waits inside its turn, and both chains name each other", async () => {
  const [asker, answerer] = [await start(), await start()];
  const asked = asker.ask([["request", answerer.id, [["defer"]]]]);
  await until(async () => (await answerer.sql("SELECT id FROM deferred")).length === 1);
  const [id] = await outstanding(answerer);
  await answerer.ask([["answer", id, "to an actor"]]);
  expect((await asked).gave).toEqual([JSON.stringify("to an actor")]);
  const intent = (await asker.events()).find(({ type }) => type === "host.intended");
  const received = (await answerer.events()).find(({ fields }) => fields["id"] === id);
  expect(received?.fields["cause"]).toMatchObject({ actor: asker.id, seq: intent?.seq });
  await expectSound(asker);
  await expectSound(answerer);
});

test("a request that nobody answers ends with the turn that waits for it", async () => {
  const [asker, answerer] = [await start({ limits: { turn_ms: 600 } }), await start()];
  const asked = asker.ask([["request", answerer.id, [["defer"]]]]);
  expect((await asked).gave).toBe("too-slow");
  await until(async () => (await settlements(answerer)).length === 1);
  expect((await settlements(answerer))[0]?.fields).toMatchObject({ outcome: "expired" });
});

test("a stop settles what is open, and a pause does not", async () => {
  for (const [stop, by] of [
    ["stop", "control"],
    ["terminate", "control"],
    ["shutdown", "guest"],
  ] as const) {
    const actor = await start();
    const { id, asked } = await defer(actor, "key");
    await actor.change("pause");
    expect(await actor.sql("SELECT id FROM deferred")).toEqual([{ id }]);
    await actor.change("resume");
    await (by === "guest" ? actor.ask([["shutdown", "bye"]]) : actor.change(stop as "stop"));
    const ended = await asked;
    expect(ended.gave).toBe("wrong-state");
    expect((await settlements(actor)).map(({ fields }) => fields["outcome"])).toEqual(["stopped"]);
    expect(await actor.ask([["defer"]], "key")).toEqual(ended);
    await expectSound(actor);
  }
});

test("a crash between the stop and the settlements leaves nobody waiting", async () => {
  const actor = await start();
  const { asked } = await defer(actor, "key");
  await actor.inside((_, { storage }) => {
    storage.sql.exec(`UPDATE cell SET value = '"stopped"' WHERE name = 'status'`);
  });
  await actor.crash();
  await asked;
  expect((await actor.ask([["defer"]], "key")).gave).toBe("wrong-state");
  expect((await settlements(actor)).length).toBe(1);
});

test("an answer of any size, and one that is too large", async () => {
  const actor = await start({ limits: { message_bytes: 200_000 } });
  const { id, asked } = await defer(actor, "key");
  const { gave } = await actor.ask([
    ["answerLong", id, 300_000],
    ["answerLong", id, 150_000],
  ]);
  expect(gave).toEqual([expect.stringContaining("err: the answer has 300002 bytes"), null]);
  expect((await asked).gave).toBe("y".repeat(150_000));
  await actor.crash();
  expect((await actor.ask([["defer"]], "key")).gave).toBe("y".repeat(150_000));
  await expectSound(actor);
});

test("an actor with too much outstanding takes no more requests", async () => {
  const actor = await start();
  await actor.inside((_, { storage }) => {
    storage.sql.exec(
      `INSERT INTO deferred WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
       SELECT 'x' || i, i, i, unixepoch() * 1000 + 3600000, 3600000, NULL, NULL FROM n`,
    );
  });
  await actor.evict();
  expect((await actor.ask([["turns"]])).gave).toBe("busy");
  expect(typeof (await actor.tell([["giveUp", "x1"]]))).toBe("object");
  await actor.quiet();
  expect((await actor.ask([["turns"]])).gave).toEqual([1]);
});

test("an erased answer is not given again, and its request does not run again", async () => {
  const actor = await start();
  const { id, asked } = await defer(actor, "key");
  await actor.ask([["answer", id, "secret"]]);
  const { event } = await asked;
  const erased = { seqs: [event?.seq ?? 0], reason: "asked", by: "tester" };
  must(await theater.erase(actor.id, erased));
  expect((await actor.ask([["defer"]], "key")).gave).toBe("wrong-state");
});

test("without the grant there is no way to answer", async () => {
  const answer = await theater.start({
    manifest: {
      name: "ungranted",
      version: "1",
      component: (await (await start()).summary()).component,
      handler: [{ type: "runtime" }],
    },
    initState: null,
    parent: null,
    principal: "tester",
  });
  expect(answer).toMatchObject({ ok: false, error: { code: "missing-handler" } });
});

test("an answer of a turn that was interrupted is given when the turn goes on", async () => {
  const [actor, slow] = [await start(), await start()];
  const { id, asked } = await defer(actor, "key");
  const { id: other, asked: given } = await defer(actor);
  const gate = new Gate();
  faults.peer = async ({ name }, go) => {
    if (name === `${slow.id} request`) await gate.wait();
    return await go();
  };
  const program = [
    ["answer", id, "resumed"],
    ["giveUp", other],
    ["request", slow.id, [["turns"]]],
  ];
  const answering = actor.ask(program, "answering");
  await gate.reached();
  await actor.crash();
  clearFaults();
  for (const lost of [asked, given, answering]) expect((await lost).gave).toBe("outcome-unknown");
  expect((await actor.ask(program, "answering")).gave).toEqual([null, null, "[0]"]);
  expect((await actor.ask([["defer"]], "key")).gave).toBe("resumed");
  expect((await settlements(actor)).map(({ fields }) => fields["outcome"])).toEqual([
    "answered",
    "cancelled",
  ]);
});

test("a request whose turn was interrupted and then gave no answer is waited for", async () => {
  const [actor, slow] = [await start(), await start()];
  const gate = new Gate();
  faults.peer = async ({ name }, go) => {
    if (name === `${slow.id} request`) await gate.wait();
    return await go();
  };
  const program = [["request", slow.id, [["turns"]]], ["defer"]];
  const asked = actor.ask(program, "key");
  await gate.reached();
  await actor.crash();
  clearFaults();
  expect((await asked).gave).toBe("outcome-unknown");
  const again = actor.ask(program, "key");
  await until(async () => (await actor.sql("SELECT id FROM deferred")).length === 1);
  const [id] = await outstanding(actor);
  await actor.ask([["answer", id, "at last"]]);
  expect((await again).gave).toBe("at last");
});
