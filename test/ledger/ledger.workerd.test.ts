// The contract of `Ledger`, on real D1.

import { expect, test } from "vitest";
import { BLOCK_BYTES_MAX } from "../../src/chain/cbor.ts";
import { D1Ledger } from "../../src/chain/d1-ledger.ts";
import {
  GROUP_BYTES_MAX,
  GROUP_ROWS_MAX,
  groupsOf,
  READ_BYTES_MAX,
  sizeOf,
} from "../../src/chain/ledger.ts";
import type { LedgerEntry, ReadRange } from "../../src/chain/ledger.ts";
import { toHex } from "../../src/lib/bytes.ts";
import { bindings } from "../support/bindings.ts";
import { newActor, randomBytes, run, shown } from "../support/entries.ts";
import { CountingDatabase } from "../support/counting-database.ts";
import { FaultyDatabase } from "../support/faulty-database.ts";
import type { Fault } from "../support/faulty-database.ts";

const PAGES_MAX = 50;

const ledger = new D1Ledger(bindings.LEDGER);

async function readAll(actor: string, range: Partial<ReadRange> = {}): Promise<LedgerEntry[]> {
  const all: LedgerEntry[] = [];
  for (let page = 0; page < PAGES_MAX; page++) {
    const from = (all.at(-1)?.seq ?? (range.from ?? 0) - 1) + 1;
    const entries = await ledger.read(actor, { limit: 1_000, ...range, from });
    if (entries.length === 0) return all;
    all.push(...entries);
  }
  throw new Error("the ledger never gave an empty page");
}

test("an event is read back exactly as it was appended", async () => {
  const actor = newActor();
  const entries = await run(actor, 3);
  expect(await ledger.head(actor)).toBeNull();
  await ledger.append(entries);
  expect(shown(await readAll(actor))).toEqual(shown(entries));
  expect(await ledger.head(actor)).toEqual({ seq: 2, cid: entries[2]?.cid });
});

test("an append may be repeated, whole, in part, and as a longer run", async () => {
  const actor = newActor();
  const entries = await run(actor, 6);
  await ledger.append(entries.slice(0, 3));
  await ledger.append(entries.slice(0, 3));
  await ledger.append(entries.slice(1, 2));
  await ledger.append(entries);
  expect(shown(await readAll(actor))).toEqual(shown(entries));
});

test("a group may hold its entries in any order and of many actors", async () => {
  const chains = await Promise.all([newActor(), newActor(), newActor()].map((id) => run(id, 4)));
  await ledger.append(chains.flat().toReversed());
  for (const chain of chains) {
    expect(shown(await readAll(chain[0]?.actor ?? ""))).toEqual(shown(chain));
  }
});

test("a gap is refused and nothing of its group is written", async () => {
  const [actor, other] = [newActor(), newActor()];
  const entries = await run(actor, 4);
  await ledger.append(entries.slice(0, 1));
  const group = [...(await run(other, 2)), ...entries.slice(2)];
  await expect(ledger.append(group)).rejects.toMatchObject({
    code: "chain-gap",
    evidence: { actor, seq: 2 },
  });
  expect(await ledger.head(other)).toBeNull();
  expect(await ledger.head(actor)).toMatchObject({ seq: 0 });
});

test("another event at a position that is taken is a fork, with both digests as evidence", async () => {
  const actor = newActor();
  const ours = await run(actor, 5);
  const theirs = [...ours.slice(0, 2), ...(await run(actor, 3, { after: ours[1] as LedgerEntry }))];
  await ledger.append(ours);
  await expect(ledger.append(theirs)).rejects.toMatchObject({
    code: "chain-fork",
    evidence: {
      actor,
      seq: 2,
      found: toHex(ours[2]?.cid as Uint8Array),
      expected: toHex(theirs[2]?.cid as Uint8Array),
    },
  });
  expect(shown(await readAll(actor))).toEqual(shown(ours));
});

test("an event that names another parent than the head is a fork at the head's position", async () => {
  const actor = newActor();
  const ours = await run(actor, 3);
  const theirs = await run(actor, 4);
  await ledger.append(ours);
  await expect(ledger.append(theirs.slice(3))).rejects.toMatchObject({
    code: "chain-fork",
    evidence: {
      actor,
      seq: 2,
      found: toHex(ours[2]?.cid as Uint8Array),
      expected: toHex(theirs[2]?.cid as Uint8Array),
    },
  });
});

test("another payload for an event that is there is refused, and nothing of its group is written", async () => {
  const actor = newActor();
  const [entry, next] = await run(actor, 2);
  if (entry === undefined || next === undefined) throw new Error("a run of two has two entries");
  await ledger.append([entry]);
  const changed = { ...entry, payload: { digest: randomBytes(32), block: randomBytes(10) } };
  await expect(ledger.append([changed, next])).rejects.toMatchObject({ code: "chain-fork" });
  expect(shown(await readAll(actor))).toEqual(shown([entry]));
});

test("of two writers that race from the same head, one wins and the chain has no fork", async () => {
  for (let round = 0; round < 5; round++) {
    const actor = newActor();
    const base = await run(actor, 2);
    await ledger.append(base);
    const runs = await Promise.all(
      [1, 2, 3].map(() => run(actor, 4, { after: base[1] as LedgerEntry })),
    );
    const outcomes = await Promise.allSettled(
      runs.map((entries) => new D1Ledger(bindings.LEDGER).append(entries)),
    );
    const winner = outcomes.findIndex(({ status }) => status === "fulfilled");
    const losers = outcomes.filter((outcome) => outcome.status === "rejected");
    expect(losers.map(({ reason }) => (reason as { code: string }).code)).toEqual([
      "chain-fork",
      "chain-fork",
    ]);
    expect(shown(await readAll(actor))).toEqual(
      shown([...base, ...(runs[winner] as LedgerEntry[])]),
    );
  }
});

// Each write point × {lost, written but answer lost}. Afterwards the same entries and one more group
// are sent, as the feed of an actor does, and the ledger must hold exactly the chain.
for (const fault of ["lost", "answer lost"] satisfies Fault[]) {
  for (const point of [0, 1, 2]) {
    test(`append ${point} ${fault}: the outcome is unknown and a longer run settles it`, async () => {
      const actor = newActor();
      const faulty = new FaultyDatabase(bindings.LEDGER);
      const fragile = new D1Ledger(faulty.database);
      const entries = await run(actor, 12);
      for (let group = 0; group < point; group++) {
        await fragile.append(entries.slice(3 * group, 3 * group + 3));
      }
      faulty.failNext(fault);
      const failed = fragile.append(entries.slice(3 * point, 3 * point + 3));
      await expect(failed).rejects.toMatchObject({ code: "outcome-unknown" });
      const written = fault === "lost" ? 3 * point : 3 * point + 3;
      expect((await ledger.head(actor))?.seq ?? -1).toBe(written - 1);
      await fragile.append(entries.slice(3 * point));
      expect(shown(await readAll(actor))).toEqual(shown(entries));
    });
  }
}

test("a thousand events go in one append", async () => {
  const actor = newActor();
  const entries = await run(actor, GROUP_ROWS_MAX);
  await ledger.append(entries);
  expect(shown(await readAll(actor))).toEqual(shown(entries));
});

test("the fullest group and the largest payload stay below the limit of a parameter", async () => {
  const faulty = new FaultyDatabase(bindings.LEDGER);
  const strict = new D1Ledger(faulty.database);
  const full = { blockBytes: 512, payloadBytes: GROUP_BYTES_MAX / GROUP_ROWS_MAX - 512 };
  const actors = [newActor(), newActor(), newActor()] as const;
  const runs = [
    await run(actors[0], GROUP_ROWS_MAX, full),
    await run(actors[1], 1, { payloadBytes: BLOCK_BYTES_MAX }),
    await run(actors[2], 11, { payloadBytes: 90_000 }), // one append in two parameters
  ];
  for (const entries of runs) {
    await strict.append(entries);
    expect(shown(await readAll(entries[0]?.actor ?? ""))).toEqual(shown(entries));
  }
  expect(faulty.longestParameter).toBeGreaterThan(1_500_000);
});

test("a group above the limits is a broken invariant, and groupsOf makes none", async () => {
  const actor = newActor();
  const entries = await run(actor, 30, { payloadBytes: 100_000 });
  await expect(ledger.append(entries)).rejects.toMatchObject({ code: "internal" });
  const many = await run(newActor(), GROUP_ROWS_MAX + 1, { blockBytes: 40, payloadBytes: 10 });
  await expect(ledger.append(many)).rejects.toMatchObject({ code: "internal" });
  const groups = [...groupsOf(entries)];
  expect(groups.map((group) => group.length)).toEqual([9, 9, 9, 3]);
  expect([...groupsOf(many)].map((group) => group.length)).toEqual([GROUP_ROWS_MAX, 1]);
  for (const group of groups) await ledger.append(group);
  expect(await ledger.head(actor)).toMatchObject({ seq: 29 });
});

test("reading is paged by rows, by range and by bytes", async () => {
  const actor = newActor();
  const entries = await run(actor, 40, { payloadBytes: 60_000 });
  for (const group of groupsOf(entries)) await ledger.append(group);
  const seqs = async (range: ReadRange): Promise<number[]> =>
    (await ledger.read(actor, range)).map(({ seq }) => seq);
  expect(await seqs({ from: 0, limit: 3 })).toEqual([0, 1, 2]);
  expect(await seqs({ from: 3, limit: 3 })).toEqual([3, 4, 5]);
  expect(await seqs({ from: 5, to: 6, limit: 10 })).toEqual([5, 6]);
  expect(await seqs({ from: 40, limit: 10 })).toEqual([]);
  const page = await ledger.read(actor, { from: 0, limit: 40 });
  expect(page.length).toBe(Math.floor(READ_BYTES_MAX / sizeOf(entries[0] as LedgerEntry)));
  expect(shown(await readAll(actor))).toEqual(shown(entries));
});

test("reading by type finds the events of that type and no others", async () => {
  const actor = newActor();
  const type = (seq: number): string => (seq % 5 === 3 ? "turn.committed" : "host.called");
  const entries = await run(actor, 23, { type });
  await ledger.append(entries);
  const found = await readAll(actor, { types: ["turn.committed"], from: 4, to: 20, limit: 2 });
  const wanted = entries.filter(({ seq }) => seq % 5 === 3 && seq >= 4 && seq <= 20);
  expect(shown(found)).toEqual(shown(wanted));
  expect(shown(await readAll(actor, { types: ["turn.failed"] }))).toEqual(shown([]));
});

test("reading by what events are about takes a function or a whole interface", async () => {
  const actor = newActor();
  const named = ["theater:simple/store#get", "theater:simple/store2#get", "theater:simple/store"];
  const entries = (await run(actor, 9)).map((entry) => ({
    ...entry,
    about: named[entry.seq % 3] ?? "",
  }));
  await ledger.append(entries);
  const seqs = async (about: string): Promise<number[]> =>
    (await readAll(actor, { about, limit: 2 })).map(({ seq }) => seq);
  expect(await seqs("theater:simple/store#get")).toEqual([0, 3, 6]);
  expect(await seqs("theater:simple/store")).toEqual([0, 2, 3, 5, 6, 8]);
  expect(await seqs("theater:simple/stor_")).toEqual([]);
});

test("a moment is found in a chain by looking at few of its events", async () => {
  const actor = newActor();
  const entries = (await run(actor, 600)).map((entry) => ({
    ...entry,
    time: 1_000 + Math.floor(entry.seq / 7) * 10,
  }));
  await ledger.append(entries);
  const range = { from: 0, to: 599 };
  for (const time of [0, 1_000, 1_001, 1_010, 1_425, 1_850, 1_851]) {
    const first = entries.findIndex((entry) => entry.time >= time);
    expect(await ledger.seqAt(actor, time, range)).toBe(first === -1 ? 600 : first);
  }
  expect(await ledger.seqAt(actor, 1_425, { from: 40, to: 100 })).toBe(101);
  expect(await ledger.seqAt(actor, 1_425, { from: 400, to: 500 })).toBe(400);
  expect(await ledger.seqAt(newActor(), 5, { from: 3, to: 9 })).toBe(3);
  const counted = new CountingDatabase(bindings.LEDGER);
  await new D1Ledger(counted.database).seqAt(actor, 1_425, range);
  expect(counted.rowsRead).toBeLessThan(40); // a scan reads hundreds
});

test("erasing takes the payload with the given digest, and no other", async () => {
  const actor = newActor();
  const entries = await run(actor, 3);
  await ledger.append(entries);
  const payloads = entries.map(({ seq, payload: { digest } }) => ({ seq, digest }));
  const foreign = { seq: 2, digest: randomBytes(32) };
  for (let n = 0; n < 2; n++) await ledger.erase(actor, [...payloads.slice(1, 2), foreign]);
  const erased = (await readAll(actor)).map(({ payload }) => payload.block === null);
  expect(erased).toEqual([false, true, false]);
  await ledger.erase(newActor(), payloads); // nothing there is no error
});

test("an erased payload stays erased when its append is repeated", async () => {
  const actor = newActor();
  const entries = await run(actor, 2);
  await ledger.append(entries);
  const digest = entries[1]?.payload.digest ?? new Uint8Array();
  await ledger.erase(actor, [{ seq: 1, digest }]);
  await ledger.append(entries);
  const [first, second] = await readAll(actor);
  expect(first).toEqual(entries[0]);
  expect(second?.payload).toEqual({ digest: entries[1]?.payload.digest, block: null });
  expect(second?.block).toEqual(entries[1]?.block);
});

test("an entry whose payload was erased before it came appends and reads as erased", async () => {
  const actor = newActor();
  const entries = (await run(actor, 2)).map((entry) => ({
    ...entry,
    payload: { ...entry.payload, block: null },
  }));
  await ledger.append(entries);
  expect(shown(await readAll(actor))).toEqual(shown(entries));
});

test("an empty payload is not an erased one", async () => {
  const actor = newActor();
  const entries = await run(actor, 1, { payloadBytes: 0 });
  await ledger.append(entries);
  expect(shown(await readAll(actor))).toEqual(shown(entries));
});

test("an entry that the schema refuses is not taken for a lost answer", async () => {
  const [entry] = await run(newActor(), 1);
  const short = { ...(entry as LedgerEntry), cid: randomBytes(31) };
  await expect(ledger.append([short])).rejects.toMatchObject({ code: "internal" });
});
