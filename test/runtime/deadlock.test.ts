// Turns that wait for each other: whoever closes the circle is refused, long before anything is cut.

import { afterEach, expect, test } from "vitest";
import { clearFaults, faults } from "./faults.ts";
import { Gate, start, until, type Probe, type Program } from "./stage.ts";

afterEach(clearFaults);

interface Input {
  from: string;
  deadlineMs?: number;
}

/** Holds requests between actors until there are `count` of them, so that all their turns wait at once. */
function holdUntilAllAsk(count: number): void {
  let asked = 0;
  faults.peer = async ({ name, args }, go) => {
    if (!name.endsWith(" request") || (args[0] as Input).from === "external") return await go();
    asked++;
    await until(() => asked >= count);
    return await go();
  };
}

const asks = (other: Probe, program: Program = [["echo", "yes"]]): Program => [
  ["request", other.id, program],
];

const isRefused = (gave: unknown): boolean => JSON.stringify(gave).includes("err: request-cycle");

for (const size of [2, 3, 5]) {
  test(`of ${size} turns that ask each other in a circle one is refused, and the others are answered`, async () => {
    const ring = await Promise.all(Array.from({ length: size }, () => start()));
    holdUntilAllAsk(size);
    const answers = await Promise.all(
      ring.map(
        async (actor, index) => (await actor.ask(asks(ring[(index + 1) % size] ?? actor))).gave,
      ),
    );
    expect(answers.filter(isRefused)).toHaveLength(1);
    expect(answers.filter((gave) => !isRefused(gave))).toEqual(Array(size - 1).fill(['["yes"]']));
    const ran = await Promise.all(ring.map(async (actor) => (await actor.summary()).turns));
    expect(ran.reduce((sum, turns) => sum + turns)).toBe(size * 3 - 1); // births, askers, answers
  });
}

test("a request that only waits behind one that waits is not refused", async () => {
  const [a, b, c, d] = [await start(), await start(), await start(), await start()];
  const gate = new Gate();
  faults.guest = async ({ args }, go) => {
    const { params } = args[0] as { params: [unknown, [unknown, Uint8Array]] };
    const body = params[1].at(-1);
    if (
      body instanceof Uint8Array &&
      new TextDecoder().decode(body).startsWith('[["echo","slow"')
    ) {
      await gate.wait();
    }
    return await go();
  };
  // b waits for c, which works; a and d stand in line at b.
  const first = b.ask(asks(c, [["echo", "slow"]]));
  await gate.reached();
  const others = [a.ask(asks(b)), d.ask(asks(b, [["echo", "too"]]))];
  await until(async () => (await b.summary()).mailbox === 2);
  const looks = await b.stub.waits("no such call");
  expect(looks).toEqual({ ok: true, value: null });
  gate.open();
  expect((await first).gave).toEqual(['["slow"]']);
  expect((await others[0])?.gave).toEqual(['["yes"]']);
  expect((await others[1])?.gave).toEqual(['["too"]']);
});

test("opening a channel waits too: of two actors that open one to each other, one is refused", async () => {
  const [a, b] = [await start(), await start()];
  let opening = 0;
  faults.peer = async ({ name }, go) => {
    if (!name.endsWith(" openChannel")) return await go();
    opening++;
    await until(() => opening >= 2);
    return await go();
  };
  const answers = await Promise.all([a.ask([["open", b.id, []]]), b.ask([["open", a.id, []]])]);
  const refused = answers.filter(({ gave }) => isRefused(gave));
  expect(refused).toHaveLength(1);
  const opened = answers.filter((answer) => !refused.includes(answer));
  expect(opened.map(({ gave }) => JSON.stringify(gave).includes("err"))).toEqual([false]);
});

test("a circle through a request that was left open is found too", async () => {
  const [a, b] = [await start(), await start()];
  const asked = a.ask(asks(b, [["defer"]]));
  await until(async () => (await b.sql("SELECT id FROM deferred")).length === 1);
  // b has ended the turn of a's request, and its next one asks a, which waits for b.
  expect(isRefused((await b.ask(asks(a))).gave)).toBe(true);
  const [row] = await b.sql("SELECT id FROM deferred");
  await b.ask([["answer", row?.["id"], "late"]]);
  expect((await asked).gave).toEqual(['"late"']);
});

test("a turn that goes on after a crash waits as before, and a circle with it is found", async () => {
  const [a, b] = [await start(), await start()];
  const gate = new Gate();
  faults.peer = async ({ name, args }, go) => {
    if (name === `${a.id} request` && (args[0] as Input).from === b.id) await gate.wait();
    return await go();
  };
  const fromB = b.ask(asks(a)); // b's turn waits, and its request is on the way
  await gate.reached();
  const fromA = a.ask(asks(b), "key");
  await until(async () => (await b.summary()).mailbox === 1);
  await a.crash();
  await fromA;
  const again = a.ask(asks(b), "key"); // goes on, and asks b again under the same id
  await until(async () => await a.hasOpenTurn());
  gate.open();
  const answers = [(await fromB).gave, (await again).gave];
  expect(answers.filter(isRefused)).toHaveLength(1);
});

test("a nested request has no later deadline than the one that waits for it", async () => {
  const limits = { turn_ms: 4_000 };
  const [a, b, c] = [await start({ limits }), await start(), await start()];
  const deadlines: number[] = [];
  faults.peer = ({ name, args }, go) => {
    const { deadlineMs } = (args[0] ?? {}) as Input;
    if (name.endsWith(" request") && deadlineMs !== undefined) deadlines.push(deadlineMs);
    return go();
  };
  const begun = Date.now();
  expect((await a.ask(asks(b, asks(c)))).gave).toEqual(['["[\\"yes\\"]"]']);
  expect(deadlines).toHaveLength(2);
  expect(deadlines[1]).toBe(deadlines[0]);
  expect(deadlines[0]).toBeGreaterThanOrEqual(begun + 4_000);
  expect(deadlines[0]).toBeLessThanOrEqual(Date.now() + 4_000);
});

test("a request past its deadline is over at both ends", async () => {
  const a = await start({ limits: { turn_ms: 700 } });
  const b = await start();
  faults.guest = ({ args }, go) => {
    const { params } = args[0] as { params: [unknown, [unknown, Uint8Array]] };
    const body = params[1].at(-1);
    const isStuck =
      body instanceof Uint8Array && new TextDecoder().decode(body) === '[["echo","stuck"]]';
    return isStuck ? new Promise(() => undefined) : go();
  };
  const running = a.ask(asks(b, [["echo", "stuck"]]));
  expect((await running).gave).toBe("too-slow");
  await until(async () => (await b.lines()).at(-1) === "turn.failed cut/deadline 2");
  expect((await b.ask([["echo", "free"]])).gave).toEqual(["free"]);
});

test("a request that waits in line past its deadline never runs", async () => {
  const b = await start();
  const a = await start({ limits: { turn_ms: 500 } });
  const gate = new Gate();
  faults.guest = async ({ args }, go) => {
    const { params } = args[0] as { params: [unknown, [unknown, Uint8Array]] };
    const body = params[1].at(-1);
    if (body instanceof Uint8Array && new TextDecoder().decode(body) === '[["echo","long"]]') {
      await gate.wait();
    }
    return await go();
  };
  const long = b.ask([["echo", "long"]]);
  await gate.reached();
  // Its own turn is cut, or the other has told it so in the same moment.
  expect(JSON.stringify((await a.ask(asks(b))).gave)).toContain("too-slow");
  await until(async () => (await b.summary()).mailbox === 0);
  gate.open();
  expect((await long).gave).toEqual(["long"]);
  expect((await b.summary()).turns).toBe(2);
});

test("an interrupted turn whose caller has stopped waiting does not go on", async () => {
  const [a, b, c] = [await start({ limits: { turn_ms: 600 } }), await start(), await start()];
  const gate = new Gate();
  faults.peer = async ({ name }, go) => {
    if (name === `${c.id} request`) await gate.wait();
    return await go();
  };
  const asked = a.ask(asks(b, asks(c)));
  await gate.reached();
  await b.crash();
  const [row] = await b.sql("SELECT value FROM cell WHERE name = 'openTurn'");
  expect(JSON.parse(row?.["value"] as string)).toMatchObject({ deadlineMs: expect.any(Number) });
  expect((await asked).gave).toBe("too-slow");
  gate.open();
  await until(async () => {
    await b.alarm();
    return !(await b.hasOpenTurn());
  });
  expect((await b.lines()).at(-1)).toBe("turn.failed cut/deadline 2");
});
