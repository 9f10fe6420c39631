import fc from "fast-check";
import { base32 } from "multiformats/bases/base32";
import { CID } from "multiformats/cid";
import { create } from "multiformats/hashes/digest";
import { expect, test } from "vitest";
import { actorId, isActorId } from "../../src/chain/actor-id.ts";
import { fromBase32, toBase32 } from "../../src/chain/base32.ts";
import { cidText, digestText, parseCid, parseDigest } from "../../src/chain/cid.ts";
import { sha256 } from "../../src/chain/hash.ts";
import { Link } from "../../src/chain/value.ts";

const digest = fc.uint8Array({ minLength: 32, maxLength: 32 });
const refusal = expect.objectContaining({ code: "bad-request" });

test("base32 is what the public library writes, and reads back", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 50 }), (bytes) => {
      expect(`b${toBase32(bytes)}`).toBe(base32.encode(bytes));
      expect(fromBase32(toBase32(bytes))).toEqual(bytes);
    }),
  );
});

test("bytes have one spelling in base32", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom("a", "b", "z", "2", "7"), maxLength: 20 }),
      (text) => {
        const bytes = fromBase32(text);
        expect(bytes === undefined || toBase32(bytes) === text).toBe(true);
      },
    ),
  );
  const misspelt = ["a", "ab", "aA", "a1", "aaa", "aaaaaa"];
  expect(misspelt.map(fromBase32)).toEqual(misspelt.map(() => undefined));
});

test("a link is spelled as the public library spells its CID", () => {
  fc.assert(
    fc.property(digest, fc.boolean(), (bytes, isRaw) => {
      const link = new Link(isRaw ? "raw" : "dag-cbor", bytes);
      const cid = CID.createV1(isRaw ? 0x55 : 0x71, create(0x12, bytes));
      expect(cidText(link)).toBe(cid.toString());
      expect(parseCid(cid.toString())).toEqual(link);
    }),
  );
});

test("CIDs of other kinds are refused", () => {
  const bytes = sha256(new Uint8Array());
  const good = cidText(new Link("raw", bytes));
  const others = [
    "",
    good.toUpperCase(),
    good.slice(0, -1),
    `${good}a`,
    good.slice(1),
    `z${good.slice(1)}`,
    CID.createV1(0x70, create(0x12, bytes)).toString(),
    CID.createV1(0x71, create(0x1b, bytes)).toString(),
    CID.createV0(create(0x12, bytes)).toString(),
    `${good.slice(0, -1)}${good.endsWith("b") ? "c" : "b"}`,
  ];
  for (const text of others) expect(() => parseCid(text)).toThrow(refusal);
});

test("a digest is spelled in hex and read back", () => {
  fc.assert(
    fc.property(digest, (bytes) => {
      expect(parseDigest(digestText(bytes))).toEqual(bytes);
    }),
  );
  const empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  expect(digestText(sha256(new Uint8Array()))).toBe(empty);
  for (const text of [
    "",
    empty.slice(7),
    empty.toUpperCase(),
    `${empty}00`,
    "sha256:00",
    `md5:${empty.slice(7)}`,
  ]) {
    expect(parseDigest(text)).toBeUndefined();
  }
});

test("an actor's id is 32 characters of the hash of its genesis", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (genesis) => {
      expect(actorId(genesis)).toBe(base32.encode(sha256(genesis).slice(0, 20)).slice(1));
      expect(isActorId(actorId(genesis))).toBe(true);
    }),
  );
  for (const text of ["", "a".repeat(31), "a".repeat(33), "A".repeat(32), "1".repeat(32)]) {
    expect(isActorId(text)).toBe(false);
  }
});
