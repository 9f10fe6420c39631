// Content-addressed bytes. Contract of every implementation:
// - the name of content is the sha2-256 of its bytes, and what is stored under a name never changes;
// - bytes are hashed before they are written and after they are read: a caller never sees wrong ones.

import { equalBytes, toHex } from "../lib/bytes.ts";
import { TheaterError } from "../lib/errors.ts";

/** One content. An RPC inside the platform carries 32 MiB, so nothing larger could reach an actor. */
export const CONTENT_BYTES_MAX = 32 * 1024 * 1024;

/** Digests are bare 32-byte sha2-256 digests. */
export interface ContentStore {
  /** Stores `bytes` and returns their digest. Throws `too-large`. Durable when it returns. */
  put(bytes: Uint8Array): Promise<Uint8Array>;

  /** As `put`, for a caller that expects a digest. Throws `content-corrupt` and writes nothing if it differs. */
  putAs(digest: Uint8Array, bytes: Uint8Array): Promise<void>;

  /** Null where nothing is stored. Throws `content-corrupt` {expected, found} for bytes that changed. */
  get(digest: Uint8Array): Promise<Uint8Array | null>;

  /** Whether something is stored under the digest; only `get` checks what. */
  has(digest: Uint8Array): Promise<boolean>;

  /** Deletes what is stored under the digest; nothing there is no error. Only for who owns all of the store. */
  delete(digest: Uint8Array): Promise<void>;
}

/** sha2-256 by the platform's native code, for bytes of any size. */
export async function digestOf(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>));
}

/** Throws `content-corrupt` unless `bytes` have the digest that names them. */
export async function verifyContent(expected: Uint8Array, bytes: Uint8Array): Promise<void> {
  const found = await digestOf(bytes);
  if (equalBytes(expected, found)) return;
  throw new TheaterError(
    "content-corrupt",
    "Stored bytes do not have the digest that names them: put the right bytes again.",
    { expected: toHex(expected), found: toHex(found), size: bytes.length },
  );
}
