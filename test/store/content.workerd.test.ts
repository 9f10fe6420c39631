// The contract of `ContentStore`, on real R2. Corruption is made by writing to the bucket past the store.

import { expect, test } from "vitest";
import { equalBytes, toHex } from "../../src/lib/bytes.ts";
import { R2Store } from "../../src/store/r2-store.ts";
import { CONTENT_BYTES_MAX, digestOf } from "../../src/store/store.ts";
import { bindings } from "../support/bindings.ts";
import { randomBytes } from "../support/entries.ts";

const bucket = bindings.CONTENT;
const store = new R2Store(bucket);

const keyOf = (digest: Uint8Array): string => `sha256/${toHex(digest)}`;

async function etagOf(digest: Uint8Array): Promise<string | undefined> {
  return (await bucket.head(keyOf(digest)))?.version;
}

test("content comes back under its sha256, and putting it again writes nothing", async () => {
  const bytes = randomBytes(1_000);
  const digest = await store.put(bytes);
  expect(digest).toEqual(await digestOf(bytes));
  const written = await etagOf(digest);
  expect(await store.put(bytes)).toEqual(digest);
  await store.putAs(digest, bytes);
  expect(await etagOf(digest)).toBe(written);
  expect(await store.get(digest)).toEqual(bytes);
  expect(await store.has(digest)).toBe(true);
});

test("an object without a checksum but with the right bytes is left alone", async () => {
  const bytes = randomBytes(500);
  const digest = await digestOf(bytes);
  await bucket.put(keyOf(digest), bytes);
  const written = await etagOf(digest);
  await store.put(bytes);
  expect(await etagOf(digest)).toBe(written);
});

test("empty content is content, and unknown content is null", async () => {
  const digest = await store.put(new Uint8Array(0));
  expect(await store.get(digest)).toEqual(new Uint8Array(0));
  const unknown = await digestOf(randomBytes(32));
  expect(await store.get(unknown)).toBeNull();
  expect(await store.has(unknown)).toBe(false);
});

test("many puts of the same content at once all succeed", async () => {
  const bytes = randomBytes(10_000);
  const digests = await Promise.all(Array.from({ length: 8 }, () => store.put(bytes)));
  for (const digest of digests) expect(await store.get(digest)).toEqual(bytes);
});

test("bytes that do not have the expected digest are refused and not written", async () => {
  const digest = await digestOf(randomBytes(10));
  const wrong = randomBytes(10);
  await expect(store.putAs(digest, wrong)).rejects.toMatchObject({
    code: "content-corrupt",
    evidence: { expected: toHex(digest), found: toHex(await digestOf(wrong)) },
  });
  expect(await store.has(digest)).toBe(false);
});

test("a corrupt object is found on read, and repaired by the next put of the right bytes", async () => {
  const bytes = randomBytes(300);
  const digest = await digestOf(bytes);
  const wrong = bytes.with(7, (bytes[7] ?? 0) ^ 1);
  await bucket.put(keyOf(digest), wrong);
  await expect(store.get(digest)).rejects.toMatchObject({
    code: "content-corrupt",
    evidence: { expected: toHex(digest), found: toHex(await digestOf(wrong)) },
  });
  await store.put(bytes);
  expect(await store.get(digest)).toEqual(bytes);
});

test("a corrupt object with a checksum of its own is repaired too", async () => {
  const bytes = randomBytes(300);
  const digest = await digestOf(bytes);
  const wrong = randomBytes(300);
  await bucket.put(keyOf(digest), wrong, { sha256: await digestOf(wrong) });
  await store.putAs(digest, bytes);
  expect(await store.get(digest)).toEqual(bytes);
});

test("content up to the limit is stored, and above it refused before anything is written", async () => {
  const bytes = randomBytes(CONTENT_BYTES_MAX + 1);
  await expect(store.put(bytes)).rejects.toMatchObject({ code: "too-large" });
  expect(await store.has(await digestOf(bytes))).toBe(false);
  const largest = bytes.subarray(0, CONTENT_BYTES_MAX);
  const read = await store.get(await store.put(largest));
  expect(read !== null && equalBytes(read, largest)).toBe(true);
});
