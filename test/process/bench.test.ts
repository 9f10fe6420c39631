// `npm run bench` in small: the same servers as processes, the same load, the same checks; without the peers, which
// are a package of their own. What it says of speed is not looked at here.

import { expect, test } from "vitest";
import { compare, SHAPES } from "../../bench/compare/compare.ts";
import { SUBJECTS } from "../../bench/compare/subjects.ts";
import { Counters } from "../../bench/load/counters.ts";
import { compareReport } from "../../bench/report/compare-report.ts";

test("the comparison measures what it can start, and says why it could not start the rest", async () => {
  const shapes = SHAPES.filter(({ id }) => id === "32x32");
  const never = { ...SUBJECTS[0], id: "never", name: "a peer that is not there" };
  const subjects = [
    ...SUBJECTS.filter(({ id }) => ["b", "e"].includes(id)),
    { ...never, durable: "", isPeer: true, serve: () => Promise.reject(new Error("unused")) },
  ];
  const rows = await compare({ subjects, shapes, rounds: 1, ms: 300, note: () => undefined });
  const [bare, theater, missing] = rows;
  for (const row of [bare, theater]) {
    expect(row?.error).toBeUndefined();
    expect(row?.increments).toBeGreaterThan(20);
    expect(row?.cells["32x32"]?.rate).toBeGreaterThan(1);
  }
  expect(missing?.error).toContain("there is no subject never");
  const text = compareReport(rows, { shapes, targets: [] });
  expect(text).toContain("| (e) Theater, component in C");
  expect(text).toContain("(never) was not measured: it ended without being ready");
});

test("an increment that is lost, doubled or answered twice is found", () => {
  const answered = (values: readonly number[]) => () => {
    const counters = new Counters(1);
    for (const value of values) counters.check(0, { status: 200, body: String(value) });
    counters.settle();
  };
  expect(answered([2, 1, 3])).not.toThrow();
  expect(answered([1, 3])).toThrow("stands at 3 after 2");
  expect(answered([1, 1])).toThrow("stands at 1 after 2");
  expect(answered([1, 2, 2, 4])).toThrow("answered a number twice");
  expect(() => new Counters(1).check(0, { status: 503, body: "" })).toThrow("503");
});
