// SHA-256, synchronous: a commit is one synchronous transaction and must not await its hashes.

import { sha256 as portable } from "@noble/hashes/sha2.js";

/** The 32 bytes of SHA-256 of exactly these bytes. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return portable(bytes);
}
