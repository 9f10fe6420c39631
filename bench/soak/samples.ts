// What is noted of a soak, once in a while, and the verdict on it: whether its second half is flat.

import { median, quantile } from "../load/statistics.ts";
import type { Done } from "./work.ts";

export interface Sample {
  /** Since the begin, at the end of the window. */
  seconds: number;
  workerdMb: number;
  operations: number;
  /** Of turns that were asked for, in the window, in milliseconds. */
  p50: number;
  p99: number;
}

/** Audits are few and take what their chains take; a latency is that of the other operations. */
const LATENCY = new Set(["count", "tell", "ask", "timer", "http", "chain"]);

export function sample(seconds: number, rss: number, done: readonly Done[]): Sample {
  const times = done.filter(({ kind }) => LATENCY.has(kind)).map(({ ms }) => ms);
  return {
    seconds: Math.round(seconds),
    workerdMb: Math.round(rss / 1e5) / 10,
    operations: done.length,
    p50: Math.round(median(times) * 100) / 100,
    p99: Math.round(quantile(times, 0.99) * 100) / 100,
  };
}

export interface Flat {
  name: string;
  /** From the begin to the end of the second half, by its slope: as a share of its median. */
  growth: number;
  /** More is not flat. */
  bound: number;
  isFlat: boolean;
}

/** V8 and SQLite keep what they have once needed: memory moves in steps of some percent. */
const MEMORY_BOUND = 0.05;
/** Times on a machine that does other things too. */
const LATENCY_BOUND = 0.15;

export function verdict(samples: readonly Sample[]): Flat[] {
  const half = samples.slice(Math.floor(samples.length / 2));
  const flat = (name: string, bound: number, value: (sample: Sample) => number): Flat => {
    const points = half.map((each) => ({ x: each.seconds, y: value(each) }));
    const span = (half.at(-1)?.seconds ?? 0) - (half[0]?.seconds ?? 0);
    const growth = (slope(points) * span) / median(points.map(({ y }) => y));
    return { name, growth, bound, isFlat: growth <= bound };
  };
  return [
    flat("memory of workerd", MEMORY_BOUND, ({ workerdMb }) => workerdMb),
    flat("latency, p50", LATENCY_BOUND, ({ p50 }) => p50),
  ];
}

interface Point {
  x: number;
  y: number;
}

/** Theil and Sen: the median of the slopes between all pairs of points. One outlier moves it by nothing. */
function slope(points: readonly Point[]): number {
  const slopes = points.flatMap((a, index) =>
    points
      .slice(index + 1)
      .filter((b) => b.x !== a.x)
      .map((b) => (b.y - a.y) / (b.x - a.x)),
  );
  return slopes.length === 0 ? 0 : median(slopes);
}
