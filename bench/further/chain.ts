// What the length of a chain costs: turns at lengths of 10² to 10⁶ events, then the whole chain exported and verified.
// To be long in time, it grows by turns of many log lines; what is timed are ordinary ones, each beside
// one of a short chain.

import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { buildActor } from "../../src/cli/build-actor.ts";
import { exported, verified } from "../exported.ts";
import { median } from "../load/statistics.ts";
import { watchMemory } from "../memory.ts";
import { atMost, type FurtherOptions, type Measurement } from "./measurement.ts";

const LENGTHS = [100, 1_000, 10_000, 100_000, 1_000_000];
const QUICK_LENGTHS = [100, 1_000, 10_000];
/** Exported and verified there: longer ones take minutes, and no other time for an event. */
const AUDITED = 100_000;
/** A machine that is slower does not come to the last lengths, and the table says so. */
const GROW_MS_MAX = 240_000;
const PER_TURN = 1_000;
const TURNS = 200;
/** What each length is held against, by an actor that is new and asked in turns with the long one. */
const SHORT = 100;
const TARGET = 1.1;
/** The ledger may be more than its backlog behind; then the actor refuses for a while. */
const REFUSED_MS = 250;
const REFUSALS_MAX = 2_000;

export async function chainTimes(options: FurtherOptions): Promise<Measurement[]> {
  const { bench, isQuick, note } = options;
  const { component } = await buildActor(join(import.meta.dirname, "../logger"));
  const digest = await bench.upload(component);
  const id = await bench.start(digest);
  const found: Measurement[] = [];
  const audited: Measurement[] = [];
  const end = performance.now() + GROW_MS_MAX;
  for (const length of isQuick ? QUICK_LENGTHS : LENGTHS) {
    const begun = performance.now();
    const reached = await grown(options, { id, length, end });
    if (reached < length) return [...found, notReached(length, reached), ...audited];
    note(`a chain of ${length} events after ${(performance.now() - begun).toFixed(0)} ms`);
    const short = await bench.start(digest);
    await grown(options, { id: short, length: SHORT, end: Infinity });
    const [value, beside] = await sideBySide(options, [id, short]);
    const target =
      length === SHORT ? undefined : atMost(TARGET, "at 10² beside it", value / beside);
    const name = `a turn at a length of ${length.toLocaleString("en")} events`;
    found.push({ id: `chain.${length}`, name, value, unit: "ms", ...(target ? { target } : {}) });
    if (length === (isQuick ? QUICK_LENGTHS.at(-1) : AUDITED)) {
      audited.push(...(await audit(options, id)));
    }
  }
  return [...found, ...audited];
}

/** As long as is wanted, unless the end comes before; and its ledger with it. */
async function grown(
  options: FurtherOptions,
  { id, length, end }: { id: string; length: number; end: number },
): Promise<number> {
  let at = await lengthOf(options, id);
  for (; at < length && performance.now() < end; at = await lengthOf(options, id)) {
    await turn(options, id, Math.max(1, Math.min(PER_TURN, length - at) - 2));
  }
  await caughtUp(options, id);
  return at;
}

/** Medians of turns that come one after the other, now of the one and now of the other. */
async function sideBySide(
  options: FurtherOptions,
  [long, short]: readonly [string, string],
): Promise<[number, number]> {
  const times: [number[], number[]] = [[], []];
  for (let n = 0; n < TURNS; n++) {
    for (const [index, id] of [long, short].entries()) {
      const begun = performance.now();
      await turn(options, id, 1);
      times[index]?.push(performance.now() - begun);
    }
  }
  return [median(times[0]), median(times[1])];
}

async function turn({ bench }: FurtherOptions, id: string, lines: number): Promise<void> {
  for (let refusals = 0; ; refusals++) {
    const { status, body } = await bench.call("POST", `/v1/actors/${id}/request`, String(lines));
    if (status === 200) return;
    if (status !== 503 || refusals === REFUSALS_MAX) throw new Error(`${status} ${String(body)}`);
    await sleep(REFUSED_MS);
  }
}

function notReached(length: number, at: number): Measurement {
  const name = `(${length.toLocaleString("en")} events were not reached in ${GROW_MS_MAX / 1000} s)`;
  return { id: `chain.${length}`, name, value: at, unit: "events" };
}

interface Summary {
  head: { seq: number };
  ledgerSeq: number;
}

async function lengthOf({ bench }: FurtherOptions, id: string): Promise<number> {
  return (await bench.json<Summary>("GET", `/v1/actors/${id}`)).head.seq + 1;
}

const CATCH_UP_MS_MAX = 120_000;

/** Otherwise its ledger's work would be in the times. */
async function caughtUp({ bench }: FurtherOptions, id: string): Promise<void> {
  for (const begun = Date.now(); Date.now() - begun < CATCH_UP_MS_MAX; await sleep(100)) {
    const { head, ledgerSeq } = await bench.json<Summary>("GET", `/v1/actors/${id}`);
    if (ledgerSeq === head.seq) return;
  }
  throw new Error("the ledger did not catch up");
}

async function audit({ bench, note }: FurtherOptions, id: string): Promise<Measurement[]> {
  const memory = await watchMemory();
  const begun = performance.now();
  const car = await exported(bench, id);
  const exportMs = performance.now() - begun;
  note(`exported ${(car.length / 1e6).toFixed(0)} MB; memory of workerd ${await memory()}`);
  const at = performance.now();
  const count = await verified(car, id);
  const verifyMs = performance.now() - at;
  const events = count.toLocaleString("en");
  return [
    {
      id: "chain.export",
      name: `export of ${events} events as CAR`,
      value: (count * 1000) / exportMs,
      unit: "events/s",
    },
    {
      id: "chain.bytes",
      name: "size of an event in it, with its payload",
      value: car.length / count,
      unit: "bytes",
    },
    {
      id: "chain.verify",
      name: "its verification offline, on one core",
      value: (count * 1000) / verifyMs,
      unit: "events/s",
    },
  ];
}
