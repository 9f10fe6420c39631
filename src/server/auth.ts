// Who is asking. Rule: closed by default: without a configured token the server answers nobody, and
// the token itself is nowhere in the deployment, only its sha256.

import { createHash, timingSafeEqual } from "node:crypto";
import { fromHex, toHex } from "../lib/bytes.ts";
import { TheaterError } from "../lib/errors.ts";

const DIGEST_BYTES = 32;
const PRINCIPAL_HEX_DIGITS = 8;

/**
 * The principal behind an `Authorization` header: "token:" and the first 8 hex digits of the token's
 * sha256. `configured` is hex of sha256, several separated by commas. Throws `not-configured` or
 * `unauthorized`.
 */
export function authenticate(authorization: string | null, configured: string | undefined): string {
  const known = digestsOf(configured);
  const passed = principals.get(authorization ?? "");
  return passed ?? principalOf(authorization ?? "", known);
}

/**
 * Of what passed before: to hash it for each request would be a tenth of what the front door does. A look-up compares
 * hashes first, under a seed that nobody knows, so its time tells nothing of a token that is close.
 */
const principals = new Map<string, string>();
/** A token can be spelled with any number of blanks before it. */
const PRINCIPALS_MAX = 64;

function principalOf(authorization: string, known: readonly Uint8Array[]): string {
  const token = /^Bearer +(\S+) *$/i.exec(authorization)?.[1];
  if (token === undefined) {
    throw new TheaterError("unauthorized", "Send the token as `Authorization: Bearer <token>`.");
  }
  const digest = createHash("sha256").update(token, "utf8").digest();
  let matches = 0; // No early exit: the time must not tell which of several tokens was close.
  for (const candidate of known) matches += timingSafeEqual(candidate, digest) ? 1 : 0;
  if (matches === 0) {
    throw new TheaterError("unauthorized", "The token is not one of this server's: check it.");
  }
  const principal = `token:${toHex(digest).slice(0, PRINCIPAL_HEX_DIGITS)}`;
  if (principals.size >= PRINCIPALS_MAX) principals.clear();
  principals.set(authorization, principal);
  return principal;
}

/** The configuration is the same for as long as the isolate lives. */
let parsed: { from: string | undefined; digests: readonly Uint8Array[] } | undefined;

function digestsOf(configured: string | undefined): readonly Uint8Array[] {
  if (parsed === undefined || parsed.from !== configured) {
    principals.clear(); // they passed under another configuration
    parsed = { from: configured, digests: parseDigests(configured) };
  }
  return parsed.digests;
}

/** One entry of the wrong form closes the server: more likely a token put in the clear than a digest. */
function parseDigests(configured: string | undefined): Uint8Array[] {
  const entries = (configured ?? "").split(",").map((entry) => entry.trim().toLowerCase());
  return entries.map((entry) => {
    const digest = fromHex(entry);
    if (digest?.length === DIGEST_BYTES) return digest;
    throw new TheaterError(
      "not-configured",
      "Set THEATER_TOKEN_SHA256 to the sha256 of a bearer token, as 64 hex digits (several: with commas).",
    );
  });
}
