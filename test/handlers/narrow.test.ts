// Goal: no way of meeting two grants ever gives more than either. Method: for each building block, random
// pairs of grants and a question that says what a grant allows; the block's answers are compared with the
// answers of both sides.

import fc from "fast-check";
import { expect, test } from "vitest";
import type { Value } from "../../src/chain/value.ts";
import {
  both,
  common,
  coversHost,
  coversName,
  coversPath,
  either,
  greatest,
  least,
  narrowing,
  nested,
  type Meet,
} from "../../src/handlers/narrow.ts";
import { HANDLERS } from "../../src/handlers/registry.ts";

interface Block {
  meet: Meet;
  grants: fc.Arbitrary<Value>;
  /** What may be asked of a grant… */
  questions: fc.Arbitrary<Value>;
  /** …and whether it allows that. */
  allows: (grant: Value, question: Value) => boolean;
}

const label = fc.constantFrom("a", "b", "c");
const host = fc.array(label, { minLength: 1, maxLength: 3 }).map((labels) => labels.join("."));
const hostPattern = fc.oneof(
  host,
  host.map((name) => `*.${name}`),
  fc.constant("*"),
);
const path = fc.array(label, { maxLength: 3 }).map((labels) => `/${labels.join("/")}`);
const name = fc
  .array(fc.constantFrom("A", "B", "_"), { minLength: 1, maxLength: 4 })
  .map((letters) => letters.join(""));
const namePattern = fc.oneof(
  name,
  name.map((prefix) => `${prefix}*`),
  fc.constant("*"),
);
const listOf = (each: fc.Arbitrary<string>) => fc.array(each, { maxLength: 4 });
const some = (covers: (outer: string, inner: string) => boolean) => (grant: Value, asked: Value) =>
  (grant as string[]).some((pattern) => covers(pattern, asked as string));

const numbers = fc.oneof(fc.nat(20), fc.bigInt(0n, 20n));

const BLOCKS: Record<string, Block> = {
  least: {
    meet: least,
    grants: numbers,
    questions: numbers,
    allows: (grant, asked) => Number(asked) <= Number(grant),
  },
  greatest: {
    meet: greatest,
    grants: numbers,
    questions: numbers,
    allows: (grant, asked) => Number(asked) >= Number(grant),
  },
  both: {
    meet: both,
    grants: fc.boolean(),
    questions: fc.constant(null),
    allows: (grant) => grant === true,
  },
  common: {
    meet: common,
    grants: listOf(name),
    questions: name,
    allows: (grant, asked) => (grant as string[]).includes(asked as string),
  },
  either: {
    meet: either,
    grants: listOf(name),
    questions: name,
    allows: (grant, asked) => !(grant as string[]).includes(asked as string),
  },
  hosts: {
    meet: nested(coversHost),
    grants: listOf(hostPattern),
    questions: host,
    allows: some(coversHost),
  },
  paths: {
    meet: nested(coversPath),
    grants: listOf(path),
    questions: path,
    allows: some(coversPath),
  },
  names: {
    meet: nested(coversName),
    grants: listOf(namePattern),
    questions: name,
    allows: some(coversName),
  },
};

const blocks = Object.entries(BLOCKS);

test.for(blocks)("%s: allows exactly what both sides allow", (block) => {
  const [, { meet, grants, questions, allows }] = block;
  fc.assert(
    fc.property(grants, grants, questions, (held, asked, question) => {
      const met = meet(held, asked);
      expect(allows(met, question)).toBe(allows(held, question) && allows(asked, question));
    }),
    { numRuns: 2_000 },
  );
});

test.for(blocks)("%s: the order of the two sides does not matter", (block) => {
  const [, { meet, grants, questions, allows }] = block;
  fc.assert(
    fc.property(grants, grants, questions, (held, asked, question) => {
      expect(allows(meet(held, asked), question)).toBe(allows(meet(asked, held), question));
    }),
    { numRuns: 1_000 },
  );
});

test.for(blocks)("%s: met with itself or again, a grant stays what it is", (block) => {
  const [, { meet, grants, questions, allows }] = block;
  fc.assert(
    fc.property(grants, grants, questions, (held, asked, question) => {
      const met = meet(held, asked);
      expect(allows(meet(held, held), question)).toBe(allows(held, question));
      expect(meet(met, asked)).toEqual(met);
      expect(meet(met, met)).toEqual(met);
    }),
    { numRuns: 1_000 },
  );
});

// The original let a child reach every host when its parent's list was absent.
test("a key that one side lacks comes out absent, never as the other's", () => {
  const narrow = narrowing({ hosts: common, bytes: least, write: both });
  const all = { hosts: ["a"], bytes: 5, write: true };
  expect(narrow({}, all)).toEqual({});
  expect(narrow(all, {})).toEqual({});
  expect(narrow(null, all)).toEqual({});
  expect(narrow(all, { hosts: ["a", "b"], unknown: true })).toEqual({ hosts: ["a"] });
});

test("a value of the wrong type allows nothing", () => {
  expect([least("9", 3), both("yes", true), common("abc", ["a"]), common(["a"], [1])]).toEqual([
    0,
    false,
    [],
    [],
  ]);
});

test.for<[boolean, string, string]>([
  [true, "*.example.com", "api.example.com"],
  [true, "*.example.com", "a.b.example.com"],
  [true, "*.example.com", "*.b.example.com"],
  [false, "*.example.com", "example.com"],
  [false, "*.example.com", "badexample.com"],
  [false, "*.example.com", "*"],
  [false, "example.com", "*.example.com"],
  [false, "*.b.example.com", "*.example.com"],
])("%s: %s covers %s", ([covers, outer, inner]) => {
  expect(coversHost(outer, inner)).toBe(covers);
});

test.for<[boolean, string, string]>([
  [true, "/", "/a"],
  [true, "/a", "/a/b"],
  [true, "/a/", "/a/b"],
  [false, "/a", "/ab"],
  [false, "/a/b", "/a"],
])("%s: %s covers %s", ([covers, outer, inner]) => {
  expect(coversPath(outer, inner)).toBe(covers);
});

test.for(HANDLERS.map((handler) => [handler.type, handler] as const))(
  "%s: its default grant, met with itself, is itself, and with nothing is nothing",
  ([, { config, narrow }]) => {
    const parsed = config.safeParse({});
    if (!parsed.success) return; // its tables cannot be empty: the handler's own test has a table
    expect(narrow(parsed.data, parsed.data)).toEqual(parsed.data);
    expect(narrow({}, parsed.data)).toEqual({});
  },
);
