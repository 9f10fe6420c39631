// Goal: conversions are exact inverses for every type, and what does not fit its type is refused with
// the path to it.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Link, type Value } from "../../src/chain/value.ts";
import { fromJson, toJson } from "../../src/executor/wit-json.ts";
import type { WitType } from "../../src/executor/wit-type.ts";
import { camelCase, fromValue, toValue } from "../../src/executor/wit-value.ts";
import { toHex } from "../../src/lib/bytes.ts";
import { arbitraryType, arbitraryValue } from "./arbitrary-values.ts";

const typed = arbitraryType.chain((type) =>
  arbitraryValue(type, { throughGuest: false }).map((value) => ({ type, value })),
);

test("a recorded value survives the way to jco's form and back", () => {
  fc.assert(
    fc.property(typed, ({ type, value }) => {
      expect(toValue(type, fromValue(type, value))).toEqual(value);
    }),
    { numRuns: 500 },
  );
});

test("a recorded value survives the way to JSON text and back", () => {
  fc.assert(
    fc.property(typed, ({ type, value }) => {
      expect(fromJson(type, JSON.parse(JSON.stringify(toJson(type, value))))).toEqual(value);
    }),
    { numRuns: 500 },
  );
});

const hex = (value: Value): string => toHex(value as Uint8Array);

test("floats are recorded as their big-endian bytes, with one NaN", () => {
  expect(hex(toValue("f64", 1.5))).toBe("3ff8000000000000");
  expect(hex(toValue("f64", -0))).toBe("8000000000000000");
  expect(hex(toValue("f32", -Infinity))).toBe("ff800000");
  expect(hex(toValue("f32", Number.NaN))).toBe("7fc00000");
  expect(hex(toValue("f64", Number.NaN))).toBe("7ff8000000000000");
  const otherNaN = Uint8Array.from([0x7f, 0xf8, 0, 0, 0, 0, 0, 1]);
  expect(() => fromValue("f64", otherNaN)).toThrow("NaN");
});

test("values are recorded in the form that the chain's specification gives", () => {
  const shape: WitType = {
    variant: [
      ["dark-green", "u8"],
      ["none", null],
    ],
  };
  expect(toValue(shape, { tag: "dark-green", val: 3 })).toEqual({ "dark-green": 3 });
  expect(toValue(shape, { tag: "none" })).toEqual({ none: null });
  expect(toValue({ option: "u8" }, undefined)).toBeNull();
  expect(toValue({ option: "u8" }, 0)).toEqual([0]);
  expect(toValue({ option: { option: "u8" } }, { tag: "some", val: undefined })).toEqual([null]);
  const nothing: WitType = { result: { ok: null, err: "string" } };
  expect(toValue(nothing, { tag: "ok", val: undefined })).toEqual({ ok: null });
  expect(toValue({ record: [["x-pos", "u8"]] }, { xPos: 1 })).toEqual({ "x-pos": 1 });
  const flags: WitType = { flags: ["read", "write-all", "x1"] };
  expect(toValue(flags, { x1: true, read: true, writeAll: false })).toEqual(["read", "x1"]);
  expect(toValue("u64", 5n)).toBe(5);
  expect(toValue("u64", 2n ** 53n)).toBe(2n ** 53n);
  expect(toValue({ list: "u8" }, [1, 2])).toEqual(Uint8Array.of(1, 2));
  expect(toValue({ list: "u64" }, BigUint64Array.of(1n))).toEqual([1]);
  expect(toValue({ list: "s8" }, Int8Array.of(-1))).toEqual([-1]);
  expect(Object.is(toValue("s32", -0), 0)).toBe(true);
});

const PERSON: WitType = {
  record: [
    ["name", "string"],
    ["tags", { list: { option: "u8" } }],
  ],
};

test.each<[string, WitType, unknown, string]>([
  ["a number above its type", "u8", 256, "the value: it must be a u8"],
  ["a fraction", "s32", 1.5, "a s32"],
  ["a number for a bigint", "u64", 5, "a u64 as a bigint"],
  ["a bigint above its type", "s64", 2n ** 63n, "a s64"],
  ["two characters", "char", "ab", "one character"],
  ["half a character", "char", "\ud800", "one character"],
  ["half a character in a text", "string", "a\udc00", "a text"],
  ["an unknown case", { enum: ["red"] }, "blue", "one of red"],
  ["a payload too many", { variant: [["none", null]] }, { tag: "none", val: 1 }, ".none"],
  ["a tuple too long", { tuple: ["u8"] }, [1, 2], "a list of 1"],
  ["a missing field", PERSON, { name: "x" }, "the value at .tags"],
  ["a field too many", PERSON, { name: "x", tags: [], age: 3 }, "the value at .age"],
  ["an inherited field", { record: [["constructor", "u8"]] }, {}, "the value at .constructor"],
  [
    "a wrong element",
    PERSON,
    { name: "x", tags: [1, undefined, "2"] },
    ".tags[2]: it must be a u8",
  ],
  ["an unknown flag", { flags: ["read"] }, { write: true }, ".write"],
  ["a byte too large", { list: "u8" }, [1, 256], "[1]"],
])("%s is refused with its path", (_, type, js, message) => {
  expect(() => toValue(type, js)).toThrow(message);
  expect(() => toValue(type, js)).toThrow(expect.objectContaining({ code: "bad-request" }));
});

test.each<[string, WitType, Value]>([
  ["a float that is not bytes", "f64", 1],
  ["a float of the wrong size", "f64", new Uint8Array(4)],
  ["an option without brackets", { option: "u8" }, 1],
  ["an option with two values", { option: "u8" }, [1, 2]],
  [
    "a link as a record",
    { record: [["digest", { list: "u8" }]] },
    new Link("raw", new Uint8Array(32)),
  ],
  [
    "two cases",
    {
      variant: [
        ["a", "u8"],
        ["b", "u8"],
      ],
    },
    { a: 1, b: 1 },
  ],
  ["flags out of order", { flags: ["a", "b"] }, ["b", "a"]],
  ["a flag twice", { flags: ["a", "b"] }, ["a", "a"]],
  ["a record with a field too many", { record: [["a", "u8"]] }, { a: 1, b: 1 }],
  ["text for bytes", { list: "u8" }, "AA=="],
  ["an integer out of range", "u64", -1],
])("a recorded value that is %s is refused", (_, type, value) => {
  expect(() => fromValue(type, value)).toThrow(expect.objectContaining({ code: "bad-request" }));
  expect(() => toJson(type, value)).toThrow(expect.objectContaining({ code: "bad-request" }));
});

describe("JSON as people write it", () => {
  test("it is plain", () => {
    const type: WitType = {
      record: [
        ["id", "u64"],
        ["big", "u64"],
        ["body", { option: { list: "u8" } }],
        [
          "kind",
          {
            variant: [
              ["raw", null],
              ["other", "string"],
            ],
          },
        ],
        ["twice", { option: { option: "bool" } }],
        ["rate", { list: "f64" }],
      ],
    };
    const value = fromJson(type, {
      id: 7,
      big: "18446744073709551615",
      kind: "raw",
      twice: { some: null },
      rate: [1, "-0", "NaN"],
    });
    expect(value).toMatchObject({
      id: 7,
      big: 2n ** 64n - 1n,
      body: null,
      kind: { raw: null },
      twice: [null],
    });
    expect(toJson(type, value)).toEqual({
      id: 7,
      big: "18446744073709551615",
      body: null,
      kind: "raw",
      twice: { some: null },
      rate: [1, "-0", "NaN"],
    });
    expect(fromJson({ list: "u8" }, "AAH/")).toEqual(Uint8Array.of(0, 1, 255));
    expect(fromJson({ flags: ["a", "b"] }, ["b", "a"])).toEqual(["a", "b"]);
    expect(fromJson({ variant: [["raw", null]] }, { raw: null })).toEqual({ raw: null });
    expect(toJson({ result: { ok: null, err: "string" } }, { ok: null })).toEqual({ ok: null });
  });

  test.each<[string, WitType, unknown]>([
    ["bytes that are not base64", { list: "u8" }, "%%"],
    ["bytes as numbers", { list: "u8" }, [1, 2]],
    ["an unsafe number", "u64", 2 ** 60],
    ["a decimal above its type", "u64", "18446744073709551616"],
    ["a long decimal", "u64", "1".repeat(100_000)],
    ["a number as text", "u32", "1"],
    ["a field that no type has", PERSON, { name: "", tags: [], __proto__x: 1 }],
    ["a flag twice", { flags: ["a", "b"] }, ["a", "a"]],
    ["an unknown flag", { flags: ["a"] }, ["c"]],
    ["a case with no payload where one is needed", { variant: [["a", "u8"]] }, "a"],
    ["a bare value in a nested option", { option: { option: "u8" } }, 3],
  ])("%s is refused", (_, type, json) => {
    expect(() => fromJson(type, json)).toThrow(expect.objectContaining({ code: "bad-request" }));
  });
});

test("names are written as jco writes them", () => {
  expect(["x-pos", "a1-b2", "URL-of", "plain", "to-JSON"].map(camelCase)).toEqual([
    "xPos",
    "a1B2",
    "urlOf",
    "plain",
    "toJson",
  ]);
});
