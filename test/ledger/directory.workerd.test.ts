// The directory of actors, on real D1.

import { expect, test } from "vitest";
import { Directory } from "../../src/runtime/directory.ts";
import type { DirectoryEntry, DirectoryQuery } from "../../src/runtime/directory.ts";
import { bindings } from "../support/bindings.ts";
import { newActor, randomBytes } from "../support/entries.ts";

const PAGES_MAX = 20;

const directory = new Directory(bindings.LEDGER);

async function entered(changes: Partial<DirectoryEntry> = {}): Promise<DirectoryEntry> {
  const entry: DirectoryEntry = {
    id: newActor(),
    name: "counter",
    component: randomBytes(32),
    manifest: randomBytes(32),
    parent: null,
    status: "running",
    createdMs: 1_790_000_000_000,
    headSeq: 0,
    nextDueMs: null,
    updatedMs: 1_790_000_000_000,
    ...changes,
  };
  await directory.record(entry);
  return entry;
}

async function listed(query: Omit<DirectoryQuery, "limit">, limit: number): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | undefined;
  for (let n = 0; n < PAGES_MAX; n++) {
    const page = await directory.list({
      ...query,
      limit,
      ...(cursor === undefined ? {} : { cursor }),
    });
    expect(page.actors.length).toBeLessThanOrEqual(limit);
    ids.push(...page.actors.map(({ id }) => id));
    cursor = page.cursor;
    if (cursor === undefined) return ids;
  }
  throw new Error("the listing never ended");
}

test("an actor is found as it was entered, and brought up to date by newer entries only", async () => {
  const entry = await entered({ nextDueMs: 5 });
  expect(await directory.get(entry.id)).toEqual(entry);
  const newer = {
    ...entry,
    status: "stopped",
    headSeq: 9,
    nextDueMs: null,
    updatedMs: entry.updatedMs + 2,
  };
  await directory.record(newer);
  await directory.record({ ...entry, status: "paused", updatedMs: entry.updatedMs + 1 });
  expect(await directory.get(entry.id)).toEqual(newer);
  expect(await directory.get(newActor())).toBeNull();
});

test("pages give each actor once, newest first, also where many were made in the same millisecond", async () => {
  const parent = newActor();
  const made: DirectoryEntry[] = [];
  for (let n = 0; n < 7; n++) {
    made.push(await entered({ parent, createdMs: 1_000 + Math.floor(n / 3) }));
  }
  const expected = made
    .toSorted((a, b) => b.createdMs - a.createdMs || (a.id < b.id ? 1 : -1))
    .map(({ id }) => id);
  for (const limit of [1, 2, 3, 7, 50]) expect(await listed({ parent }, limit)).toEqual(expected);
});

test("a listing is filtered by status and by parent", async () => {
  const [parent, other] = [newActor(), newActor()];
  const status = `s${newActor()}`;
  const wanted = await entered({ parent, status });
  await entered({ parent });
  await entered({ parent: other, status });
  expect(await listed({ parent, status }, 10)).toEqual([wanted.id]);
  expect((await listed({ status }, 10)).length).toBe(2);
  expect(await listed({ parent: newActor() }, 10)).toEqual([]);
});

test("a cursor that no page gave is refused", async () => {
  for (const cursor of ["", "x", "AAAA", "/w", btoa("1 a\nb"), btoa("x y")]) {
    await expect(directory.list({ cursor, limit: 1 })).rejects.toMatchObject({
      code: "bad-request",
    });
  }
});

test("overdue actors are taken once, the longest overdue first, and are due again later", async () => {
  const late = await entered({ nextDueMs: 100 });
  const later = await entered({ nextDueMs: 50 });
  const future = await entered({ nextDueMs: 10_000 });
  await entered();
  const take = async (beforeMs: number, limit: number): Promise<string[]> =>
    await directory.takeOverdue({ beforeMs, nowMs: 1_000, limit });
  expect(await take(40, 10)).toEqual([]);
  expect(await take(200, 1)).toEqual([later.id]);
  expect(await take(200, 10)).toEqual([late.id]);
  expect(await take(200, 10)).toEqual([]);
  expect((await take(2_000, 10)).toSorted()).toEqual([late.id, later.id].toSorted());
  expect((await directory.get(future.id))?.nextDueMs).toBe(10_000);
});
