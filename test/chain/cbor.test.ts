// The codec against itself and against the public one: what it writes has one reading, and what it
// reads has one spelling.

import * as dagCbor from "@ipld/dag-cbor";
import fc from "fast-check";
import { CID } from "multiformats/cid";
import { create } from "multiformats/hashes/digest";
import { expect, test } from "vitest";
import { BLOCK_BYTES_MAX, decode, DEPTH_MAX, encode } from "../../src/chain/cbor.ts";
import { Link, type Value } from "../../src/chain/value.ts";
import { concat, equalBytes, fromUtf8, toHex } from "../../src/lib/bytes.ts";
import { TheaterError } from "../../src/lib/errors.ts";

const CODES = { "dag-cbor": 0x71, raw: 0x55 } as const;

const integer = fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n - 1n });
const text = fc.string({ unit: "binary", maxLength: 200 });
const key = fc.string({ unit: "binary", minLength: 1, maxLength: 60 });
const link = fc
  .tuple(
    fc.constantFrom("dag-cbor" as const, "raw" as const),
    fc.uint8Array({ minLength: 32, maxLength: 32 }),
  )
  .map(([codec, digest]) => new Link(codec, digest));
const { value } = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.constantFrom<Value>(null, true, false, "__proto__"),
    fc.maxSafeInteger().map((n) => (Object.is(n, -0) ? 0 : n)),
    integer,
    fc.nat(300),
    text,
    fc.uint8Array({ maxLength: 300 }),
    link,
    fc.array(tie("value"), { maxLength: 30 }),
    fc.dictionary(key, tie("value"), { maxKeys: 30, noNullPrototype: true }),
  ),
}));

/** The same value as the public codec's data model spells it. */
function toPublic(from: Value): unknown {
  if (from instanceof Link) return CID.createV1(CODES[from.codec], create(0x12, from.digest));
  if (Array.isArray(from)) return from.map(toPublic);
  if (typeof from !== "object" || from === null || from instanceof Uint8Array) return from;
  return Object.fromEntries(Object.entries(from).map(([name, field]) => [name, toPublic(field)]));
}

/** Bigints that are safe integers read back as numbers: one value, one reading. */
function normal(from: Value): Value {
  if (typeof from === "bigint") return Number.isSafeInteger(Number(from)) ? Number(from) : from;
  if (Array.isArray(from)) return from.map(normal);
  if (typeof from !== "object" || from === null) return from;
  if (from instanceof Uint8Array || from instanceof Link) return from;
  return Object.fromEntries(Object.entries(from).map(([name, field]) => [name, normal(field)]));
}

/** The value, or why it was refused; anything but a refusal fails the test. */
function outcomeOf(act: () => Value): { value: Value } | { problem: unknown } {
  try {
    return { value: act() };
  } catch (error) {
    if (error instanceof TheaterError) return { problem: error.evidence?.problem ?? error.code };
    throw error;
  }
}

function problemOf(act: () => Uint8Array | Value): unknown {
  const outcome = outcomeOf(act);
  return "problem" in outcome ? outcome.problem : undefined;
}

test("what is encoded is read back", () => {
  fc.assert(
    fc.property(value, (any) => {
      expect(decode(encode(any))).toEqual(normal(any));
    }),
  );
});

test("the order of keys in an object does not matter", () => {
  fc.assert(
    fc.property(fc.dictionary(key, fc.nat(), { noNullPrototype: true }), (map) => {
      const reversed = Object.fromEntries(Object.entries(map).toReversed());
      expect(encode(reversed)).toEqual(encode(map));
    }),
  );
});

test("the public codec writes the same bytes and reads the same values", () => {
  fc.assert(
    fc.property(value, (any) => {
      const block = encode(any);
      const theirs = toPublic(any);
      expect(toHex(dagCbor.encode(theirs))).toBe(toHex(block));
      expect(toHex(dagCbor.encode(dagCbor.decode(block)))).toBe(toHex(block));
      expect(dagCbor.decode(block)).toEqual(toPublic(normal(any)));
    }),
  );
});

test("whatever is read is canonical: it encodes to the same bytes", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.tuple(value, fc.nat(), fc.nat(255)).map(([any, at, byte]) => {
      const block = encode(any);
      block[at % block.length] = byte;
      return block;
    }),
  );
  let [accepted, refused] = [0, 0];
  fc.assert(
    fc.property(bytes, (block) => {
      const read = outcomeOf(() => decode(block));
      if ("problem" in read) refused++;
      else accepted++;
      expect("problem" in read ? block : encode(read.value)).toEqual(block);
    }),
    { numRuns: 3000 },
  );
  expect(Math.min(accepted, refused)).toBeGreaterThan(100);
});

test("what was read shares no memory with the block", () => {
  const block = Buffer.from(
    encode([new Uint8Array([1, 2, 3]), new Link("raw", new Uint8Array(32))]),
  );
  const read = decode(block);
  block.fill(0xff);
  expect(read).toEqual([new Uint8Array([1, 2, 3]), new Link("raw", new Uint8Array(32))]);
});

test("a map may have any key, also the name of the prototype", () => {
  const map = Object.fromEntries([["__proto__", { a: 1 }]]);
  const read = decode(encode(map));
  expect(Object.entries(read ?? {})).toEqual([["__proto__", { a: 1 }]]);
  expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
});

test.each([
  ["a lone surrogate", "a\ud800"],
  ["a lone surrogate in a long text", `${"a".repeat(300)}\udc00`],
  ["a lone surrogate in a key", { "\ud800": 1 }],
  ["a fraction", 0.5],
  ["NaN", Number.NaN],
  ["infinity", Number.POSITIVE_INFINITY],
  ["-0", -0],
  ["a number that is not safe", 2 ** 53],
  ["an integer of 65 bits", 2n ** 64n],
  ["a negative integer of 66 bits", -(2n ** 64n) - 1n],
  ["undefined", undefined],
  ["undefined in a map", { a: undefined }],
  ["a hole in an array", Array.from({ length: 1 })],
  ["a function", () => 1],
  ["a symbol", Symbol("s")],
  ["a date", new Date(0)],
  ["a Map", new Map()],
  ["an ArrayBuffer", new ArrayBuffer(1)],
  ["a link with a short digest", new Link("raw", new Uint8Array(31))],
  ["an empty key", { "": 1 }],
  ["a key of 256 bytes", { ["é".repeat(128)]: 1 }],
])("there is no encoding of %s", (_, unfit) => {
  // The type says so too; what arrives from a guest or from RPC has no type.
  expect(problemOf(() => encode(unfit as Value))).toBe("bad-block");
  expect(encode([1])).toEqual(new Uint8Array([0x81, 1])); // and a refusal leaves nothing behind
});

test("a key has up to 255 bytes", () => {
  const map = { [`a${"é".repeat(127)}`]: 1 };
  expect(decode(encode(map))).toEqual(map);
});

test("values nest up to the limit and no further", () => {
  const nest = (levels: number): Value => (levels === 0 ? 0 : [nest(levels - 1)]);
  const block = (levels: number): Uint8Array => new Uint8Array(levels + 1).fill(0x81, 0, levels);
  expect(encode(nest(DEPTH_MAX))).toEqual(block(DEPTH_MAX));
  expect(decode(block(DEPTH_MAX))).toEqual(nest(DEPTH_MAX));
  expect(problemOf(() => encode(nest(DEPTH_MAX + 1)))).toBe("bad-block");
  expect(problemOf(() => decode(block(DEPTH_MAX + 1)))).toMatch(/nest/);
  expect(problemOf(() => decode(new Uint8Array(100_000).fill(0x81)))).toMatch(/nest/);
});

test("a block has up to 1 MiB", () => {
  const fits = new Uint8Array(BLOCK_BYTES_MAX - 5);
  expect(equalBytes(decode(encode(fits)) as Uint8Array, fits)).toBe(true); // toEqual takes seconds
  const over = new Uint8Array(BLOCK_BYTES_MAX - 4);
  expect(problemOf(() => encode(over))).toBe("too-large");
  expect(problemOf(() => encode("a".repeat(2 * BLOCK_BYTES_MAX)))).toBe("too-large");
  const spelled = concat([new Uint8Array([0x5a, 0, 0x0f, 0xff, 0xfc]), over]);
  expect(problemOf(() => decode(spelled))).toBe("the block is too large");
});

test("long content goes where it is told, and only that", () => {
  const spilled: Uint8Array[] = [];
  const put = (content: Uint8Array): Link => {
    spilled.push(content);
    return new Link("raw", new Uint8Array(32));
  };
  const [short, long] = ["é".repeat(150), "é".repeat(151)];
  const block = encode([short, long, fromUtf8(short), fromUtf8(long)], { above: 300, put });
  const gone = new Link("raw", new Uint8Array(32));
  expect(decode(block, 300)).toEqual([short, gone, fromUtf8(short), gone]);
  expect(spilled).toEqual([fromUtf8(long), fromUtf8(long)]);
  expect(problemOf(() => decode(block, 299))).toBe("long content must be a link");
});
