// Ed25519 keys of a log, by WebCrypto: the same in workerd, Node and browsers. The private key is a secret
// text: base64 of the 32 bytes that RFC 8032 calls the private key. That is the whole key and nothing
// else, so `openssl rand -base64 32` makes one, and no format can hide parameters that nobody looks at.

import { toBase64 } from "../lib/bytes.ts";
import { TheaterError, assert } from "../lib/errors.ts";
import { exactBase64 } from "./base64.ts";

export const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;

/** A key that signs for every chain of a log. The private part cannot be read out of it. */
export interface LogKey {
  /** 32 bytes (RFC 8032); `actor.created` names it. */
  readonly publicKey: Uint8Array;
  /** 64 bytes, the same for the same message. */
  sign(message: Uint8Array): Promise<Uint8Array>;
}

// WebCrypto takes a private key of this kind only as PKCS #8: version 0, id-Ed25519 (1.3.101.112), the
// key as an octet string in an octet string (RFC 8410, section 7).
const PKCS8_PREFIX = [
  0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];
const ALGORITHM = { name: "Ed25519" };

/** A new secret. */
export function newLogSecret(): string {
  return toBase64(crypto.getRandomValues(new Uint8Array(KEY_BYTES)));
}

/** Throws `bad-request`, without the secret in it, unless it is base64 of exactly 32 bytes. */
export async function importLogKey(secret: string): Promise<LogKey> {
  const seed = exactBase64(secret.trim());
  if (seed?.length !== KEY_BYTES) {
    throw new TheaterError(
      "bad-request",
      "Set the log's key to base64 of 32 random bytes, as `openssl rand -base64 32` prints them.",
    );
  }
  const pkcs8 = new Uint8Array([...PKCS8_PREFIX, ...seed]);
  // Only an extractable key tells its public half; the one that is kept does not tell anything.
  const readable = await crypto.subtle.importKey("pkcs8", pkcs8, ALGORITHM, true, ["sign"]);
  const jwk: unknown = await crypto.subtle.exportKey("jwk", readable);
  const key = await crypto.subtle.importKey("pkcs8", pkcs8, ALGORITHM, false, ["sign"]);
  return {
    publicKey: publicKeyOf(jwk),
    sign: async (message) => new Uint8Array(await crypto.subtle.sign(ALGORITHM, key, message)),
  };
}

/** Whether `signature` over `message` was made with the private half of `publicKey`. */
export async function verifySignature(claim: {
  readonly publicKey: Uint8Array;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}): Promise<boolean> {
  const { publicKey, message, signature } = claim;
  if (publicKey.length !== KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false;
  let key: CryptoKey;
  try {
    key = await crypto.subtle.importKey("raw", publicKey, ALGORITHM, false, ["verify"]);
  } catch {
    return false; // some platforms refuse bytes that are no point of the curve already here
  }
  return await crypto.subtle.verify(ALGORITHM, key, signature, message);
}

function publicKeyOf(jwk: unknown): Uint8Array {
  const x = typeof jwk === "object" && jwk !== null && "x" in jwk ? jwk.x : undefined;
  assert(typeof x === "string", "an exported Ed25519 key has its public half in x");
  const base64 = x.replaceAll("-", "+").replaceAll("_", "/");
  const bytes = exactBase64(base64.padEnd(Math.ceil(base64.length / 4) * 4, "="));
  assert(bytes?.length === KEY_BYTES, "an Ed25519 public key has 32 bytes");
  return bytes;
}
