import { expect, test } from "vitest";
import { decode, encode } from "../../src/chain/cbor.ts";
import { EVENT_TYPES, isAbout, type EventType } from "../../src/chain/event-types.ts";
import { decodeEvent, encodeEvent, type Event } from "../../src/chain/event.ts";
import { sha256 } from "../../src/chain/hash.ts";
import { isMap, PAYLOAD_FIELDS } from "../../src/chain/payload-fields.ts";
import { decodePayload, encodePayload } from "../../src/chain/payload.ts";
import { Link, type Value } from "../../src/chain/value.ts";
import { fromUtf8 } from "../../src/lib/bytes.ts";
import { sampleChain, saltOf } from "./sample-chain.ts";

const { lines } = sampleChain();
const salt = saltOf("payload");
const bad = expect.objectContaining({ code: "bad-block" });
const INLINE = 64 * 1024;

/** One payload of each type, as a map. */
const samples = lines.map(({ block, payload }): [EventType, { readonly [key: string]: Value }] => {
  const map = decode(payload ?? new Uint8Array());
  return [decodeEvent(block).type, isMap(map) ? map : expect.fail("not a map")];
});

test.each(samples)("%s: exactly its fields and a salt of 16 bytes", (type, map) => {
  expect(Object.keys(map).toSorted()).toEqual(
    [...Object.keys(PAYLOAD_FIELDS[type]), "salt"].toSorted(),
  );
  expect(decodePayload(type, encode(map))).toEqual(map);
  expect(() => decodePayload(type, encode({ ...map, extra: 1 }))).toThrow(bad);
  expect(() => decodePayload(type, encode({ ...map, salt: salt.slice(1) }))).toThrow(bad);
  for (const key of Object.keys(map)) {
    const { [key]: _, ...rest } = map;
    expect(() => decodePayload(type, encode(rest))).toThrow(bad);
  }
});

/** The fields that take any value; all others take one form. */
const OPEN = [
  "actor.created grants",
  "actor.created limits",
  "actor.stopped data",
  "actor.upgraded grants",
  "actor.upgraded limits",
  "actor.upgraded rehearsal",
  "actor.upgraded accepted",
  "actor.recovered evidence",
  "message.received from",
  "message.received params",
  "host.called result",
  "host.returned result",
  "turn.committed result",
  "turn.refused error",
  "supervision.decided cause",
  "supervision.decided steps",
  "admin.acted outcome",
];

test("only the fields that are free take just any value", () => {
  const link = new Link("raw", new Uint8Array(32));
  const takes = (type: EventType, map: Value): boolean => {
    try {
      decodePayload(type, encode(map));
      return true;
    } catch {
      return false;
    }
  };
  const free = samples.flatMap(([type, map]) =>
    Object.keys(PAYLOAD_FIELDS[type])
      .filter((key) =>
        [link, "text", 1, [1], {}].every((value) => takes(type, { ...map, [key]: value })),
      )
      .map((key) => `${type} ${key}`),
  );
  expect([...new Set(free)].toSorted()).toEqual(OPEN.toSorted());
});

test("a writer is refused what a reader would refuse", () => {
  // Types forbid these; a value that came over RPC has none.
  const fields = { reason: "r", attempt: 1, by: null, state: null };
  const write = (wrong: object, by = salt): unknown =>
    encodePayload("actor.started", wrong as typeof fields, by);
  expect(() => write({ reason: "r" })).toThrow(bad);
  expect(() => write({ ...fields, note: 1 })).toThrow(bad);
  expect(() => write({ ...fields, attempt: -1 })).toThrow(bad);
  expect(() => write({ ...fields, reason: "a".repeat(INLINE + 1) })).toThrow(bad);
  expect(() => write(fields, salt.slice(1))).toThrow(bad);
  expect(() => write(fields)).not.toThrow();
});

test("content above 64 KiB moves to a raw block, wherever it stands; at 64 KiB it stays", () => {
  const [text, bytes] = ["é".repeat(INLINE / 2), new Uint8Array(INLINE)];
  const [longText, longBytes] = [`${text}x`, new Uint8Array(INLINE + 1)];
  const args = [text, [{ deep: longText }], bytes, longBytes];
  const made = encodePayload("host.called", { args, outcome: "returned", result: null }, salt);
  expect(made.digest).toEqual(sha256(made.block));
  expect(made.raw.map((block) => block.bytes)).toEqual([fromUtf8(longText), longBytes]);
  expect(made.raw.map((block) => block.digest)).toEqual(
    made.raw.map((block) => sha256(block.bytes)),
  );
  const [first, second] = made.raw.map(({ digest }) => new Link("raw", digest));
  expect(decodePayload("host.called", made.block)).toEqual({
    args: [text, [{ deep: first }], bytes, second],
    outcome: "returned",
    result: null,
    salt,
  });
});

test("long content inline is refused", () => {
  const read = (result: Value): unknown =>
    decodePayload("host.called", encode({ args: [], outcome: "returned", result, salt }));
  expect(() => read(new Uint8Array(INLINE))).not.toThrow();
  expect(() => read(new Uint8Array(INLINE + 1))).toThrow(bad);
  expect(() => read("a".repeat(INLINE + 1))).toThrow(bad);
});

test("a payload has up to 1 MiB, not counting raw blocks", () => {
  const result = (pieces: number): Value =>
    Array.from({ length: pieces }, () => new Uint8Array(INLINE));
  const write = (pieces: number): unknown =>
    encodePayload("host.called", { args: [], outcome: "returned", result: result(pieces) }, salt);
  expect(() => write(15)).not.toThrow();
  expect(() => write(16)).toThrow(expect.objectContaining({ code: "too-large" }));
});

test("an event that a reader would refuse is not written", () => {
  const event = decodeEvent(lines[2]?.block ?? new Uint8Array());
  expect(encodeEvent(event).block).toEqual(lines[2]?.block);
  const wrong: Partial<Event>[] = [
    { seq: 0 },
    { parent: null },
    { about: "anything" },
    { time: 1.5 },
    { actor: "me" },
    { payload: new Link("raw", new Uint8Array(32)) },
  ];
  for (const change of wrong) expect(() => encodeEvent({ ...event, ...change })).toThrow(bad);
});

test("the longest event fits into 512 bytes", () => {
  const event = decodeEvent(lines[4]?.block ?? new Uint8Array());
  const most = Number.MAX_SAFE_INTEGER;
  const about = `a#${"b".repeat(126)}`;
  const longest: Event = {
    ...event,
    type: "host.intended",
    about,
    seq: most,
    time: most,
    turn: most,
  };
  const { block } = encodeEvent(longest);
  expect(block.length).toBeLessThanOrEqual(512);
  expect(decodeEvent(block)).toEqual(longest);
});

test("about holds WIT names and message kinds, and nothing that a user wrote", () => {
  expect(isAbout("host.called", "wasi:http/types@0.2.0#[method]fields.get")).toBe(true);
  const others = ["", "get", "a:b/c", "a:b/c#d e", "a:b/c#d\n", "a#b#c"];
  expect(others.filter((about) => isAbout("host.called", about))).toEqual([]);
  expect(isAbout("message.received", "child-notice")).toBe(true);
  expect(isAbout("message.received", "hello")).toBe(false);
  for (const type of EVENT_TYPES.filter((name) => !/^host\.|^message\./.test(name))) {
    expect(isAbout(type, "")).toBe(true);
    expect(isAbout(type, "send")).toBe(false);
  }
});
