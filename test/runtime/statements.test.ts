// What an actor's record costs in D1: statements are counted where they leave for D1, those of a batch one
// by one. The binding is all there is between an actor and D1, so nothing goes uncounted.

import { afterEach, expect, test } from "vitest";
import { clearFaults, faults } from "./faults.ts";
import { bindings, must, start, theater, until, type Probe, type Program } from "./stage.ts";

afterEach(clearFaults);

/** Under sustained load on one actor. */
const PER_TURN_MAX = 0.1;
/** Of a turn that nothing stands near: its events with their payloads. */
const IDLE_MAX = 1;

const CALLERS = 32;
const LOAD_MS = 3_000;
const TURNS_MIN = 400;

/** The figures, for whoever reads the log. */
function print(line: string): void {
  // oxlint-disable-next-line no-console -- a measurement that nobody sees is none
  console.log(line);
}

/** Counts from now on what goes to D1 for this actor; other actors' rows are in other statements. */
function countStatements({ id }: Probe): { count: number } {
  const counter = { count: 0 };
  faults.ledger = ({ statements }, go) => {
    counter.count += statements.filter((bound) => bound.some((value) => isOf(value, id))).length;
    return go();
  };
  return counter;
}

/** Every statement about an actor has its id among its parameters, by itself or in JSON. */
const isOf = (value: unknown, id: string): boolean =>
  typeof value === "string" && value.includes(id);

async function caughtUp(actor: Probe): Promise<void> {
  await until(async () => {
    const { head, ledgerSeq } = await actor.summary();
    return ledgerSeq === head.seq;
  });
}

test("an actor under load sends one statement to D1 for ten turns at most", async () => {
  const actor = await start();
  await caughtUp(actor);
  const statements = countStatements(actor);
  const begun = Date.now();
  let turns = 0;
  const isEnough = (): boolean => Date.now() - begun >= LOAD_MS && turns >= TURNS_MIN;
  const call = async (): Promise<void> => {
    while (!isEnough()) {
      expect((await actor.ask([["log", "x"]])).message).toBe("");
      turns++;
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, call));
  const ms = Date.now() - begun;
  await caughtUp(actor); // what the load has left behind counts too
  const perTurn = statements.count / turns;
  print(
    `under load: ${turns} turns in ${ms} ms, ${statements.count} statements to D1, ${perTurn.toFixed(4)} per turn`,
  );
  expect(statements.count).toBeGreaterThan(1);
  expect(perTurn).toBeLessThanOrEqual(PER_TURN_MAX);
  expect(must(await theater.verify(actor.id)).verdict).toBe("verified");
}, 60_000);

/** A turn now and then: so many, and the appends that they may take. */
const PACE_MS = 200;
const PACED_MS = 3_300;
const PACED_MAX = 3;

test("an actor with a few turns a second waits longer from one append to the next", async () => {
  const actor = await start();
  await caughtUp(actor);
  await actor.alarm();
  await actor.crash();
  const statements = countStatements(actor);
  const begun = Date.now();
  await actor.ask([["log", "x"]]);
  await until(() => statements.count === 1); // at once, after a quiet time
  while (Date.now() - begun < PACED_MS) {
    await actor.ask([["log", "x"]]);
    await new Promise((resolve) => setTimeout(resolve, PACE_MS));
  }
  expect(statements.count).toBeGreaterThan(1);
  expect(statements.count).toBeLessThanOrEqual(PACED_MAX); // after 1 s and 2 s more, not each second
});

/** Longer than a feeder waits that was quiet: after it, an actor counts as quiet. */
const QUIET_MS = 1_100;

/** A turn takes longer than a quiet feeder waits. */
const slow = async (_: unknown, go: () => unknown): Promise<unknown> => {
  await new Promise((resolve) => setTimeout(resolve, 50));
  return await go();
};

const idle: [string, (peer: Probe) => Program][] = [
  ["a request", () => [["log", "x"]]],
  ["a request that asks another actor", (peer) => [["request", peer.id, [["echo", 1]]]]],
  ["a request that sends", (peer) => [["send", peer.id, [["log", "y"]]]]],
  ["a request that a guest refuses", () => [["refuse", "no"]]],
  ["a send", () => [["log", "x"]]],
];

test.for(idle)("%s to an idle actor costs one statement", async ([name, program]) => {
  const [actor, peer] = [await start(), await start()];
  const measured: number[] = [];
  for (const life of ["same", "new"]) {
    await caughtUp(actor);
    await actor.alarm(); // what is due from before
    if (life === "new") await actor.crash();
    else await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
    const statements = countStatements(actor);
    faults.guest = slow;
    if (name === "a send") await actor.tell(program(peer));
    else await actor.ask(program(peer));
    await actor.quiet();
    await caughtUp(actor);
    await actor.alarm(); // what else is due comes now, and not in another count
    measured.push(statements.count);
  }
  print(`${name}, idle: ${measured.join(", ")} statements`);
  expect(measured.filter((count) => count === 0 || count > IDLE_MAX)).toEqual([]);
});

test("a directory that lost an actor's line gets it again when the actor is audited", async () => {
  const actor = await start();
  const listed = async (): Promise<unknown> =>
    await bindings.LEDGER.prepare("SELECT status FROM actor WHERE id = ?")
      .bind(actor.id)
      .first("status");
  expect(await listed()).toBe("running");
  await bindings.LEDGER.prepare("DELETE FROM actor WHERE id = ?").bind(actor.id).run();
  await actor.stub.settle(true);
  expect(await listed()).toBe("running");
});
