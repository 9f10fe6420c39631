// Tampering: whatever is done to a chain, the report names the first event that is bad. Two kinds of
// readers are tried: one whose listing gives each event's CID, and one who knows nothing but the head.

import fc from "fast-check";
import { expect, test } from "vitest";
import { cidText } from "../../src/chain/cid.ts";
import { EVENT_TYPES } from "../../src/chain/event-types.ts";
import { decodeEvent, encodeEvent, type Event } from "../../src/chain/event.ts";
import { sha256 } from "../../src/chain/hash.ts";
import type { Line } from "../../src/chain/ndjson.ts";
import { decodePayload, encodePayload } from "../../src/chain/payload.ts";
import { Link } from "../../src/chain/value.ts";
import { ChainVerifier, type Expectation, type Report } from "../../src/chain/verify.ts";
import { ChainBuilder, ERASED, fullChain, genesis, saltOf } from "./sample-chain.ts";

type Head = { seq: number; cid: string };
const chain = fullChain();
const { lines, actor } = chain;
const head = chain.head();
const position = fc.nat(lines.length - 1);

function verify(
  entries: readonly Line[],
  how: { listed?: boolean; head?: Head; expect?: Expectation } = {},
): Report {
  const verifier = new ChainVerifier(how.expect ?? {});
  for (const { seq, cid, block, payload } of entries) {
    verifier.next({ seq, block, payload, ...(how.listed && { cid }) });
  }
  return verifier.finish(how.head);
}

const line = (seq: number): Line => lines[seq] ?? expect.fail(`no line ${seq}`);
const edited = (seq: number, edit: Partial<Line>): Line[] =>
  lines.with(seq, { ...line(seq), ...edit });

function flipped(bytes: Uint8Array, at: number, mask: number): Uint8Array {
  const copy = new Uint8Array(bytes);
  copy[at % copy.length] = (copy[at % copy.length] ?? 0) ^ mask;
  return copy;
}

/** The line at `seq` rewritten with other fields, listed with its own, fitting CID. */
function forged(seq: number, change: Partial<Event>): Line {
  const { block, digest } = encodeEvent({ ...decodeEvent(line(seq).block), ...change });
  return { ...line(seq), block, cid: cidText(new Link("dag-cbor", digest)) };
}

test("a chain with every type of event is verified", () => {
  expect(new Set(lines.map(({ block }) => decodeEvent(block).type))).toEqual(new Set(EVENT_TYPES));
  const good = { verdict: "verified", actor, events: lines.length, head, firstBad: null };
  for (const listed of [true, false]) {
    expect(verify(lines, { listed, head, expect: { actor } })).toEqual({
      ...good,
      erased: [],
      withheld: [],
    });
  }
  expect(verify(lines)).toMatchObject(good);
});

test("any changed byte of any block breaks the chain exactly there", () => {
  fc.assert(
    fc.property(
      position,
      fc.nat(511),
      fc.integer({ min: 1, max: 255 }),
      fc.boolean(),
      (seq, at, mask, listed) => {
        const report = verify(edited(seq, { block: flipped(line(seq).block, at, mask) }), {
          listed,
          head,
        });
        expect(report).toMatchObject({ verdict: "broken", firstBad: { seq } });
        expect(report.events).toBeLessThanOrEqual(seq);
        expect(listed ? report.events : seq).toBe(seq);
      },
    ),
    { numRuns: 1500 },
  );
});

test("any changed byte of any payload breaks the chain exactly there", () => {
  fc.assert(
    fc.property(
      position,
      fc.nat(2000),
      fc.integer({ min: 1, max: 255 }),
      fc.boolean(),
      (seq, at, mask, listed) => {
        const payload = flipped(line(seq).payload ?? new Uint8Array(1), at, mask);
        const report = verify(edited(seq, { payload }), { listed, head });
        expect(report).toMatchObject({
          verdict: "broken",
          firstBad: { seq, problem: "payload-hash" },
        });
        expect(report.events).toBe(seq);
      },
    ),
    { numRuns: 500 },
  );
});

test("a payload in the place of another is named where it stands", () => {
  fc.assert(
    fc.property(position, position, fc.boolean(), (seq, other, listed) => {
      fc.pre(seq !== other);
      const report = verify(edited(seq, { payload: line(other).payload }), { listed, head });
      expect(report).toMatchObject({ events: seq, firstBad: { seq, problem: "payload-hash" } });
    }),
    { numRuns: 300 },
  );
});

test("an event that was rewritten together with its listed CID is named, not its successor", () => {
  for (let seq = 1; seq < lines.length; seq++) {
    const time = decodeEvent(line(seq).block).time;
    for (const listed of [true, false]) {
      const later = forged(seq, { time: time + 1_000_000 });
      expect(verify(lines.with(seq, later), { listed, head }).firstBad).toMatchObject({
        seq,
        problem: "event-hash",
      });
      const parent = new Link("dag-cbor", sha256(line(0).block.slice(1)));
      const cutOut = forged(seq, { parent });
      expect(verify(lines.with(seq, cutOut), { listed, head }).firstBad).toMatchObject({
        seq,
        problem: "wrong-parent",
      });
    }
  }
});

test("a dropped event is missing at its own position", () => {
  fc.assert(
    fc.property(fc.nat(lines.length - 2), fc.boolean(), fc.boolean(), (seq, listed, renumbered) => {
      const rest = lines.toSpliced(seq, 1);
      const entries = renumbered ? rest.map((entry, at) => ({ ...entry, seq: at })) : rest;
      const problem = renumbered ? "wrong-seq" : "missing";
      const report = verify(entries, { listed, head });
      expect(report).toMatchObject({ verdict: "broken", firstBad: { seq, problem } });
    }),
    { numRuns: 300 },
  );
});

test("what nobody confirmed does not count as good", () => {
  const gap = [...lines.slice(0, 4), ...lines.slice(5)];
  expect(verify(gap, { listed: true })).toMatchObject({ events: 4, head: { seq: 3 } });
  // Without listed CIDs only the lost event could have vouched for the one before it.
  expect(verify(gap)).toMatchObject({ events: 3, head: { seq: 2 } });
});

test("an inserted event, a repeated one and two in the wrong order are named", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: lines.length - 2 }), fc.boolean(), (seq, listed) => {
      const twice = { firstBad: { seq, problem: "twice" } };
      expect(verify(lines.toSpliced(seq, 0, line(seq)), { listed, head })).toMatchObject(twice);
      const time = decodeEvent(line(seq - 1).block).time;
      const inserted = lines.toSpliced(seq, 0, forged(seq, { time }));
      expect(verify(inserted, { listed, head })).toMatchObject(twice);
      const swapped = lines.with(seq, line(seq + 1)).with(seq + 1, line(seq));
      const missing = { firstBad: { seq, problem: "missing" } };
      expect(verify(swapped, { listed, head })).toMatchObject(missing);
    }),
  );
});

test("a cut tail shows against a known head, and only there", () => {
  fc.assert(
    fc.property(position, fc.boolean(), (seq, listed) => {
      const report = verify(lines.slice(0, seq), { listed, head });
      expect(report).toMatchObject({ verdict: "broken", firstBad: { seq, problem: "cut-off" } });
    }),
  );
  expect(verify(lines.slice(0, 5)).verdict).toBe("verified");
});

test("events behind the expected head, and another event at it, are named", () => {
  expect(verify(lines, { head: line(4) }).firstBad).toMatchObject({
    seq: 5,
    problem: "beyond-head",
  });
  const rewritten = new ChainBuilder();
  rewritten
    .add("actor.created", genesis("sample"))
    .add("actor.started", { reason: "x", attempt: 1, by: null, state: null });
  expect(verify(rewritten.lines, { listed: true }).verdict).toBe("verified");
  expect(verify(rewritten.lines, { listed: true, head: line(1) }).firstBad).toMatchObject({
    seq: 1,
    problem: "event-hash",
    expected: line(1).cid,
    found: rewritten.head().cid,
  });
});

test("the tail of another history does not fit", () => {
  const other = new ChainBuilder();
  other
    .add("actor.created", genesis("sample"))
    .add("actor.started", { reason: "x", attempt: 1, by: null, state: null });
  const spliced = [...other.lines, ...lines.slice(2)];
  expect(verify(spliced, { listed: true, head }).firstBad).toMatchObject({
    seq: 1,
    problem: "event-hash",
  });
});

test("the chain of another actor is refused at its first event", () => {
  const other = new ChainBuilder().add("actor.created", genesis("other"));
  const report = verify(other.lines, { expect: { actor } });
  expect(report.firstBad).toMatchObject({ seq: 0, problem: "wrong-actor", expected: actor });
  const mixed = [line(0), forged(1, { actor: other.actor })];
  expect(verify(mixed, { listed: true }).firstBad).toMatchObject({
    seq: 1,
    problem: "wrong-actor",
  });
});

test("an id that is not derived from the genesis is refused", () => {
  const stolen = forged(0, { actor: "a".repeat(32) });
  expect(verify([stolen]).firstBad).toMatchObject({
    seq: 0,
    problem: "wrong-actor",
    expected: actor,
  });
});

test("time never runs backwards", () => {
  const time = decodeEvent(line(0).block).time - 1;
  const report = verify([line(0), forged(1, { time })], { listed: true });
  expect(report.firstBad).toMatchObject({ seq: 1, problem: "time-backwards" });
});

test("a payload must be one of its event's type, and may not contradict it", () => {
  const swap = (seq: number, payload: Uint8Array): Report =>
    verify([
      ...lines.slice(0, seq),
      { ...forged(seq, { payload: new Link("dag-cbor", sha256(payload)) }), payload },
    ]);
  const bad = (seq: number): object => ({ firstBad: { seq, problem: "not-a-payload" } });
  const salt = saltOf("x");
  expect(swap(1, line(2).payload ?? new Uint8Array())).toMatchObject(bad(1));
  expect(swap(1, new Uint8Array([0xf7]))).toMatchObject(bad(1));
  const message = decodePayload("message.received", line(2).payload ?? new Uint8Array());
  const { salt: _, ...fields } = message;
  const other = encodePayload("message.received", { ...fields, kind: "send" }, salt).block;
  expect(swap(2, other)).toMatchObject(bad(2));
  const ahead = encodePayload("turn.refused", { message: 10, error: "no" }, salt).block;
  expect(swap(10, ahead)).toMatchObject(bad(10));
  const self = encodePayload("payload.erased", { seqs: [15], reason: "", by: "" }, salt).block;
  expect(swap(15, self)).toMatchObject(bad(15));
});

test("a missing payload is erased where an event says so, and withheld elsewhere", () => {
  const gone = new Set([0, 3, ...ERASED, 15, 21]);
  const left = lines.map((entry) => (gone.has(entry.seq) ? { ...entry, payload: null } : entry));
  expect(verify(left, { head })).toMatchObject({
    verdict: "verified",
    erased: [], // the erasure event's own payload is gone, so nothing says what it covers
    withheld: [0, 3, ...ERASED, 15, 21],
  });
  const kept = left.with(15, line(15));
  expect(verify(kept, { head })).toMatchObject({
    verdict: "verified",
    erased: ERASED,
    withheld: [0, 3, 21], // 0 is named by the erasure too, but a genesis cannot be erased
  });
});

test("verification can begin in the middle, behind an event that was verified before", () => {
  const parent = sha256(line(4).block);
  const rest = lines.slice(5);
  expect(verify(rest, { head, expect: { actor, from: { seq: 5, parent } } })).toMatchObject({
    verdict: "verified",
    events: lines.length - 5,
    head,
  });
  const wrong = sha256(line(3).block);
  expect(verify(rest, { expect: { from: { seq: 5, parent: wrong } } }).firstBad).toMatchObject({
    seq: 5,
    problem: "wrong-parent",
  });
  expect(verify(lines, { expect: { from: { seq: 5, parent } } }).firstBad).toMatchObject({
    seq: 5,
    problem: "missing",
  });
});

test("nothing at all is verified of an empty chain, and a known head breaks it", () => {
  expect(verify([])).toMatchObject({ verdict: "verified", events: 0, head: null, actor: null });
  expect(verify([], { head }).firstBad).toMatchObject({ seq: 0, problem: "cut-off" });
});

test("after the first bad event nothing more is read", () => {
  const report = verify([line(0), { ...line(1), cid: line(2).cid }, ...lines.slice(2)], {
    listed: true,
  });
  expect(report).toMatchObject({ events: 1, head: { seq: 0 }, firstBad: { seq: 1 } });
});

test("garbage never throws", () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.uint8Array(), (block, payload) => {
      expect(verify([{ seq: 0, cid: "", block, payload }]).verdict).toBe("broken");
      expect(verify([line(0), { seq: 1, cid: "x", block, payload }]).firstBad?.seq).toBe(1);
    }),
  );
});
