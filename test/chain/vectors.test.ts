// The fixed vectors against this implementation. To write the file anew (a new format version only):
// WRITE_VECTORS=1 npx vitest run test/chain/vectors.test.ts

import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { decode, encode } from "../../src/chain/cbor.ts";
import { decodeEvent } from "../../src/chain/event.ts";
import { ChainVerifier } from "../../src/chain/verify.ts";
import { fromHex, toHex } from "../../src/lib/bytes.ts";
import { makeVectors, unspelled } from "./make-vectors.ts";

interface Vectors {
  values: { name: string; value: unknown; hex: string }[];
  refused: { hex: string; because: string }[];
  eventsRefused: { hex: string; because: string }[];
  chain: {
    actor: string;
    head: { seq: number; cid: string };
    events: { seq: number; cid: string; block: string; payload: string }[];
  };
}

const PATH = "test/vectors/chain-v1.json";
if (process.env.WRITE_VECTORS) writeFileSync(PATH, `${JSON.stringify(makeVectors(), null, 2)}\n`);
const text = readFileSync(PATH, "utf8");
const vectors: Vectors = JSON.parse(text);
const bytesOf = (hex: string): Uint8Array => fromHex(hex) ?? expect.fail(`not hex: ${hex}`);
const refusal = expect.objectContaining({ code: "bad-block" });

test("the vectors are what this implementation writes", () => {
  expect(JSON.parse(JSON.stringify(makeVectors()))).toEqual(JSON.parse(text));
});

test.each(vectors.values)("$name has one encoding", ({ value, hex }) => {
  expect(toHex(encode(unspelled(value)))).toBe(hex);
  expect(encode(decode(bytesOf(hex)))).toEqual(bytesOf(hex));
  expect(decode(bytesOf(hex))).toEqual(decode(encode(unspelled(value))));
});

test.each(vectors.refused)("refuses $because", ({ hex }) => {
  expect(() => decode(bytesOf(hex))).toThrow(refusal);
});

test.each(vectors.eventsRefused)("refuses an event with $because", ({ hex }) => {
  expect(() => decode(bytesOf(hex))).not.toThrow();
  expect(() => decodeEvent(bytesOf(hex))).toThrow(refusal);
});

test("the chain is verified", () => {
  const { actor, head, events } = vectors.chain;
  const verifier = new ChainVerifier({ actor });
  for (const { seq, cid, block, payload } of events) {
    verifier.next({ seq, cid, block: bytesOf(block), payload: bytesOf(payload) });
  }
  expect(verifier.finish(head)).toMatchObject({ verdict: "verified", events: events.length });
});
