// Sealed segments in real R2: what a reader gets, and what it costs him.

import { beforeAll, describe, expect, test } from "vitest";
import { Archive, stretchWriter, type Segment } from "../../src/chain/archive.ts";
import { ArchivedLedger } from "../../src/chain/archived-ledger.ts";
import { D1Ledger } from "../../src/chain/d1-ledger.ts";
import { D1Segments } from "../../src/chain/d1-segments.ts";
import { decodeEvent } from "../../src/chain/event.ts";
import { groupsOf, READ_BYTES_MAX, type LedgerEntry } from "../../src/chain/ledger.ts";
import { sha256 } from "../../src/chain/hash.ts";
import { ChainBuilder, genesis } from "../chain/sample-chain.ts";
import { present } from "../chain/present.ts";
import { bindings } from "../support/bindings.ts";
import { CountingBucket } from "../support/counting-bucket.ts";
import { randomBytes, shown } from "../support/entries.ts";

const { LEDGER, CONTENT } = bindings;
/** One stretch before a page, and the event at its end. */
const STRETCH_MAX = 2 * 64 * 1024;

const counting = new CountingBucket(CONTENT);
const archive = new Archive(counting.bucket);
const segments = new D1Segments(LEDGER);
const ledger = new ArchivedLedger(new D1Ledger(LEDGER), segments, archive);

/** A real chain whose calls have so many bytes of arguments; the time moves on with every fifth event. */
function chainOf(count: number, argumentBytes: (seq: number) => number): LedgerEntry[] {
  const chain = new ChainBuilder().add("actor.created", genesis(crypto.randomUUID()));
  for (let seq = 1; seq < count; seq++) {
    const args = [];
    for (let rest = argumentBytes(seq); rest > 0; rest -= 60_000) {
      args.push(randomBytes(Math.min(rest, 60_000)));
    }
    const fields = { args, outcome: "returned" as const, result: null };
    const about = "theater:simple/runtime#log";
    chain.add("host.called", fields, {
      about,
      turn: 1,
      time: 1_800_000_000_000 + Math.floor(seq / 5),
    });
  }
  return chain.lines.map(({ block, payload }) => {
    const { actor, seq, parent, turn, type, about, time, payload: link } = decodeEvent(block);
    const data = { digest: link.digest, block: payload };
    const cid = sha256(block);
    const before = parent?.digest ?? null;
    return { actor, seq, cid, parent: before, turn, type, about, time, block, payload: data };
  });
}

/** In the ledger, and sealed but for the last events. */
async function sealed(entries: LedgerEntry[], ...ends: number[]): Promise<Segment[]> {
  for (const group of groupsOf(entries)) await ledger.append(group);
  const made: Segment[] = [];
  for (const [n, end] of ends.entries()) {
    const run = entries.slice(n === 0 ? 0 : present(ends[n - 1]) + 1, end + 1);
    const segment = await archive.put(present(run[0]).actor, run);
    await segments.seal(present(run[0]).actor, segment, present(run.at(-1)).cid);
    made.push(segment);
  }
  return made;
}

describe("a chain of small events in two segments", () => {
  let entries: LedgerEntry[];
  let actor: string;
  let segment: Segment;

  beforeAll(async () => {
    entries = chainOf(4_000, () => 150);
    actor = present(entries[0]).actor;
    segment = present((await sealed(entries, 2_999, 3_799))[0]);
  });

  test("a page anywhere in a segment brings little more from R2 than its own bytes", async () => {
    for (const from of [0, 1, 777, 1_500, 2_990, 3_000, 3_400, 3_799]) {
      for (const limit of [1, 100]) {
        let page: LedgerEntry[] = [];
        const { reads, bytes } = await counting.during(async () => {
          page = await ledger.read(actor, { from, limit });
        });
        const end = from + page.length;
        expect(shown(page)).toEqual(shown(entries.slice(from, end)));
        const own = page.reduce((sum, { block }) => sum + block.length + 300, 0);
        expect([from, limit, bytes < own + 2 * STRETCH_MAX]).toEqual([from, limit, true]);
        expect(reads).toBe(1);
      }
    }
  });

  test("a filter reads a segment through, a range at a time", async () => {
    const query = { from: 0, limit: 10, types: ["payload.erased"] };
    const { bytes } = await counting.during(async () => {
      expect(await archive.page(actor, segment, query)).toEqual([]);
    });
    const { size } = present(await CONTENT.head(segment.key));
    expect(bytes).toBe(size - 59); // without the header
    expect(size).toBeGreaterThan(1024 * 1024);
    expect(counting.longestRead).toBeLessThanOrEqual(1024 * 1024);
  });

  test("the position of a time is found by a few reads of single stretches", async () => {
    const range = { from: 0, to: 3_999 };
    for (const seq of [1, 5, 6, 1_234, 2_999, 3_000, 3_001, 3_798, 3_801, 3_999]) {
      const { time } = present(entries[seq]);
      const first = entries.findIndex((entry) => entry.time >= time);
      const { reads, bytes } = await counting.during(async () => {
        expect(await ledger.seqAt(actor, time, range)).toBe(first);
      });
      expect(reads).toBeLessThan(10);
      expect(bytes).toBeLessThanOrEqual(reads * 3 * STRETCH_MAX);
    }
    const end = present(entries.at(-1)).time + 1;
    expect(await ledger.seqAt(actor, end, range)).toBe(4_000);
    expect(await ledger.seqAt(actor, end, { from: 10, to: 20 })).toBe(21);
    expect(await ledger.seqAt(actor, 0, { from: 10, to: 20 })).toBe(10);
    expect(await ledger.seqAt(actor, present(entries[503]).time, { from: 10, to: 300 })).toBe(301);
  });

  const positions = (): [number, number][] => JSON.parse(segment.stretches) as [number, number][];
  const wrong: Record<string, () => string> = {
    "empty text": () => "",
    "no list": () => '{"a":1}',
    "an empty list": () => "[]",
    "a list of other things": () => '[1,"x",[null,2],[3],[-1,4],[0.5,7]]',
    "positions one byte off": () => JSON.stringify(positions().map(([seq, at]) => [seq, at + 1])),
    "positions of other events": () =>
      JSON.stringify(positions().map(([seq, at]) => [seq + 1, at])),
    "positions behind the end": () => JSON.stringify([[0, 1e9]]),
    "positions of the segment before": () => JSON.stringify([[5_000_000, 59]]),
    "positions backwards": () => JSON.stringify(positions().toReversed()),
    "one position, far too early": () => JSON.stringify([[0, 59]]),
    "an end within an event": () =>
      JSON.stringify(positions().map(([seq, at], n) => [seq, n % 2 === 0 ? at : at - 100])),
  };
  for (const [name, textOf] of Object.entries(wrong)) {
    test(`${name} for stretches: every page is the right one all the same`, async () => {
      const lied = { ...segment, stretches: textOf() };
      for (const range of [
        { from: 0, limit: 3 },
        { from: 1_234, limit: 200 },
        { from: 2_998, limit: 100 },
        { from: 1_000, to: 1_300, limit: 1_000 },
      ]) {
        const page = await archive.page(actor, lied, range);
        const end = Math.min(range.to ?? 2_999, range.from + range.limit - 1);
        expect(shown(page)).toEqual(shown(entries.slice(range.from, end + 1)));
      }
    });
  }

  const read = async (): Promise<LedgerEntry[]> => {
    const all: LedgerEntry[] = [];
    for (let from = 0; from < 3_000; from = all.length) {
      const page = await archive.page(actor, segment, { from, limit: 300 });
      if (page.length === 0) throw new Error(`no events from ${from} on`);
      all.push(...page);
    }
    return all;
  };

  /** The findings of an inspection. */
  const inspect = async (): Promise<string> => {
    const stretches = stretchWriter();
    try {
      for await (const _ of archive.inspect(actor, segment, stretches));
      return stretches.text === segment.stretches ? "good" : "stretches";
    } catch (thrown) {
      return thrown instanceof Error ? thrown.message : "";
    }
  };

  test("damage of any kind to the object is named as damage of this segment", async () => {
    const file = await present(await CONTENT.get(segment.key)).bytes();
    expect(await inspect()).toBe("good");
    const half = Math.floor(file.length / 2);
    const cut = async (bytes: Uint8Array): Promise<void> => {
      await CONTENT.put(segment.key, bytes);
      expect(await inspect()).toMatch(/^Restore the archived segment 0 to 2999 from a backup: it /);
      await expect(read()).rejects.toMatchObject({ code: "chain-broken" });
    };
    await cut(file.subarray(0, half));
    await cut(new Uint8Array());
    await cut(new Uint8Array(file.length));
    await CONTENT.delete(segment.key);
    expect(await inspect()).toContain("it is not in R2");
    await expect(read()).rejects.toMatchObject({ evidence: { reason: "segment-damaged" } });
    // Single bytes: a reader may get them, for a verifier to find; an inspection finds each.
    for (const at of [0, 5, 40, 58, 60, 100, half, half + 37, file.length - 1]) {
      const bent = file.slice();
      bent[at] = (bent[at] ?? 0) ^ 1;
      await CONTENT.put(segment.key, bent);
      expect([at, await inspect()]).toEqual([at, expect.stringMatching(/^Restore/)]);
    }
    await CONTENT.put(segment.key, file);
    expect(await inspect()).toBe("good");
    expect(shown(await read())).toEqual(shown(entries.slice(0, 3_000)));
  });
});

test("between large events a page reads its own stretch, and not those before it", async () => {
  const entries = chainOf(40, (seq) => (seq % 2 === 0 ? 10 : 300_000));
  const { actor } = present(entries[0]);
  await sealed(entries, 38);
  for (const seq of [0, 1, 2, 20, 21, 38]) {
    const { bytes } = await counting.during(async () => {
      expect(shown(await ledger.read(actor, { from: seq, limit: 1 }))).toEqual(
        shown(entries.slice(seq, seq + 1)),
      );
    });
    expect([seq, bytes < 320_000]).toEqual([seq, true]);
  }
  const { bytes } = await counting.during(async () => {
    expect((await ledger.read(actor, { from: 3, limit: 1_000 })).length).toBeGreaterThan(4);
  });
  expect(bytes).toBeLessThanOrEqual(READ_BYTES_MAX + 1024 * 1024 + STRETCH_MAX);
  expect(counting.longestRead).toBeLessThanOrEqual(1024 * 1024);
});

test("a segment without its erased payloads has stretches of its own", async () => {
  const entries = chainOf(600, () => 1_000);
  const { actor } = present(entries[0]);
  const [segment] = await sealed(entries, 599);
  const kept = entries.map((entry) =>
    entry.seq % 3 === 0 ? { ...entry, payload: { ...entry.payload, block: null } } : entry,
  );
  const moved = await archive.put(actor, kept);
  await segments.move(actor, moved);
  expect(moved.stretches).not.toBe(present(segment).stretches);
  expect(await segments.from(actor, 0, 9)).toEqual([moved]);
  for (const from of [0, 200, 301, 598, 599]) {
    const { reads } = await counting.during(async () => {
      expect(shown(await ledger.read(actor, { from, limit: 50 }))).toEqual(
        shown(kept.slice(from, from + 50)),
      );
    });
    expect(reads).toBeLessThanOrEqual(2); // an event without payload ends where the next one begins
  }
});
