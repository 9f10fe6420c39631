// Two actors send and ask each other numbered messages while their objects are evicted and crash at random:
// nothing is lost, nothing is doubled, each sender's order is kept, and the two chains say so together.
//
// `npm run drill:exchange` is the same with 10,000 messages; EXCHANGE_SEED chooses other faults.

import { expect, test } from "vitest";
import { toUtf8 } from "../../src/lib/bytes.ts";
import { cidText } from "../../src/chain/cid.ts";
import type { Link } from "../../src/chain/value.ts";
import { bindings, bodyOf, must, Probe, theater, type Told } from "./stage.ts";

const given = bindings as unknown as {
  EXCHANGE: Fetcher;
  EXCHANGE_MESSAGES: string;
  EXCHANGE_SEED: string;
};
const MESSAGES = Number(given.EXCHANGE_MESSAGES);
const SEED = Number(given.EXCHANGE_SEED);
/** The longest time between two crashes, and a little more. */
const CRASH_MS = 1_000;
const UNTIL_MS = 60_000;

interface State {
  sent: number;
  got: [first: number, last: number][];
  cycles: number;
  failed: [number: number, why: string][];
}

/** Mulberry32: the same numbers for the same seed. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

async function startSide(): Promise<Probe> {
  const { component } = must(
    await theater.upload(await (await given.EXCHANGE.fetch("http://exchange/")).bytes()),
  );
  const handler = [{ type: "runtime" }, { type: "message-server" }];
  const manifest = { name: "exchange", version: "1", component, handler };
  const input = { manifest, initState: null, parent: null, principal: "tester" };
  return new Probe(must(await theater.start(input)).id);
}

const stateOf = async (side: Probe): Promise<State> => (await side.state()) as State;

/** One side, told what to do until it has used up its numbers. */
class Side {
  readonly probe: Probe;
  readonly #random: (below: number) => number;
  readonly #messages: number;
  #sent = 0;
  #commands = 0;

  constructor(probe: Probe, messages: number, random: (below: number) => number) {
    this.probe = probe;
    this.#messages = messages;
    this.#random = random;
  }

  get isDone(): boolean {
    return this.#sent >= this.#messages;
  }

  /** A few commands. One of unknown outcome is repeated under its key. */
  async go(other: Probe): Promise<void> {
    for (let n = this.#random(4); n >= 0 && !this.isDone; n--) {
      const left = this.#messages - this.#sent;
      const asks = Math.min(left, this.#random(3));
      const sends = Math.min(left - asks, this.#random(9));
      this.#sent = await this.#command({ go: [other.id, asks, sends] });
    }
  }

  async #command(command: object): Promise<number> {
    const idempotency = { principal: "tester", key: String(this.#commands++) };
    const message = { body: bodyOf(command), from: "external", idempotency };
    for (;;) {
      const answer = await theater.request(this.probe.id, message);
      if (answer.ok) return Number(toUtf8(answer.value.reply));
      if (!RETRIED.has(answer.error.code)) throw new Error(JSON.stringify(answer.error));
      await pause(10);
    }
  }
}

const RETRIED: ReadonlySet<string> = new Set(["outcome-unknown", "busy", "unavailable"]);

/**
 * Crashes come at any time; returns how many. An eviction waits until the object has answered, so those come
 * between commands, while deliveries are under way.
 */
async function exchange([a, b]: readonly [Side, Side], random: (below: number) => number) {
  const sides = [a.probe, b.probe];
  const faults = { evictions: 0, crashes: 0 };
  let isOver = false;
  let fault: Promise<unknown> = Promise.resolve(); // one after the other: an eviction hangs in a crash
  const crash = async (): Promise<void> => {
    while (!isOver) {
      await pause(50 + random(CRASH_MS));
      await (fault = fault.then(() => sides[random(2)]?.crash()));
      faults.crashes++;
    }
  };
  const crashing = crash();
  while (!a.isDone || !b.isDone) {
    await Promise.all([a.go(b.probe), b.go(a.probe)]);
    if (random(3) > 0) continue;
    const evict = async (): Promise<void> => {
      const side = sides[random(2)];
      await side?.summary(); // one that crashed is not there to be evicted
      await side?.evict();
      faults.evictions++;
    };
    await (fault = fault.then(evict));
  }
  isOver = true;
  await crashing;
  return faults;
}

/** Waits until everything has arrived and has had its turn. */
async function settle(sides: readonly Probe[]): Promise<void> {
  const query = "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM mailbox) AS rest";
  const deadline = Date.now() + UNTIL_MS;
  for (const side of sides) {
    for (;;) {
      await side.alarm();
      const [row] = await side.sql(query);
      if (row?.["rest"] === 0) break;
      if (Date.now() > deadline) throw new Error(`${side.id} does not come to rest`);
      await pause(20);
    }
  }
}

/** The numbers of the messages from `sender`, in the order of their turns. */
function numbersFrom(sender: string, events: readonly Told[]): number[] {
  const received = new Map<number, number>();
  for (const { type, seq, fields } of events) {
    if (type !== "message.received" || fields["from"] !== sender) continue;
    const body = (fields["params"] as unknown[]).at(-1) as Uint8Array;
    received.set(seq, (JSON.parse(toUtf8(body)) as { n: number }).n);
  }
  const numbers: number[] = [];
  for (const { type, fields } of events) {
    const n = received.get(Number(fields["message"]));
    if (type === "turn.committed" && n !== undefined) numbers.push(n);
  }
  return numbers;
}

/** Messages from the other side, and those of them whose cause is not an event of its chain. */
function crossLinks(own: readonly Told[], other: Probe, others: readonly Told[]) {
  const cids = new Map(others.map(({ seq, cid, type }) => [seq, { cid, type }]));
  const types = { send: "turn.committed", request: "host.intended" } as Record<string, string>;
  let [links, broken] = [0, 0];
  for (const { type, about, fields } of own) {
    if (type !== "message.received" || fields["from"] !== other.id) continue;
    links++;
    const cause = fields["cause"] as { actor: string; seq: number; event: Link };
    const named = cids.get(cause.seq);
    const isGood =
      cause.actor === other.id &&
      named?.type === types[about] &&
      named?.cid === cidText(cause.event);
    if (!isGood) broken++;
  }
  return { links, broken };
}

function tally(numbers: readonly number[], sent: number) {
  const seen = new Set(numbers);
  const lost = Array.from({ length: sent }, (_, index) => index + 1).filter((n) => !seen.has(n));
  const outOfOrder = numbers.filter((n, index) => n < (numbers[index - 1] ?? 0));
  return {
    lost: lost.length,
    doubled: numbers.length - seen.size,
    "out of order": outOfOrder.length,
  };
}

test(
  `${MESSAGES} messages between two actors that are evicted and crash arrive once and in order`,
  { timeout: 30_000 + MESSAGES * 120 },
  async () => {
    const [a, b] = [await startSide(), await startSide()];
    const begunMs = Date.now();
    const half = Math.ceil(MESSAGES / 2);
    const faults = await exchange(
      [new Side(a, half, randomFrom(SEED + 1)), new Side(b, MESSAGES - half, randomFrom(SEED + 2))],
      randomFrom(SEED),
    );
    await settle([a, b]);
    const seconds = (Date.now() - begunMs) / 1000;
    const [fromA, fromB] = [await a.events(), await b.events()];
    const [atA, atB] = [await stateOf(a), await stateOf(b)];
    const table = {
      seed: SEED,
      messages: atA.sent + atB.sent,
      ...faults,
      "cycles refused": atA.cycles + atB.cycles,
      seconds,
      "A → B": { ...tally(numbersFrom(a.id, fromB), atA.sent), ...crossLinks(fromB, a, fromA) },
      "B → A": { ...tally(numbersFrom(b.id, fromA), atB.sent), ...crossLinks(fromA, b, fromB) },
      events: fromA.length + fromB.length,
    };
    // oxlint-disable-next-line no-console -- the result of the drill
    console.log(JSON.stringify(table, null, 2));
    const good = { lost: 0, doubled: 0, "out of order": 0, broken: 0 };
    expect(table["A → B"]).toEqual({ ...good, links: atA.sent });
    expect(table["B → A"]).toEqual({ ...good, links: atB.sent });
    // What the guests saw is what the chains say.
    expect([atB.got, atA.got]).toEqual([[[1, atA.sent]], [[1, atB.sent]]]);
    expect([...atA.failed, ...atB.failed]).toEqual([]);
    expect(table.messages).toBe(MESSAGES);
    expect(faults.crashes).toBeGreaterThan(0);
    expect(faults.evictions).toBeGreaterThan(0);
    for (const side of [a, b]) {
      expect(must(await theater.verify(side.id))).toMatchObject({ verdict: "verified" });
      expect(must(await theater.check(side.id)).findings).toEqual([]);
    }
  },
);
