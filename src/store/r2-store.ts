// Content in R2, one object per digest. Invariant: an object with the right bytes is never written
// again. One with wrong bytes is replaced by the next put of the right ones, and only by that: refusing
// would make a corrupt name unusable for ever, and nobody can be harmed by getting what was asked for.

import { equalBytes, toHex } from "../lib/bytes.ts";
import { assert, TheaterError } from "../lib/errors.ts";
import { CONTENT_BYTES_MAX, digestOf, verifyContent } from "./store.ts";
import type { ContentStore } from "./store.ts";

/** Attempts at a repair that others change under our hands. */
const REPAIRS_MAX = 3;

export class R2Store implements ContentStore {
  readonly #bucket: R2Bucket;
  readonly #prefix: string;

  /** `prefix` comes before each key: stores with different ones share nothing. */
  constructor(bucket: R2Bucket, prefix = "") {
    this.#bucket = bucket;
    this.#prefix = prefix;
  }

  async put(bytes: Uint8Array): Promise<Uint8Array> {
    assertSize(bytes.length);
    const digest = await digestOf(bytes);
    await this.#write(digest, bytes);
    return digest;
  }

  async putAs(digest: Uint8Array, bytes: Uint8Array): Promise<void> {
    assertSize(bytes.length);
    await verifyContent(digest, bytes);
    await this.#write(digest, bytes);
  }

  async get(digest: Uint8Array): Promise<Uint8Array | null> {
    const object = await this.#bucket.get(this.#keyOf(digest));
    if (object === null) return null;
    const bytes = await bytesOf(object);
    if (bytes === null) {
      const evidence = { expected: toHex(digest), found: null, size: object.size };
      throw new TheaterError(
        "content-corrupt",
        "Stored bytes are longer than any content: put the right bytes again.",
        evidence,
      );
    }
    await verifyContent(digest, bytes);
    return bytes;
  }

  async has(digest: Uint8Array): Promise<boolean> {
    return (await this.#bucket.head(this.#keyOf(digest))) !== null;
  }

  async delete(digest: Uint8Array): Promise<void> {
    await this.#bucket.delete(this.#keyOf(digest));
  }

  async #write(digest: Uint8Array, bytes: Uint8Array): Promise<void> {
    const key = this.#keyOf(digest);
    let onlyIf: R2Conditional = { etagDoesNotMatch: "*" };
    for (let attempt = 0; attempt < REPAIRS_MAX; attempt++) {
      // R2 computes the sha256 itself and refuses bytes that were damaged on their way.
      const written = await this.#bucket.put(key, bytes, { onlyIf, sha256: digest });
      if (written !== null) return;
      const corrupt = await this.#corruptEtag(key, digest);
      if (corrupt === undefined) return;
      onlyIf = corrupt === null ? { etagDoesNotMatch: "*" } : { etagMatches: corrupt };
    }
    throw new TheaterError(
      "unavailable",
      "The content changes while it is repaired: put it again.",
    );
  }

  /** The etag of an object with wrong bytes; undefined if its bytes are right, null if it went away. */
  async #corruptEtag(key: string, digest: Uint8Array): Promise<string | null | undefined> {
    const head = await this.#bucket.head(key);
    if (head === null) return null;
    // A sha256 that R2 has verified when it took the object: no need to read it.
    const checksum = head.checksums.sha256;
    if (checksum !== undefined && equalBytes(new Uint8Array(checksum), digest)) return undefined;
    const object = await this.#bucket.get(key, { onlyIf: { etagMatches: head.etag } });
    if (object === null || !("body" in object)) return null;
    const bytes = await bytesOf(object);
    if (bytes !== null && equalBytes(await digestOf(bytes), digest)) return undefined;
    return object.etag;
  }

  #keyOf(digest: Uint8Array): string {
    assert(digest.length === 32, "a digest has 32 bytes");
    return `${this.#prefix}sha256/${toHex(digest)}`;
  }
}

/** Null for an object that is larger than any content: R2 takes more than we do. */
async function bytesOf(object: R2ObjectBody): Promise<Uint8Array | null> {
  if (object.size <= CONTENT_BYTES_MAX) return new Uint8Array(await object.arrayBuffer());
  await object.body.cancel();
  return null;
}

function assertSize(size: number): void {
  if (size <= CONTENT_BYTES_MAX) return;
  throw new TheaterError(
    "too-large",
    `Content has at most ${CONTENT_BYTES_MAX} bytes: send less.`,
    {
      size,
      limit: CONTENT_BYTES_MAX,
    },
  );
}
