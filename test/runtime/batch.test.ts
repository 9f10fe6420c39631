// Messages that wait together run in one hop and commit in one transaction. Here is what nobody may notice of that.

import { afterEach, beforeEach, expect, test } from "vitest";
import type { TurnInput, TurnOutput, BatchHost } from "../../src/executor/executor.ts";
import { clearFaults, faults } from "./faults.ts";
import { Gate, must, start, theater, until, type Ended, type Probe } from "./stage.ts";

/** How many turns went in each hop, in order. */
let hops: number[] = [];

beforeEach(() => {
  hops = [];
});
afterEach(clearFaults);

/** What is done to a batch on its way. */
type OnBatch = (
  batch: { turns: readonly TurnInput[]; host: BatchHost },
  go: () => unknown,
) => unknown;

/** Counts hops; the first of one turn waits for `gate`. */
function hold(gate: Gate, onBatch: OnBatch = (_, go) => go()): void {
  faults.guest = async ({ name, args }, go) => {
    if (name === "runBatch") {
      const [turns, host] = args as [readonly TurnInput[], BatchHost];
      hops.push(turns.length);
      return await onBatch({ turns, host }, go);
    }
    hops.push(1);
    if (hops.length === 1) await gate.wait();
    return await go();
  };
}

/** Lets messages come in one after the other while a turn is running, and then that turn end. */
async function together<T>(
  actor: Probe,
  messages: readonly (() => Promise<T>)[],
  onBatch?: OnBatch,
): Promise<Promise<T>[]> {
  hops = [];
  const gate = new Gate();
  hold(gate, onBatch);
  const first = actor.ask([["echo", "first"]]);
  await gate.reached();
  const answers: Promise<T>[] = [];
  for (const message of messages) {
    answers.push(message());
    await until(async () => (await actor.summary()).mailbox === answers.length);
  }
  gate.open();
  await first;
  return answers;
}

const gaveOf = async (answers: readonly Promise<Ended>[]): Promise<unknown[]> =>
  (await Promise.all(answers)).map(({ gave }) => gave);

async function expectSound({ id }: Probe): Promise<void> {
  expect(must(await theater.verify(id)).verdict).toBe("verified");
  expect(must(await theater.replay(id, null)).verdict).toBe("verified");
}

test("messages that wait cross together, and the chain has each as a turn of its own", async () => {
  const actor = await start();
  const from = (await actor.nextSeq()) + 2; // behind the turn that holds the others up
  let head = 0;
  const answers = await together<Ended>(
    actor,
    [
      () => actor.ask([["turns"], ["log", "a"]], "key-1"),
      () => actor.ask([["turns"], ["random", 4], ["now"]]),
      () => actor.ask([["turns"], ["random", 4], ["now"]]),
      () => actor.ask([["defer"]]),
      () => actor.ask([["turns"]], "key-2"),
    ],
    async (_, go) => {
      const outputs = await go();
      head = await actor.nextSeq(); // the guests have ended, and no turn has
      return outputs;
    },
  );
  const deferred = answers.splice(3, 1);
  const ended = await Promise.all(answers);
  expect(hops).toEqual([1, 5]);
  expect(head).toBe(from);
  expect(ended.map(({ gave }) => (gave as unknown[])[0])).toEqual([1, 2, 3, 5]);
  const [, second, third] = ended.map(({ gave }) => (gave as unknown[])[1]);
  expect(second).not.toEqual(third); // each has a seed of its own
  const events = await actor.events(from);
  expect(events.map(({ type, turn }) => `${type} ${turn}`)).toEqual([
    "message.received 3",
    "host.called 3",
    "turn.committed 3",
    "message.received 4",
    "host.called 4",
    "host.called 4",
    "turn.committed 4",
    "message.received 5",
    "host.called 5",
    "host.called 5",
    "turn.committed 5",
    "message.received 6",
    "turn.committed 6",
    "message.received 7",
    "turn.committed 7",
  ]);
  const ends = events.filter(({ type }) => type === "turn.committed");
  const told = ends.filter(({ turn }) => turn !== 6).map(({ seq, cid }) => ({ seq, cid }));
  expect(ended.map(({ event }) => event)).toEqual(told);
  clearFaults();
  // Keys lead to the turns that they were given with, and a request that was left open is answered later.
  expect(await actor.ask([["turns"], ["log", "a"]], "key-1")).toEqual(ended[0]);
  expect(await actor.ask([["turns"]], "key-2")).toEqual(ended[3]);
  const [open] = ((await actor.ask([["outstanding"]])).gave as [string[]])[0];
  await actor.ask([["answer", open, "late"]]);
  expect(await gaveOf(deferred)).toEqual(["late"]);
  await expectSound(actor);
});

test("a batch writes the state once, and each of its turns two rows", async () => {
  const actor = await start();
  const rows = await countRows(actor);
  const answers = await together<Ended>(
    actor,
    Array.from({ length: 6 }, () => () => actor.ask([["turns"]])),
    async (_, go) => {
      const outputs = await go();
      rows.written = 0;
      return outputs;
    },
  );
  expect(await gaveOf(answers)).toEqual([[1], [2], [3], [4], [5], [6]]);
  expect(hops).toEqual([1, 6]);
  expect(rows.written).toBe(6 * 2 + 1);
  clearFaults();
  await actor.evict();
  expect(await actor.state()).toMatchObject({ turns: 7 });
});

test("a turn without effects writes three rows at most, also when the ledger has just followed", async () => {
  const actor = await start();
  await actor.ask([["echo", "w"]]); // with the first turn goes what the birth left: that the directory has its line
  const rows = await countRows(actor);
  await until(async () => (await actor.summary()).ledgerSeq === (await actor.nextSeq()) - 1);
  rows.written = 0;
  await actor.ask([["echo", "x"]]);
  expect(rows.written).toBeGreaterThan(0);
  expect(rows.written).toBeLessThanOrEqual(3);
});

/** Counts from now on the rows that this life of the actor writes. */
async function countRows(actor: Probe): Promise<{ written: number }> {
  const rows = { written: 0 };
  await actor.inside((_, { storage: { sql } }) => {
    const exec = sql.exec.bind(sql);
    const counted: typeof exec = (query, ...bindings) => {
      const cursor = exec(query, ...bindings);
      rows.written += cursor.rowsWritten;
      return cursor as ReturnType<typeof exec> as never;
    };
    Object.assign(sql, { exec: counted });
  });
  return rows;
}

test("a guest's error in the middle is its message's only", async () => {
  const actor = await start();
  const answers = await together<Ended>(actor, [
    () => actor.ask([["turns"]]),
    () =>
      actor.ask([
        ["accept", false],
        ["refuse", "no"],
      ]),
    () => actor.ask([["turns"]]),
  ]);
  expect(await gaveOf(answers)).toEqual([[1], "guest-error", [2]]);
  expect(hops).toEqual([1, 3]);
  expect(await actor.state()).not.toHaveProperty("accepts");
  await expectSound(actor);
});

const fatal = [
  ["a trap", [["trap"]], "guest-trap", {}],
  ["a state above its limit", [["pad", 5_000]], "limit-exceeded", { state_bytes: 4_000 }],
] as const;

test.for(fatal)(
  "behind %s the others run again, on the state before it",
  async ([, program, gave, limits]) => {
    const actor = await start({ limits });
    const answers = await together<Ended>(actor, [
      () => actor.ask([["turns"]]),
      () => actor.ask(program),
      () => actor.ask([["turns"], ["padded"]]),
      () => actor.ask([["turns"]]),
    ]);
    expect(await gaveOf(answers)).toEqual([[1], gave, [2, 0], [3]]);
    expect(hops.slice(0, 3)).toEqual([1, 4, 2]);
    expect((await actor.summary()).turns).toBe(6);
    await expectSound(actor);
  },
);

test("a turn that asks another actor ends its batch: those before have happened, those behind wait in line", async () => {
  const [actor, peer] = [await start(), await start()];
  const asked = new Gate();
  faults.peer = async ({ name }, go) => {
    if (name === `${peer.id} request`) await asked.wait();
    return await go();
  };
  const [before, asking, behind, last] = await together<Ended>(actor, [
    () => actor.ask([["turns"]]),
    () => actor.ask([["turns"], ["request", peer.id, [["echo", 5]]]]),
    () => actor.ask([["turns"]]),
    () => actor.ask([["chain"]]),
  ]);
  await asked.reached();
  expect((await before)?.gave).toEqual([1]);
  expect((await actor.summary()).mailbox).toBe(2);
  const intended = await actor.lines((await actor.nextSeq()) - 2);
  expect(intended.map((line) => line.split(" ")[0])).toEqual(["message.received", "host.intended"]);
  asked.open();
  expect(await gaveOf([asking, behind] as Promise<Ended>[])).toEqual([[2, "[5]"], [3]]);
  // A turn that reads the chain sees what committed before it.
  expect((await last)?.gave).toEqual([(await actor.nextSeq()) - 3]);
  await expectSound(actor);
});

test("what turns of a batch send leaves after their commits, in their order", async () => {
  const [actor, peer] = [await start(), await start()];
  const sends = ["a", "b", "c"].map(
    (word) => () => actor.ask([["send", peer.id, [["echo", word]]]]),
  );
  const answers = await together<Ended>(actor, sends);
  expect(await gaveOf(answers)).toEqual([[null], [null], [null]]);
  await until(async () => ((await peer.state()) as { heard: unknown[] }).heard.length === 3);
  expect(await peer.state()).toMatchObject({ heard: ["a", "b", "c"] });
  await expectSound(actor);
});

test("a call is answered for the turn that runs only, and for none when the batch is over", async () => {
  const actor = await start();
  const call = ["theater:simple/runtime#get-chain", [], []] as const;
  let late: () => Promise<unknown> = () => Promise.resolve();
  const said: unknown[] = [];
  const answers = await together<Ended>(
    actor,
    [() => actor.ask([["chain"]]), () => actor.ask([["turns"]])],
    async ({ host }, go) => {
      late = () => host.call(1, [], ...call);
      said.push(await late()); // the second, before the first has ended
      return await go();
    },
  );
  await gaveOf(answers);
  clearFaults();
  const from = await actor.nextSeq();
  said.push(await late());
  expect(said).toEqual([
    { abort: expect.objectContaining({ message: expect.stringContaining("another turn") }) },
    { abort: expect.objectContaining({ kind: expect.stringMatching(/cut|host/) }) },
  ]);
  expect(await actor.nextSeq()).toBe(from);
});

test("an isolate that breaks with a batch runs its messages alone, and nothing was done twice", async () => {
  const broken: Record<string, OnBatch> = {
    throws: () => Promise.reject(new Error("the isolate is gone")),
    lies: async (_, go) => {
      const outputs = (await go()) as TurnOutput[];
      return [outputs[0], { ...outputs[1], answered: [{ about: "x" }] }, outputs[2]];
    },
    "lies more": async (_, go) => [...((await go()) as TurnOutput[]), ...((await go()) as [])],
    "gives a value that is none": async (_, go) => {
      const outputs = (await go()) as TurnOutput[];
      const outcome = { kind: "returned", value: [7, 7] };
      return outputs.map((output, index) => (index === 1 ? { ...output, outcome } : output));
    },
  };
  for (const [name, onBatch] of Object.entries(broken)) {
    const actor = await start();
    const asks = Array.from({ length: 3 }, () => () => actor.ask([["turns"]]));
    const gave = await gaveOf(await together<Ended>(actor, asks, onBatch));
    const isRecorded = name.endsWith("none"); // in the turn that it says it of
    expect([name, gave]).toEqual([name, isRecorded ? [[1], "host-failure", [2]] : [[1], [2], [3]]]);
    expect(hops.slice(0, 3)).toEqual([1, 3, 1]);
    await expectSound(actor);
  }
});

test("terminate cuts the first of a batch, and nothing else of it has begun", async () => {
  const actor = await start();
  const stuck = new Gate();
  const hang: OnBatch = async (_, go) => {
    await stuck.wait();
    return await go();
  };
  const answers = await together<unknown>(
    actor,
    [() => actor.ask([["turns"]]), () => actor.ask([["turns"]]), () => actor.tell([["echo", 1]])],
    hang,
  );
  await stuck.reached();
  expect(await actor.change("terminate")).toBe("stopped");
  expect(await answers[0]).toMatchObject({ gave: "too-slow", event: { seq: expect.any(Number) } });
  expect(await answers[1]).toMatchObject({ gave: "wrong-state" });
  stuck.open();
  expect((await actor.lines()).slice(-3)).toEqual([
    "message.received request 3",
    "turn.failed cut/terminated 3",
    "actor.stopped 0",
  ]);
  expect(await actor.sql("SELECT seq FROM mailbox")).toHaveLength(1);
});

test("pause lets the first of a batch end, and the rest runs when the actor runs again", async () => {
  const actor = await start();
  const ended = new Gate();
  const words = ["a", "b", "c"].map((word) => () => actor.tell([["echo", word]]));
  await Promise.all(
    await together<unknown>(actor, words, async (_, run) => {
      const outputs = await run();
      await ended.wait();
      return outputs;
    }),
  );
  await ended.reached();
  expect(await actor.change("pause")).toBe("paused");
  ended.open();
  await until(async () => (await actor.lines()).at(-1) === "turn.committed 3");
  expect((await actor.summary()).mailbox).toBe(2);
  await actor.change("resume");
  await actor.quiet();
  expect(await actor.state()).toMatchObject({ heard: ["a", "b", "c"] });
  await expectSound(actor);
});

test("behind a guest that shuts itself down nothing of its batch runs", async () => {
  const actor = await start();
  const answers = await together<unknown>(actor, [
    () => actor.ask([["turns"]]),
    () => actor.ask([["shutdown", "enough"]]),
    () => actor.ask([["turns"]]),
    () => actor.tell([["echo", "kept"]]),
  ]);
  expect(await answers[0]).toMatchObject({ gave: [1] });
  expect(await answers[1]).toMatchObject({ gave: [null] });
  expect(await answers[2]).toMatchObject({ gave: "wrong-state" });
  expect((await actor.lines()).slice(-2)).toEqual(["turn.committed 4", "actor.stopped 0"]);
  await actor.change("restart");
  await actor.quiet();
  expect(await actor.state()).toMatchObject({ heard: ["kept"] });
});

test("of a batch that dies before its commit nothing has happened; its sends run again, and alone", async () => {
  const actor = await start();
  const stuck = new Gate();
  const sent = ["a", "b", "c"].map((word) => async () => await actor.tell([["echo", word]]));
  await Promise.all(
    await together<unknown>(actor, sent, async (_, go) => {
      await go();
      await stuck.wait();
    }),
  );
  await stuck.reached();
  const asked = actor.ask([["turns"]], "key");
  const before = await actor.events();
  await actor.crash();
  const gate = new Gate();
  gate.open();
  hold(gate);
  hops = [];
  expect((await asked).gave).toBe("outcome-unknown");
  expect((await actor.events()).slice(0, before.length)).toEqual(before);
  await actor.alarm();
  await actor.quiet();
  // One of them may be what ended the last life: each has its tries counted.
  expect(hops).toEqual([1, 1, 1]);
  expect(await actor.state()).toMatchObject({ heard: ["a", "b", "c"], turns: 4 });
  expect((await actor.ask([["turns"]], "key")).gave).toEqual([4]);
  await expectSound(actor);
});

test("a turn that cannot be written keeps none of the others from being written", async () => {
  const actor = await start();
  await actor.inside((_, { storage }) => {
    storage.sql.exec(`CREATE TRIGGER refuse BEFORE INSERT ON event WHEN new.type = 'turn.committed'
      AND new.turn = 4 BEGIN SELECT RAISE(ABORT, 'the disk says no'); END`);
  });
  const drop = async (): Promise<Ended> => {
    await actor.inside((_, { storage }) => void storage.sql.exec("DROP TRIGGER refuse"));
    return await actor.ask([["turns"]]);
  };
  const answers = await together<Ended>(actor, [
    () => actor.ask([["turns"]], "one"),
    () => actor.ask([["turns"]], "two"),
  ]);
  expect((await answers[0])?.gave).toEqual([1]);
  const second = await answers[1];
  expect(second).toMatchObject({ gave: "internal", event: undefined });
  expect((await actor.lines()).at(-1)).toBe("turn.committed 3");
  expect((await drop()).gave).toEqual([2]);
  expect((await actor.ask([["turns"]], "two")).gave).toEqual([3]);
  await expectSound(actor);
});

test("content too large for a row goes to the store, and a message of that kind goes alone", async () => {
  const actor = await start();
  const long = "w".repeat(200_000);
  const answers = await together<Ended>(actor, [
    () => actor.ask([["long", 100_000]]),
    () => actor.ask([["pad", 100_000]]),
    () => actor.ask([["padded"]]),
  ]);
  expect(await gaveOf(answers)).toEqual([["y".repeat(100_000)], [null], [100_000]]);
  expect(hops).toEqual([1, 3]);
  const sends = [long, "short"].map((word) => () => actor.tell([["echo", word]]));
  await Promise.all(await together<unknown>(actor, sends));
  await actor.quiet();
  expect(hops).toEqual([1, 1, 1]);
  clearFaults();
  await actor.evict();
  expect((await actor.ask([["heard"]])).gave).toEqual([[long, "short"]]);
  await expectSound(actor);
});

test("messages of a batch fill the mailbox until their turns have ended", async () => {
  const actor = await start({ limits: { mailbox: 3 } });
  const stuck = new Gate();
  const asks = Array.from({ length: 3 }, () => () => actor.ask([["turns"]]));
  const answers = await together<Ended>(actor, asks, async (_, go) => {
    await stuck.wait();
    return await go();
  });
  await stuck.reached();
  // One of the three is running, so there is room for one.
  const more = actor.ask([["turns"]]);
  await until(async () => (await actor.summary()).mailbox === 3);
  expect((await actor.ask([["turns"]])).gave).toBe("busy");
  stuck.open();
  expect(await gaveOf([...answers, more])).toEqual([[1], [2], [3], [4]]);
});

test("a batch ends with the first deadline in it: whoever stopped waiting is told so, the others run", async () => {
  const [actor, peer] = [await start(), await start({ limits: { turn_ms: 600 } })];
  let asking: Promise<Ended> | undefined;
  const answers = await together<unknown>(
    actor,
    [
      () => actor.ask([["turns"]]),
      () => (asking = peer.ask([["request", actor.id, [["turns"]]]])),
      () => actor.ask([["turns"]]),
    ],
    () => new Promise(() => undefined),
  );
  expect(JSON.stringify((await asking)?.gave)).toContain("too-slow");
  expect(await answers[0]).toMatchObject({ gave: [1] });
  expect(await answers[2]).toMatchObject({ gave: [2] });
  expect((await actor.summary()).turns).toBe(4);
  expect(hops).toEqual([1, 1, 3, 1, 1]); // the second is the asking actor's own
});
