// What differs between two states, and that the answer stays short whatever they are.

import { expect, test } from "vitest";
import { diffStates, diffText } from "../../src/cli/state-diff.ts";
import { fromUtf8 } from "../../src/lib/bytes.ts";

const json = (value: unknown): Uint8Array => fromUtf8(JSON.stringify(value));
const text = (before: Uint8Array | null, after: Uint8Array | null): string[] =>
  diffText(diffStates(before, after)).split("\n");

test("of JSON each path that was added, removed or changed is named, as RFC 6901 spells it", () => {
  const before = { kept: [1, { x: 1 }], "a/b": 1, "m~n": null, gone: "x", type: [1] };
  const after = { kept: [1, { x: 2 }, 3], "a/b": 2, "m~n": null, new: {}, type: { 0: 1 } };
  expect(text(json(before), json(after))).toEqual([
    "~ /kept/1/x  1 → 2",
    "+ /kept/2  3",
    "~ /a~1b  1 → 2",
    '- /gone  "x"',
    '~ /type  [1] → {"0":1}',
    "+ /new  {}",
  ]);
});

test("a key of JSON may have any name", () => {
  expect(text(fromUtf8('{"__proto__":1}'), fromUtf8('{"__proto__":2}'))).toEqual([
    "~ /__proto__  1 → 2",
  ]);
});

test("of other bytes the place is named where they part", () => {
  expect(text(Uint8Array.of(1, 2, 3), Uint8Array.of(1, 2, 4, 5))).toEqual([
    "3 bytes → 4 bytes",
    "they part at byte 2: 0x03 → 0x0405",
  ]);
  expect(text(json(1), null)).toEqual([
    "1 bytes → none",
    "they part at byte 0: 0x31 → (ends there)",
  ]);
  // The same JSON in another spelling is another state.
  expect(text(fromUtf8("[1]"), fromUtf8("[ 1]"))[1]).toBe("they part at byte 1: 0x315d → 0x20315d");
});

test("equal states differ in nothing, and no state is not an empty one", () => {
  expect(diffStates(null, null)).toEqual({ kind: "equal", bytes: null });
  expect(diffStates(json("x"), json("x"))).toEqual({ kind: "equal", bytes: 3 });
  expect(diffStates(null, new Uint8Array())).toMatchObject({ kind: "bytes", after: 0 });
});

test("however much differs, and however deep, the answer is short", () => {
  const many = diffStates(json([]), json(Array.from({ length: 10_000 }, (_, n) => n)));
  expect(many).toMatchObject({ kind: "json", more: true });
  expect(diffText(many).split("\n").length).toBe(201);
  const deep = (inner: string): Uint8Array =>
    fromUtf8("[".repeat(50_000) + inner + "]".repeat(50_000));
  expect(diffText(diffStates(deep("1"), deep("2"))).length).toBeLessThan(1_000);
  const [line = ""] = text(json({ a: "x".repeat(100_000) }), json({ a: "y" }));
  expect(line.length).toBeLessThan(300);
});

test("what a state says cannot move a cursor", () => {
  expect(
    text(json({ a: 1 }), json({ a: 1, "\u001b[2J": "\u001b[31m\u0007" })).join(""),
  ).not.toMatch(/\p{Cc}/u);
});
