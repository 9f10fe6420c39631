// Idempotency keys: a repetition gets the recorded answer of the first, and nothing happens twice.

import { afterEach, expect, test } from "vitest";
import { clearFaults, faults } from "./faults.ts";
import { bindings, Gate, must, start, startAnswer } from "./stage.ts";

afterEach(clearFaults);

test("a request with a key runs once, whatever came of it", async () => {
  const actor = await start();
  for (const program of [[["turns"]], [["refuse", "no"]], [["trap"]]]) {
    const key = crypto.randomUUID();
    const first = await actor.ask(program, key);
    const seq = await actor.nextSeq();
    expect(first.event?.seq).toBe(seq - 1);
    for (const evicted of [false, true]) {
      if (evicted) await actor.crash();
      const again = await actor.ask(program, key);
      expect(again.gave).toEqual(first.gave);
      expect(again.event).toEqual(first.event);
    }
    expect((await actor.ask([["echo", "other"]], key)).gave).toBe("key-reused");
    expect(await actor.nextSeq()).toBe(seq);
  }
});

test("a large reply comes back for its key as it was", async () => {
  const actor = await start();
  const first = await actor.ask([["long", 200_000]], "large");
  await actor.crash();
  expect(await actor.ask([["long", 200_000]], "large")).toEqual(first);
  expect((first.gave as string[])[0]?.length).toBe(200_000);
});

test("a request that is on its way takes its repetitions along", async () => {
  const actor = await start();
  const gate = new Gate();
  let runs = 0;
  faults.guest = async (_, go) => {
    runs++;
    await gate.wait();
    return await go();
  };
  const first = actor.ask([["turns"]], "key");
  await gate.reached();
  const second = actor.ask([["turns"]], "key");
  expect((await actor.ask([["echo", 1]], "key")).gave).toBe("key-reused");
  gate.open();
  expect(await second).toEqual(await first);
  expect(runs).toBe(1);
});

test("a send with a key is appended once, also where the repetition overtakes it", async () => {
  const actor = await start();
  const gate = new Gate();
  faults.content = async ({ name }, go) => {
    if (name === "put") await gate.wait();
    return await go();
  };
  const program = [["echo", "x".repeat(100_000)]]; // large content waits for the store
  const both = [actor.tell(program, "key"), actor.tell(program, "key")];
  await gate.reached();
  gate.open();
  const [first, second] = await Promise.all(both);
  expect(first).toMatchObject({ seq: expect.any(Number) });
  expect(second).toEqual(first);
  await actor.crash();
  expect(await actor.tell(program, "key")).toEqual(first);
  expect(await actor.tell([["echo", 2]], "key")).toBe("key-reused");
  await actor.quiet();
  expect(
    (await actor.lines()).filter((line) => line.startsWith("message.received send")),
  ).toHaveLength(1);
});

test("a refusal is not kept: the same key is welcome later", async () => {
  const actor = await start();
  await actor.change("stop");
  expect((await actor.ask([["turns"]], "key")).gave).toBe("wrong-state");
  expect(await actor.tell([["turns"]], "key")).toBe("wrong-state");
  await actor.change("restart");
  expect((await actor.ask([["turns"]], "key")).gave).toEqual([0]);
  expect(await actor.tell([["turns"]], "key")).toMatchObject({ seq: expect.any(Number) });
});

test("keys of different principals are different keys", async () => {
  const actor = await start();
  const input = (principal: string) => ({
    body: new TextEncoder().encode('[["turns"]]'),
    from: "external",
    idempotency: { principal, key: "key" },
  });
  const events = [];
  for (const principal of ["ann", "bob", "ann"]) {
    events.push(must(await actor.stub.request(input(principal))).event.seq);
  }
  expect(events[0]).toBe(events[2]);
  expect(events[1]).not.toBe(events[0]);
});

test("a birth with a key gives birth once", async () => {
  const first = must(await startAnswer({ key: "birth" }));
  expect(must(await startAnswer({ key: "birth" }))).toEqual(first);
  expect(await startAnswer({ key: "birth", init: [["echo", 1]] })).toMatchObject({
    ok: false,
    error: { code: "key-reused" },
  });
  // The claim is kept, the birth was not: the repetition makes exactly the actor that was meant.
  faults.peer = ({ name }) => {
    if (name.endsWith(" create")) throw new Error("the connection broke");
    return undefined;
  };
  expect((await startAnswer({ key: "unborn" })).ok).toBe(false);
  clearFaults();
  const born = must(await startAnswer({ key: "unborn" }));
  expect(must(await startAnswer({ key: "unborn" })).id).toBe(born.id);
  const { results } = await bindings.LEDGER.prepare("SELECT id FROM actor").all();
  expect(results.map(({ id }) => id)).toContain(born.id);
});

test("a change of status with a key happens once", async () => {
  const actor = await start();
  expect(await actor.change("pause", "p")).toBe("paused");
  const seq = await actor.nextSeq();
  expect(await actor.change("pause", "p")).toBe("paused");
  expect(await actor.change("pause")).toBe("wrong-state");
  const stops = await Promise.all([actor.change("stop", "s"), actor.change("stop", "s")]);
  expect(stops).toEqual(["stopped", "stopped"]);
  expect(await actor.lines(seq)).toEqual(["actor.stopped 0"]);
});
