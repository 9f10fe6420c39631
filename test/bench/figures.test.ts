// The arithmetic behind the published tables: what counts as flat, what a million turns cost, where a load breaks what.

import { expect, test } from "vitest";
import { costOfMillion, total } from "../../bench/further/cost.ts";
import { noCounts } from "../../bench/further/counters.ts";
import { median, quantile } from "../../bench/load/statistics.ts";
import { ceilings, scale } from "../../bench/scaling/model.ts";
import { verdict, type Sample } from "../../bench/soak/samples.ts";

const samples = (memory: (n: number) => number, p50: (n: number) => number = () => 10): Sample[] =>
  Array.from({ length: 60 }, (_, n) => ({
    seconds: (n + 1) * 30,
    workerdMb: memory(n),
    operations: 100,
    p50: p50(n),
    p99: 50,
  }));

test("a soak is flat when its second half is, whatever its first half did and whatever one sample says", () => {
  const isFlat = (all: Sample[]): boolean[] => verdict(all).map((each) => each.isFlat);
  expect(isFlat(samples((n) => 300 + (n < 20 ? n * 5 : 100)))).toEqual([true, true]);
  expect(isFlat(samples((n) => (n === 59 ? 4_000 : 300 + (n % 3))))).toEqual([true, true]);
  expect(isFlat(samples((n) => 300 + n))).toEqual([false, true]);
  expect(
    isFlat(
      samples(
        (n) => 300 - n,
        (n) => 10 + n / 10,
      ),
    ),
  ).toEqual([true, false]);
});

test("medians and quantiles are those of the values, in whatever order", () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(quantile([5, 1, 4, 2, 3], 0.99)).toBe(5);
  expect(median([])).toBeNaN();
});

const perTurn = {
  ...noCounts(),
  id: "x",
  name: "x",
  turns: 1,
  objectRequests: 1,
  sqliteRowsWritten: 3,
  d1Statements: 0.1,
  d1RowsWritten: 6,
  loaderRequests: 1,
  cpuMs: 1,
  wallMs: 10,
};

test("a million turns cost what their parts cost", () => {
  const parts = costOfMillion(perTurn);
  const of = (name: string) => parts.find((part) => part.name === name)?.dollars;
  expect(of("rows written in Durable Objects")).toBeCloseTo(3, 6);
  expect(of("rows written in D1")).toBeCloseTo(6, 6);
  expect(of("Durable Objects at work, GB-s")).toBeCloseTo(0.016, 6); // 10,000 s × 0.128 GB
  expect(total(parts)).toBeCloseTo(0.3 + 0.15 + 0.016 + 3 + 6 + 0.3 + 0.02, 6);
});

test("shards and ceilings follow from statements and rows", () => {
  const measured = { perTurn, parts: costOfMillion(perTurn), turnsPerActor: 100, eventBytes: 400 };
  const billion = scale(1e9, measured);
  expect(billion.turnsPerSecond).toBeCloseTo((1e9 / 86_400) * 5, 3);
  expect(billion.shards).toBe(Math.ceil((billion.turnsPerSecond * 6) / 17_500));
  expect(billion.actorsMin).toBe(Math.ceil(billion.turnsPerSecond / 100));
  expect(scale(1_000, measured)).toMatchObject({ shards: 1, actorsMin: 1 });
  const [lowest] = ceilings(measured);
  expect(lowest).toEqual({ name: "one actor alone (its object's writes)", turnsPerSecond: 300 });
});
