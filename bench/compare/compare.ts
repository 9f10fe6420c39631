// The comparison: every server runs, and in each round every one of them is under the same load for the same time,
// one after the other. A round lasts seconds, so that what else the machine does meets all of them alike.

import { Counters } from "../load/counters.ts";
import { requestBytes } from "../load/connection.ts";
import { load } from "../load/load.ts";
import { median, quantile } from "../load/statistics.ts";
import { KEYS } from "./served.ts";
import { startSubject, type NotStarted, type Started } from "./subject-process.ts";
import type { Subject } from "./subjects.ts";

export interface Shape {
  id: string;
  keys: number;
  callers: number;
}

export const SHAPES: readonly Shape[] = [
  { id: "1x1", keys: 1, callers: 1 },
  { id: "32x1", keys: KEYS, callers: 1 },
  { id: "1x32", keys: 1, callers: 32 },
  { id: "32x32", keys: KEYS, callers: 32 },
];

/** Medians of all rounds. */
interface Cell {
  /** Requests per second, of each round too. */
  rate: number;
  rates: number[];
  /** Milliseconds. */
  p50: number;
  p99: number;
  /** Of the load generator: the share of the time in which it was at work. */
  busy: number;
}

export interface Row {
  id: string;
  name: string;
  durable: string;
  versions: Record<string, string>;
  /** By the id of the shape. Empty if it did not start or answered wrongly. */
  cells: Record<string, Cell>;
  /** Increments that were acknowledged and found again. */
  increments: number;
  error?: string;
}

export interface CompareOptions {
  subjects: readonly Subject[];
  shapes: readonly Shape[];
  rounds: number;
  /** Of one load. */
  ms: number;
  note: (line: string) => void;
}

/** A server while it is compared. */
interface Contender {
  started: Started;
  requests: Buffer[];
  counters: Counters;
  loads: Map<string, Omit<Cell, "rates">[]>;
  error?: string;
}

export async function compare(options: CompareOptions): Promise<Row[]> {
  const { subjects, note } = options;
  const outcomes: (Started | NotStarted)[] = [];
  try {
    for (const subject of subjects) {
      const outcome = await startSubject(subject);
      note("served" in outcome ? `${subject.id} runs` : `${subject.id}: ${outcome.reason}`);
      outcomes.push(outcome);
    }
    const contenders = outcomes.filter((outcome) => "served" in outcome).map(contender);
    await measure(contenders, options);
    return outcomes.map((outcome) => {
      const found = contenders.find(({ started }) => started === outcome);
      return found === undefined ? notStarted(outcome) : row(found);
    });
  } finally {
    await Promise.all(outcomes.filter((each) => "stop" in each).map((each) => each.stop()));
  }
}

function contender(started: Started): Contender {
  const { paths, headers, body } = started.served;
  const requests = paths.map((path) => requestBytes({ method: "POST", path, headers, body }));
  return { started, requests, counters: new Counters(paths.length), loads: new Map() };
}

async function measure(contenders: Contender[], options: CompareOptions): Promise<void> {
  const { rounds, shapes, ms, note } = options;
  for (const each of contenders) {
    // Until what is compiled late is compiled, and every object is there.
    await underLoad(each, { shape: { id: "warm", keys: KEYS, callers: 8 }, ms });
  }
  for (let round = 1; round <= rounds; round++) {
    for (const shape of shapes) {
      for (const each of contenders) await underLoad(each, { shape, ms });
    }
    note(`round ${round} of ${rounds}`);
  }
  for (const each of contenders) settle(each);
}

/** What goes wrong is the outcome of this one, and the others go on. */
async function underLoad(each: Contender, { shape, ms }: { shape: Shape; ms: number }) {
  if (each.error !== undefined) return;
  const { port } = each.started.served;
  const requests = each.requests.slice(0, shape.keys);
  const isCounter = each.started.subject.id !== "floor";
  const check: Counters["check"] = isCounter
    ? each.counters.check
    : (_, { status }) => {
        if (status !== 200) throw new Error(`the empty Worker answered ${status}`);
      };
  try {
    const { rate, times, busy } = await load({ port, requests, width: shape.callers, ms, check });
    const one = { rate, p50: median(times), p99: quantile(times, 0.99), busy };
    each.loads.set(shape.id, [...(each.loads.get(shape.id) ?? []), one]);
  } catch (thrown) {
    each.error = `${shape.id}: ${thrown instanceof Error ? thrown.message : String(thrown)}`;
  }
}

function settle(each: Contender): void {
  if (each.error !== undefined || each.started.subject.id === "floor") return;
  try {
    each.counters.settle();
  } catch (thrown) {
    each.error = thrown instanceof Error ? thrown.message : String(thrown);
  }
}

function row({ started, counters, loads, error }: Contender): Row {
  const { id, name, durable } = started.subject;
  const cells: Record<string, Cell> = {};
  for (const [shape, all] of loads) {
    if (shape === "warm" || error !== undefined) continue;
    const rates = all.map(({ rate }) => rate);
    const of = (key: "p50" | "p99" | "busy"): number => median(all.map((one) => one[key]));
    cells[shape] = { rate: median(rates), rates, p50: of("p50"), p99: of("p99"), busy: of("busy") };
  }
  const { versions } = started.served;
  const { increments } = counters;
  return { id, name, durable, versions, cells, increments, ...(error ? { error } : {}) };
}

function notStarted(outcome: Started | NotStarted): Row {
  const { id, name, durable } = outcome.subject;
  const error = "reason" in outcome ? outcome.reason : "";
  return { id, name, durable, versions: {}, cells: {}, increments: 0, error };
}
