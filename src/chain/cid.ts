// Text forms of links and digests. They exist at the edges only (HTTP, command line, exports); inside,
// a link is its 32 bytes.

import { fromHex, toHex } from "../lib/bytes.ts";
import { TheaterError } from "../lib/errors.ts";
import { fromBase32, toBase32 } from "./base32.ts";
import { Link } from "./value.ts";

const CODECS = { "dag-cbor": 0x71, raw: 0x55 } as const;
const DIGEST_BYTES = 32;
const HEAD_BYTES = 4; // CIDv1, codec, sha2-256, 32
/** A link in its binary form. */
export const LINK_BYTES = HEAD_BYTES + DIGEST_BYTES;

/** A link as CIDv1 in base32: "b…", 59 characters. */
export function cidText(link: Link): string {
  return `b${toBase32(linkBytes(link))}`;
}

/** A link as CIDv1 in binary, LINK_BYTES long. */
export function linkBytes(link: Link): Uint8Array {
  const bytes = new Uint8Array(LINK_BYTES);
  bytes.set([0x01, CODECS[link.codec], 0x12, DIGEST_BYTES]);
  bytes.set(link.digest, HEAD_BYTES);
  return bytes;
}

/** The link of a binary CIDv1; undefined for any CID that this format does not use. */
export function linkOfBytes(bytes: Uint8Array): Link | undefined {
  const [version, codec, hash, length] = bytes;
  const known = codec === CODECS["dag-cbor"] || codec === CODECS.raw;
  const fits = bytes.length === LINK_BYTES && length === DIGEST_BYTES;
  if (version !== 0x01 || !known || hash !== 0x12 || !fits) return undefined;
  return new Link(codec === CODECS.raw ? "raw" : "dag-cbor", bytes.slice(HEAD_BYTES));
}

/** The link that `text` spells. Throws `bad-request` for any CID that this format does not use. */
export function parseCid(text: string): Link {
  const bytes = text.length === 59 && text.startsWith("b") ? fromBase32(text.slice(1)) : undefined;
  const link = bytes && linkOfBytes(bytes);
  if (link !== undefined) return link;
  throw new TheaterError(
    "bad-request",
    "Give a CIDv1 in base32 (b…, 59 characters) with codec dag-cbor or raw and sha2-256.",
  );
}

/** The same 32 bytes as people expect a digest: `sha256:<hex>`. */
export function digestText(digest: Uint8Array): string {
  return `sha256:${toHex(digest)}`;
}

/** The 32 bytes of a `sha256:<hex>`, or undefined where `text` is not one. */
export function parseDigest(text: string): Uint8Array | undefined {
  const digest = text.startsWith("sha256:") ? fromHex(text.slice("sha256:".length)) : undefined;
  return digest?.length === DIGEST_BYTES ? digest : undefined;
}
