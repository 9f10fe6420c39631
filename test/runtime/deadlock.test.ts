// Turns that wait for each other: whoever closes the circle is refused, long before anything is cut.

import { afterEach, expect, test } from "vitest";
import { clearFaults, faults } from "./faults.ts";
import { Gate, must, Probe, start, until, type Program } from "./stage.ts";
import { childManifest, startTools } from "./tools.ts";

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

const REQUEST = "theater:simple/message-server-host#request";
const supervisorCall = (fn: string, ...args: unknown[]) =>
  ["call", `theater:simple/supervisor#${fn}`, ...args] as const;

/** A supervisor whose children begin anew where they are started again, and may take all day to stop. */
async function parent(): Promise<Probe> {
  const spawned = { start_from: "init", shutdown: "infinity" };
  const manifest = { supervisor: { intensity: 10, period_ms: 60_000, spawned } };
  return new Probe(must(await startTools({}, { manifest })).id);
}

const askText = (boss: Probe): readonly unknown[] => ["call", REQUEST, boss.id, { $bytes: "[]" }];
const withInit = (...init: readonly unknown[][]) => ({ $bytes: JSON.stringify({ init }) });

/** What the requests of an actor to another were answered with. */
const answersOf = async (actor: Probe): Promise<string[]> =>
  (await actor.events())
    .filter(({ type, about }) => type === "host.returned" && about === REQUEST)
    .map(({ fields }) => JSON.stringify(fields["result"]).slice(0, 22));

const CYCLE = '{"err":"request-cycle:';

test("a child whose init asks the turn that bears it is refused, and lives", async () => {
  const boss = await parent();
  const text = await childManifest();
  const spawn = (init: unknown) => supervisorCall("spawn", text, init);
  const [born] = (await boss.ask([spawn(withInit([...askText(boss)]))])).gave as { gave: string }[];
  const child = new Probe(born?.gave ?? "");
  expect(await answersOf(child)).toEqual([CYCLE]);
  expect((await boss.ask([supervisorCall("list-children")])).gave).toEqual([{ gave: [child.id] }]);
  // Started again from init while the parent's turn waits for that.
  expect((await boss.ask([supervisorCall("restart-child", child.id)])).gave).toEqual([
    { gave: null },
  ]);
  expect(await answersOf(child)).toEqual([CYCLE, CYCLE]);
  // And as a grandchild, through a child that is being born itself.
  const nested = withInit([...spawn(withInit([...askText(boss)]))]);
  await boss.ask([spawn(nested)]);
  const deep = (await grandchildOf(boss)) ?? child;
  expect(await answersOf(deep)).toEqual([CYCLE]);
});

async function grandchildOf(boss: Probe): Promise<Probe | undefined> {
  const children = must(await boss.stub.branch()).children.map(
    ({ actor }) => new Probe(actor ?? ""),
  );
  const below = await Promise.all(children.map(async (each) => must(await each.stub.branch())));
  const actor = below.flatMap(({ children: of }) => of)[0]?.actor;
  return actor == null ? undefined : new Probe(actor);
}

test("a child that asks its parent, which waits for the child to stop, is refused and stops", async () => {
  const boss = await parent();
  const text = await childManifest();
  const [born] = (await boss.ask([supervisorCall("spawn", text, null)])).gave as { gave: string }[];
  const child = new Probe(born?.gave ?? "");
  const gate = new Gate();
  faults.peer = async ({ name, args }, go) => {
    const isOwn = name === `${boss.id} request` && (args[0] as Input).from !== "external";
    if (isOwn) await gate.wait();
    return await go();
  };
  const asked = child.ask([askText(boss)]);
  await gate.reached();
  const stopping = boss.ask([supervisorCall("stop-child", child.id)]);
  await until(async () => await boss.hasOpenTurn());
  gate.open();
  expect(JSON.stringify((await asked).gave)).toContain("request-cycle");
  expect((await stopping).gave).toEqual([{ gave: null }]);
  expect((await child.summary()).status).toBe("stopped");
});

test("a grandchild that asks the one at the top, which waits for the child between them to stop, is refused", async () => {
  const boss = await parent();
  const text = await childManifest();
  await boss.ask([
    supervisorCall("spawn", text, withInit([...supervisorCall("spawn", text, null)])),
  ]);
  const deep = (await grandchildOf(boss)) ?? boss;
  const [child] = must(await boss.stub.branch()).children;
  const gate = new Gate();
  faults.peer = async ({ name, args }, go) => {
    const isOwn = name === `${boss.id} request` && (args[0] as Input).from !== "external";
    if (isOwn) await gate.wait();
    return await go();
  };
  const asked = deep.ask([askText(boss)]);
  await gate.reached();
  const stopping = boss.ask([supervisorCall("stop-child", child?.actor)]);
  await until(async () => await boss.hasOpenTurn());
  gate.open();
  expect(JSON.stringify((await asked).gave)).toContain("request-cycle");
  expect((await stopping).gave).toEqual([{ gave: null }]);
  expect((await deep.summary()).status).toBe("stopped");
});

test("a child that asks its parent while another is born is answered", async () => {
  const boss = await parent();
  const text = await childManifest();
  const [born] = (await boss.ask([supervisorCall("spawn", text, null)])).gave as { gave: string }[];
  const child = new Probe(born?.gave ?? "");
  const gate = new Gate();
  faults.peer = async ({ name }, go) => {
    const answer = await go();
    if (name.endsWith(" create")) await gate.wait();
    return answer;
  };
  const spawning = boss.ask([supervisorCall("spawn", text, null)]);
  await gate.reached();
  const asked = child.ask([askText(boss)]);
  await until(async () => (await boss.summary()).mailbox === 1);
  expect(must(await child.stub.waits(`control:${boss.id}/x`))).toBe(null);
  gate.open();
  await spawning;
  expect(JSON.stringify((await asked).gave)).not.toContain("request-cycle");
});

test("a supervisor that has ordered a child to stop answers others meanwhile, so nobody is refused", async () => {
  const spawned = { shutdown: "infinity" };
  const supervisor = { strategy: "one-for-all", intensity: 10, period_ms: 60_000, spawned };
  const boss = new Probe(must(await startTools({}, { manifest: { supervisor } })).id);
  const text = await childManifest();
  const spawn = supervisorCall("spawn", text, null);
  const born = (await boss.ask([spawn, spawn])).gave as { gave: string }[];
  const [c, d] = born.map(({ gave }) => new Probe(gave));
  const x = await start();
  const [order, answer] = [new Gate(), new Gate()];
  let looks = 0;
  faults.peer = async ({ name, args }, go) => {
    const from = (args[0] as Partial<Input> | undefined)?.from;
    if (name === `${boss.id} request` && from === x.id) await order.wait();
    if (name === `${boss.id} waits`) looks++;
    return await go();
  };
  const xAsked = x.ask([["request", boss.id, [["log", "hello"]]]]);
  await order.reached();
  const cAsked = c?.ask([["call", REQUEST, x.id, { $bytes: '[["echo","yes"]]' }]]);
  await until(async () => (await x.summary()).mailbox === 1);
  void d?.ask([["trap"]]);
  await until(async () => {
    return (await boss.events()).some(({ fields }) => fields["action"] === "restart");
  });
  await boss.quiet();
  faults.guest = async (_, go) => {
    await answer.wait();
    return await go();
  };
  const before = looks;
  order.open();
  await answer.reached();
  await until(() => looks >= before + 2);
  answer.open();
  expect(JSON.stringify((await cAsked)?.gave)).not.toContain("request-cycle");
  expect((await xAsked).gave).toEqual(["[null]"]);
});
