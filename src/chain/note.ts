// Signed notes after C2SP signed-note: a text, and below it one line per signature. Rules: what is not
// exactly of the format is refused; a signature by an unknown key says nothing; one by a known key must
// be good, or the note is worth nothing, whatever else stands in it.

import { concat, fromUtf8, toBase64, toHex, toUtf8 } from "../lib/bytes.ts";
import { TheaterError } from "../lib/errors.ts";
import { exactBase64 } from "./base64.ts";
import { sha256 } from "./hash.ts";
import { KEY_BYTES, verifySignature, type LogKey } from "./keys.ts";

const NOTE_BYTES_MAX = 64 * 1024;
/** The format asks readers to take at least 16. */
const NOTE_SIGNATURES_MAX = 64;

const KEY_ID_BYTES = 4;
const ED25519 = 0x01;
const SIGNATURE_START = "— ";

/** A key that someone decided to trust, under the name that its signatures carry. */
export interface TrustedKey {
  readonly name: string;
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
}

interface NoteSignature {
  readonly name: string;
  /** The first 4 bytes of a hash over name and key: an identifier, not a proof. */
  readonly keyId: Uint8Array;
  readonly signature: Uint8Array;
}

export interface Note {
  /** What is signed: ends in a newline. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** `name+hex+base64`, as people hand a public key to each other. Throws `bad-request` for a bad name. */
export function verifierKey({ name, publicKey }: TrustedKey): string {
  requireName(name);
  const typed = concat([Uint8Array.of(ED25519), publicKey]);
  return `${name}+${toHex(keyId({ name, publicKey }))}+${toBase64(typed)}`;
}

/** Reads a `name+hex+base64`. Throws `bad-request` unless it is one of Ed25519 and its id fits. */
export function parseVerifierKey(text: string): TrustedKey {
  const [, name = "", , base64 = ""] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(text) ?? [];
  const typed = exactBase64(base64);
  if (isKeyName(name) && typed?.length === 1 + KEY_BYTES && typed[0] === ED25519) {
    const key = { name, publicKey: typed.slice(1) };
    if (verifierKey(key) === text) return key;
  }
  throw new TheaterError(
    "bad-request",
    "Give a verifier key as name+id+key, copied whole: an Ed25519 key whose id fits its name.",
  );
}

/** The note with one signature by each key, in their order. Throws `bad-request` for an unfit text or name. */
export async function signNote(
  keys: readonly { readonly name: string; readonly key: LogKey }[],
  text: string,
): Promise<string> {
  if (!isNoteText(text)) throw malformed("its text has no last newline, or has control codes");
  const lines = await Promise.all(
    keys.map(async ({ name, key }) => {
      requireName(name);
      const id = keyId({ name, publicKey: key.publicKey });
      const signature = await key.sign(fromUtf8(text));
      return `${SIGNATURE_START}${name} ${toBase64(concat([id, signature]))}\n`;
    }),
  );
  return `${text}\n${lines.join("")}`;
}

/** Reads a note without judging its signatures. Throws `bad-request` for what is not exactly one. */
export function parseNote(note: string): Note {
  if (note.length > NOTE_BYTES_MAX) throw malformed(`it is above ${NOTE_BYTES_MAX} bytes`);
  const end = note.lastIndexOf("\n\n");
  const text = note.slice(0, end + 1);
  const below = note.slice(end + 2);
  if (end < 0 || !isNoteText(text)) throw malformed("it has no text with an empty line below");
  if (!below.endsWith("\n")) throw malformed("its last line has no end");
  const lines = below.slice(0, -1).split("\n");
  if (lines.length > NOTE_SIGNATURES_MAX) throw malformed("it has too many signatures");
  return { text, signatures: lines.map(parseSignature) };
}

/** A note as text arrives: strict UTF-8. Throws `bad-request`. */
export function noteText(bytes: Uint8Array): string {
  try {
    return toUtf8(bytes);
  } catch {
    throw malformed("it is not UTF-8");
  }
}

/**
 * The note's text and which of the trusted keys signed it, at least one. Throws `bad-request` for what is
 * no note; `chain-broken` with `reason` `bad-signature` where one by a trusted key does not verify, and
 * `not-signed` where no trusted key signed.
 */
export async function openNote(
  note: string,
  trusted: readonly TrustedKey[],
): Promise<{ readonly text: string; readonly signedBy: readonly TrustedKey[] }> {
  const { text, signatures } = parseNote(note);
  const signedBy = new Set<TrustedKey>();
  for (const { name, keyId: id, signature } of signatures) {
    const key = trusted.find((one) => one.name === name && toHex(keyId(one)) === toHex(id));
    if (key === undefined) continue;
    const { publicKey } = key;
    if (!(await verifySignature({ publicKey, message: fromUtf8(text), signature }))) {
      throw new TheaterError(
        "chain-broken",
        "Do not believe this note: a trusted key's name stands under it, and its signature is wrong.",
        { reason: "bad-signature", key: verifierKey(key) },
      );
    }
    signedBy.add(key);
  }
  if (signedBy.size > 0) return { text, signedBy: [...signedBy] };
  throw new TheaterError(
    "chain-broken",
    "Trust the log's key first, or do not believe this note: no trusted key signed it.",
    {
      reason: "not-signed",
      signatures: signatures.map((one) => `${one.name}+${toHex(one.keyId)}`),
    },
  );
}

/** Whether a key can go by this name: no spaces of Unicode, no plus, nothing invisible. */
export function isKeyName(name: string): boolean {
  // `\s` lacks U+0085, which Go's readers count as a space.
  return name !== "" && name.isWellFormed() && !/[\s\u{85}+\p{Cc}]/u.test(name);
}

function keyId({ name, publicKey }: TrustedKey): Uint8Array {
  const input = concat([fromUtf8(name), Uint8Array.of(0x0a, ED25519), publicKey]);
  return sha256(input).slice(0, KEY_ID_BYTES);
}

function parseSignature(line: string): NoteSignature {
  const [dash, name = "", base64 = "", ...rest] = line.split(" ");
  const bytes = exactBase64(base64);
  if (`${dash} ` !== SIGNATURE_START || rest.length > 0 || !isKeyName(name)) {
    throw malformed("a line below its text is not a signature");
  }
  if (bytes === undefined || bytes.length <= KEY_ID_BYTES) {
    throw malformed("a signature is not base64 of a key id and more");
  }
  return { name, keyId: bytes.slice(0, KEY_ID_BYTES), signature: bytes.slice(KEY_ID_BYTES) };
}

/** One or more whole lines, without control characters other than newlines. */
function isNoteText(text: string): boolean {
  // oxlint-disable-next-line no-control-regex -- control characters are what the format forbids
  return text.endsWith("\n") && text.isWellFormed() && !/[\0-\u{9}\u{b}-\u{1f}]/u.test(text);
}

function requireName(name: string): void {
  if (!isKeyName(name)) throw malformed("a key's name is empty, or has a space or a plus");
}

function malformed(problem: string): TheaterError {
  return new TheaterError("bad-request", `Give a signed note: ${problem}.`, { problem });
}
