// What visitors heard, held against the chain: while turns answer and tell everybody, the object is evicted and crashes
// at random. Whoever is still connected has heard all that committed turns said to it, once and in order; whoever lost
// the connection has heard the beginning of it.

import { afterEach, expect, test } from "vitest";
import { clearFaults } from "./faults.ts";
import { must, theater, until, type Probe, type Told } from "./stage.ts";
import { gave, tools } from "./tools.ts";
import { visit, type Visitor } from "./visitor.ts";

afterEach(clearFaults);

const STEPS = 80;
const VISITORS = 5;
const SEED = 20_261_123;

/** Numbers from 0 to below 1, the same ones for the same seed. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

async function site(): Promise<Probe> {
  const actor = await tools();
  const call = (fn: string, ...args: unknown[]) =>
    ["call", `theater:simple/http-framework#${fn}`, ...args] as const;
  await gave(
    actor,
    call("create-server", { port: null, host: null, tlsConfig: null }),
    call("register-handler", "sockets"),
    call("start-server", 1),
    call("enable-websocket", 1, "/live", 2, 2, 2),
  );
  return actor;
}

/** What the chain says that turns said, by connection. */
function saidTo(events: readonly Told[]): Map<number, string[]> {
  const said = new Map<number, string[]>();
  const messages = new Map(
    events.flatMap((event) => (event.type === "message.received" ? [[event.seq, event]] : [])),
  );
  for (const end of events.filter(({ type }) => type === "turn.committed")) {
    const message = messages.get(end.fields["message"] as number);
    const [, id] = (message?.fields["params"] ?? []) as [unknown, number];
    if (message?.about === "websocket-open") said.set(id, []);
    for (const { about, turn, fields } of events) {
      if (turn !== end.turn || !about.endsWith("#broadcast")) continue;
      const [, { text }] = fields["args"] as [unknown, { text: string }];
      for (const each of said.values()) each.push(text);
    }
    if (message?.about !== "websocket") continue;
    const [answers] = end.fields["result"] as [{ text: [string] }[]];
    for (const { text } of answers) said.get(id)?.push(text[0]);
  }
  return said;
}

test("visitors have heard what the chain says, whatever became of the object meanwhile", async () => {
  const actor = await site();
  const next = random(SEED);
  const all: Visitor[] = [];
  const living = (): Visitor[] => all.filter(({ closed }) => closed === undefined);
  const counts = { evicted: 0, crashed: 0 };
  const asked: Promise<unknown>[] = [];
  for (let step = 0; step < STEPS; step++) {
    while (living().length < VISITORS) all.push(await visit(actor));
    const [visitor] = living().slice(Math.floor(next() * VISITORS));
    const dice = next();
    if (dice < 0.55) visitor?.say(`answer ${step}`);
    else if (dice < 0.85) {
      const broadcast = ["call", "theater:edge/websockets#broadcast", null];
      asked.push(actor.ask([[...broadcast, { tag: "text", val: `all ${step}` }]]));
    } else if (dice < 0.94) {
      await actor.summary(); // one that crashed is not there to be evicted
      await actor.evict();
      counts.evicted++;
    } else {
      await actor.crash();
      counts.crashed++;
      await until(() => living().length === 0);
    }
  }
  await Promise.allSettled(asked);
  const expected = async (): Promise<string[][]> => {
    const said = saidTo(await actor.events());
    return [...said.values()];
  };
  await until(async () => {
    const said = await expected();
    const isHeard = (visitor: Visitor): boolean =>
      visitor.got.length >= (said[all.indexOf(visitor)]?.length ?? 0);
    return (await actor.summary()).mailbox === 0 && living().every(isHeard);
  });
  const said = await expected();
  expect(said).toHaveLength(all.length);
  for (const [n, { got, closed }] of all.entries()) {
    expect(got).toEqual(closed === undefined ? said[n] : said[n]?.slice(0, got.length));
  }
  expect(counts).toEqual({ evicted: expect.any(Number), crashed: expect.any(Number) });
  expect(Math.min(counts.evicted, counts.crashed)).toBeGreaterThan(1);
  expect(living().flatMap(({ got }) => got).length).toBeGreaterThan(VISITORS);
  expect(must(await theater.replay(actor.id, null))).toMatchObject({ verdict: "verified" });
});
