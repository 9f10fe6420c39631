// The meaning of the fourteen functions of theater:simple/store, on real D1 and R2.

import { expect, test } from "vitest";
import { toHex } from "../../src/lib/bytes.ts";
import { LABEL_BYTES_MAX, LabelledStores, validateLabel } from "../../src/store/labels.ts";
import { R2Store } from "../../src/store/r2-store.ts";
import { digestOf } from "../../src/store/store.ts";
import { bindings } from "../support/bindings.ts";
import { randomBytes } from "../support/entries.ts";

const stores = new LabelledStores(bindings.LEDGER, new R2Store(bindings.CONTENT));

async function newStore(owner = "owner"): Promise<string> {
  const id = crypto.randomUUID();
  await stores.create(id, owner);
  return id;
}

test("creating a store twice makes one, and an id that is taken is refused to others", async () => {
  const id = await newStore("a");
  await stores.put(id, randomBytes(5));
  await stores.create(id, "a");
  expect(await stores.calculateTotalSize(id)).toBe(5);
  expect(await stores.owner(id)).toBe("a");
  await expect(stores.create(id, "b")).rejects.toMatchObject({ code: "wrong-state" });
  expect(await stores.owner(crypto.randomUUID())).toBeUndefined();
});

test("content that is put is there once, in this store only", async () => {
  const [one, two] = [await newStore(), await newStore()];
  const bytes = randomBytes(100);
  const digest = await stores.put(one, bytes);
  expect(await stores.put(one, bytes)).toEqual(digest);
  expect(await stores.get(one, digest)).toEqual(bytes);
  expect(await stores.exists(one, digest)).toBe(true);
  expect(await stores.listAllContent(one)).toEqual([digest]);
  expect(await stores.exists(two, digest)).toBe(false);
  await expect(stores.get(two, digest)).rejects.toMatchObject({ code: "not-found" });
});

test("a label points at one content and moves to another", async () => {
  const store = await newStore();
  const [a, b] = [await stores.put(store, randomBytes(3)), await stores.put(store, randomBytes(3))];
  expect(await stores.getByLabel(store, "now")).toBeUndefined();
  await stores.label(store, "now", a);
  expect(await stores.getByLabel(store, "now")).toEqual(a);
  await stores.label(store, "now", b);
  expect(await stores.getByLabel(store, "now")).toEqual(b);
  await stores.replaceAtLabel(store, "now", a);
  expect(await stores.getByLabel(store, "now")).toEqual(a);
  expect(await stores.listLabels(store)).toEqual(["now"]);
  expect(await stores.exists(store, b)).toBe(true);
});

test("a label on content that the store does not hold is refused and stays where it was", async () => {
  const [store, other] = [await newStore(), await newStore()];
  const here = await stores.put(store, randomBytes(3));
  const elsewhere = await stores.put(other, randomBytes(3));
  await stores.label(store, "x", here);
  for (const digest of [elsewhere, await digestOf(randomBytes(3))]) {
    await expect(stores.label(store, "x", digest)).rejects.toMatchObject({ code: "not-found" });
    await expect(stores.replaceAtLabel(store, "x", digest)).rejects.toMatchObject({
      code: "not-found",
    });
  }
  expect(await stores.getByLabel(store, "x")).toEqual(here);
});

test("storing at a label puts the content and moves the label", async () => {
  const store = await newStore();
  const [first, second, third] = [randomBytes(4), randomBytes(5), randomBytes(6)];
  const a = await stores.putAtLabel(store, "conf/live", first);
  expect(await stores.getByLabel(store, "conf/live")).toEqual(a);
  const b = await stores.replaceContentAtLabel(store, "conf/live", second);
  expect(await stores.getByLabel(store, "conf/live")).toEqual(b);
  expect(b).toEqual(await digestOf(second));
  await stores.replaceContentAtLabel(store, "conf/new", third);
  expect(await stores.listLabels(store)).toEqual(["conf/live", "conf/new"]);
  expect(await stores.get(store, a)).toEqual(first);
  expect(await stores.calculateTotalSize(store)).toBe(15);
});

test("removing a label leaves the content, and a label that is not there is no error", async () => {
  const store = await newStore();
  const [a, b] = [await stores.put(store, randomBytes(3)), await stores.put(store, randomBytes(3))];
  await stores.label(store, "x", a);
  await stores.removeFromLabel(store, "x", b);
  expect(await stores.getByLabel(store, "x")).toEqual(a);
  await stores.removeFromLabel(store, "x", a);
  expect(await stores.getByLabel(store, "x")).toBeUndefined();
  await stores.removeFromLabel(store, "x", a);
  await stores.label(store, "x", a);
  await stores.removeLabel(store, "x");
  await stores.removeLabel(store, "x");
  expect(await stores.listLabels(store)).toEqual([]);
  expect(await stores.exists(store, a)).toBe(true);
});

test("labels and content are listed in order and in pages", async () => {
  const store = await newStore();
  for (const label of ["c", "a/b", "a", "é", "b"]) {
    await stores.putAtLabel(store, label, randomBytes(2));
  }
  expect(await stores.listLabels(store, { limit: 2 })).toEqual(["a", "a/b"]);
  expect(await stores.listLabels(store, { limit: 2, after: "a/b" })).toEqual(["b", "c"]);
  expect(await stores.listLabels(store, { limit: 2, after: "c" })).toEqual(["é"]);
  const all = await stores.listAllContent(store);
  expect(all.length).toBe(5);
  const [, second] = all;
  if (second === undefined) throw new Error("five contents were put");
  expect(await stores.listAllContent(store, { after: second, limit: 2 })).toEqual(all.slice(2, 4));
});

test("every function answers not-found for a store that does not exist", async () => {
  const store = crypto.randomUUID();
  const digest = await digestOf(randomBytes(1));
  const calls = [
    () => stores.put(store, randomBytes(1)),
    () => stores.get(store, digest),
    () => stores.exists(store, digest),
    () => stores.label(store, "x", digest),
    () => stores.getByLabel(store, "x"),
    () => stores.removeLabel(store, "x"),
    () => stores.removeFromLabel(store, "x", digest),
    () => stores.putAtLabel(store, "x", randomBytes(1)),
    () => stores.replaceContentAtLabel(store, "x", randomBytes(1)),
    () => stores.replaceAtLabel(store, "x", digest),
    () => stores.listLabels(store),
    () => stores.listAllContent(store),
    () => stores.calculateTotalSize(store),
  ];
  for (const call of calls) await expect(call()).rejects.toMatchObject({ code: "not-found" });
});

test("labels and store ids that could be taken for paths are refused", async () => {
  const store = await newStore();
  const bytes = randomBytes(1);
  const bad = [
    "",
    "/",
    "a/",
    "/a",
    "a//b",
    ".",
    "..",
    "../x",
    "a/../b",
    "a/.",
    "a\\b",
    "a\0",
    "a\n",
    "\ud800",
  ];
  for (const label of [
    ...bad,
    "x".repeat(LABEL_BYTES_MAX + 1),
    "é".repeat(LABEL_BYTES_MAX / 2 + 1),
  ]) {
    await expect(stores.putAtLabel(store, label, bytes)).rejects.toMatchObject({
      code: "bad-request",
    });
  }
  for (const good of ["a", "...", ".hidden", "a b/ü", "é".repeat(LABEL_BYTES_MAX / 2)]) {
    validateLabel(good);
  }
  for (const id of ["", "A", "a/b", "..", "-a", "a.b", "a".repeat(64)]) {
    await expect(stores.create(id, "")).rejects.toMatchObject({ code: "bad-request" });
    await expect(stores.put(id, bytes)).rejects.toMatchObject({ code: "bad-request" });
  }
});

test("content that changed in the bucket is not given out under its label", async () => {
  const store = await newStore();
  const digest = await stores.putAtLabel(store, "x", randomBytes(9));
  await bindings.CONTENT.put(`sha256/${toHex(digest)}`, randomBytes(9));
  await expect(stores.get(store, digest)).rejects.toMatchObject({ code: "content-corrupt" });
});
