// What test/vectors/chain-v1.json holds. The file is fixed: other implementations rely on it, and
// `vectors.test.ts` fails when this code would write another one.

import { cidText, digestText, parseCid } from "../../src/chain/cid.ts";
import { encode } from "../../src/chain/cbor.ts";
import { decodeEvent } from "../../src/chain/event.ts";
import { toJson, type Json } from "../../src/chain/ndjson.ts";
import { Link, type Value } from "../../src/chain/value.ts";
import { toHex } from "../../src/lib/bytes.ts";
import { digestOf, rawLink, sampleChain, type ChainBuilder } from "./sample-chain.ts";

const ABOUT = [
  "Test vectors of Theater's chain format 1; docs/chain-format.md explains the rules.",
  'Values: links are {"/": "b…"}, bytes {"/": {"bytes": "<base64 without padding>"}}, integers beyond',
  '2^53 {"/": {"int": "<decimal>"}}. Blocks are hex. In a chain, `long` lists the raw blocks: `text`',
  "repeated `times` times.",
].join(" ");

const nested = (levels: number): Value => (levels === 0 ? [] : [nested(levels - 1)]);

const VALUES: readonly [name: string, value: Value][] = [
  ["zero", 0],
  ["largest immediate", 23],
  ["one byte", 24],
  ["largest one byte", 255],
  ["two bytes", 256],
  ["largest two bytes", 65_535],
  ["four bytes", 65_536],
  ["largest four bytes", 4_294_967_295],
  ["eight bytes", 4_294_967_296],
  ["largest safe integer", Number.MAX_SAFE_INTEGER],
  ["2^53", 2n ** 53n],
  ["largest u64", 2n ** 64n - 1n],
  ["minus one", -1],
  ["smallest immediate", -24],
  ["negative one byte", -25],
  ["smallest safe integer", Number.MIN_SAFE_INTEGER],
  ["-2^53", -(2n ** 53n)],
  ["smallest s64", -(2n ** 63n)],
  ["false", false],
  ["true", true],
  ["null", null],
  ["empty text", ""],
  ["text of two bytes a character", "é"],
  ["text beyond the basic plane", "😀"],
  ["text with a byte order mark", "\ufeffa"],
  ["composed and decomposed text differ", ["\u00e9", "e\u0301"]],
  ["text of 24 bytes", "a".repeat(24)],
  ["empty bytes", new Uint8Array()],
  ["bytes", new Uint8Array([0, 1, 255])],
  ["empty array", []],
  ["empty map", {}],
  ["keys in order", { b: 1, a: 2, aa: 3, é: 4, z: 5, "\uffff": 6, "😀": 7, "\ue000": 8, 𐀀: 9 }],
  ["keys that UTF-16 would order otherwise", { "😀": 2, "\uffffa": 1 }],
  ["nested to the limit", nested(63)],
  ["link to a block", new Link("dag-cbor", digestOf("block"))],
  ["link to content", rawLink("content")],
  ["WIT none", null],
  ["WIT some(none)", [null]],
  ["WIT ok(unit)", { ok: null }],
  ["WIT err(text)", { err: "no" }],
  ["WIT f64 -0", new Uint8Array([0x80, 0, 0, 0, 0, 0, 0, 0])],
  ["WIT f32 NaN", new Uint8Array([0x7f, 0xc0, 0, 0])],
];

const CID = `0001711220${"11".repeat(32)}`;
const link = (head: string, cid: string): string => head + cid;

/** Bytes that a reader must refuse; `because` is free text. */
const REFUSED: readonly [hex: string, because: string][] = [
  ["", "nothing"],
  ["0000", "a byte after the value"],
  ["1817", "23 in two bytes"],
  ["1900ff", "255 in three bytes"],
  ["1a0000ffff", "65,535 in five bytes"],
  ["1b00000000ffffffff", "2^32 - 1 in nine bytes"],
  ["3817", "-24 in two bytes"],
  ["18", "an integer cut off"],
  ["1c", "a reserved head"],
  ["1f", "an indefinite integer"],
  ["580100", "a length in two bytes where one does"],
  ["42ff", "bytes cut off"],
  ["5f4100ff", "bytes of indefinite length"],
  ["5bffffffffffffffff", "a length of 2^64 - 1"],
  ["7f6161ff", "text of indefinite length"],
  ["62c328", "invalid UTF-8"],
  ["62c0af", "overlong UTF-8"],
  ["63eda080", "a surrogate in UTF-8"],
  ["64f4908080", "a code point above U+10FFFF"],
  ["81", "an array cut off"],
  ["9bffffffffffffffff", "an array of 2^64 - 1 items"],
  ["9f00ff", "an array of indefinite length"],
  ["a16161", "a map cut off"],
  ["bf616100ff", "a map of indefinite length"],
  ["a2616200616100", "keys not in order"],
  ["a262616100616200", "a longer key before a shorter one"],
  ["a2616100616100", "a key twice"],
  ["a10000", "a key that is no text"],
  ["a16000", "an empty key"],
  [`a1790100${"61".repeat(256)}00`, "a key of 256 bytes"],
  [`${"81".repeat(64)}80`, "65 levels"],
  ["f7", "undefined"],
  ["f6f6", "two values"],
  ["f8f5", "true in two bytes"],
  ["e0", "a simple value"],
  ["ff", "a break"],
  ["f97e00", "a half float"],
  ["fa7fc00000", "a single float"],
  ["fb3ff0000000000000", "a double float"],
  ["c000", "tag 0"],
  ["c24101", "a bignum"],
  ["d9002a4100", "tag 42 in three bytes"],
  ["d82a00", "tag 42 around an integer"],
  [link("d82a5824", CID.slice(2)), "a link without the leading 00"],
  [link("d82a5825", CID.replace("0001", "0101")), "a link with another leading byte"],
  [link("d82a5825", CID.replace("7112", "7012")), "a link of codec dag-pb"],
  [link("d82a5825", CID.replace("7112", "711b")), "a link with keccak-256"],
  [link("d82a5824", CID.replace("1220", "121f").slice(0, -2)), "a link with a truncated digest"],
  [link("d82a5825", CID.replace("000171", "000012")), "a link of CIDv0 form"],
  [link("d82a5825", CID.slice(0, -2)), "a link cut off"],
  [link("d82a590025", CID), "a link's length in two bytes more than needed"],
];

export function makeVectors(): Record<string, Json> {
  const chain = sampleChain();
  return {
    about: ABOUT,
    values: VALUES.map(([name, value]) => ({ name, value: spelled(value), hex: hexOf(value) })),
    refused: REFUSED.map(([hex, because]) => ({ hex, because })),
    eventsRefused: eventsRefused(chain),
    chain: {
      actor: chain.actor,
      head: chain.head(),
      events: chain.lines.map(({ seq, cid, block, payload }) => ({
        seq,
        type: decodeEvent(block).type,
        cid,
        block: toHex(block),
        payload: payload && toHex(payload),
      })),
      long: chain.raw.map(({ digest, bytes }) => ({
        cid: cidText(new Link("raw", digest)),
        digest: digestText(digest),
        text: "a",
        times: bytes.length,
      })),
    },
  };
}

/** Canonical blocks that are no events: one rule of the event broken in each. */
function eventsRefused(chain: ChainBuilder): Json {
  const event = { ...decodeEvent(chain.lines[2]?.block ?? new Uint8Array()) };
  const { about: _, ...eight } = event;
  const broken: readonly [because: string, value: Value][] = [
    ["an array", [1]],
    ["eight keys", eight],
    ["ten keys", { ...event, note: "x" }],
    ["version 2", { ...event, v: 2 }],
    ["seq as text", { ...event, seq: "2" }],
    ["a negative turn", { ...event, turn: -1 }],
    ["time beyond 2^53", { ...event, time: 2n ** 53n }],
    ["an unknown type", { ...event, type: "message.lost" }],
    ["an about outside the vocabulary", { ...event, about: "hello" }],
    ["an about that another type has", { ...event, about: "a:b/c#d" }],
    ["an about above 128 bytes", { ...event, type: "host.called", about: `a#${"b".repeat(127)}` }],
    ["an actor in upper case", { ...event, actor: chain.actor.toUpperCase() }],
    ["no parent at seq 2", { ...event, parent: null }],
    ["a parent at seq 0", { ...event, seq: 0 }],
    ["a genesis at seq 2", { ...event, type: "actor.created", about: "" }],
    ["a raw parent", { ...event, parent: rawLink("x") }],
    ["a raw payload", { ...event, payload: rawLink("x") }],
    ["a payload inline", { ...event, payload: { kind: "send" } }],
  ];
  return broken.map(([because, value]) => ({ hex: hexOf(value), because }));
}

function hexOf(value: Value): string {
  return toHex(encode(value));
}

/** As `toJson`, but integers beyond 2^53 stay distinct from texts. */
function spelled(value: Value): Json {
  return typeof value === "bigint" ? { "/": { int: String(value) } } : toJson(value);
}

/** The value that `spelled` wrote. */
export function unspelled(json: unknown): Value {
  if (Array.isArray(json)) return json.map(unspelled);
  if (typeof json !== "object" || json === null) return json as Value;
  const special: unknown = "/" in json ? json["/"] : undefined;
  if (typeof special === "string") return parseCid(special);
  if (typeof special === "object" && special !== null) {
    if ("int" in special) return BigInt(String(special.int));
    if ("bytes" in special) return Buffer.from(String(special.bytes), "base64");
  }
  return Object.fromEntries(Object.entries(json).map(([key, value]) => [key, unspelled(value)]));
}
