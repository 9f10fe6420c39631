// The hash by which a body is compared with another: one that was moved out of its payload has it in its link.

import { sha256 } from "../chain/hash.ts";
import { Link, type Value } from "../chain/value.ts";
import { encode } from "../chain/cbor.ts";
import { fromUtf8, toBase64 } from "../lib/bytes.ts";

/** sha2-256 in base64, of bytes, of a text's UTF-8, or of any other value's block. */
export function hashOf(value: Value): string {
  if (value instanceof Link) return toBase64(value.digest);
  if (value instanceof Uint8Array) return toBase64(sha256(value));
  return toBase64(sha256(typeof value === "string" ? fromUtf8(value) : encode(value)));
}
