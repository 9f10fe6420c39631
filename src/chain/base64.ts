// Base64 of proofs, read strictly: one spelling for one value. The platform's `atob` also takes spaces,
// missing padding and stray bits, with which a signed file could be respelled and still be accepted.

import { fromBase64, toBase64 } from "../lib/bytes.ts";

/** Undefined unless `text` is exactly what `toBase64` writes for some bytes. */
export function exactBase64(text: string): Uint8Array | undefined {
  const bytes = fromBase64(text);
  return bytes !== undefined && toBase64(bytes) === text ? bytes : undefined;
}
