// The text form of a proof that can be checked without asking anybody, after C2SP tlog-proof: where an
// entry stands, the hashes up to the root, the signed checkpoint, and extra bytes that prove nothing by
// themselves. What the entry is, is for the reader to know (`receipt.ts`).

import { toBase64 } from "../lib/bytes.ts";
import { TheaterError } from "../lib/errors.ts";
import { exactBase64 } from "./base64.ts";
import { parseNote } from "./note.ts";
import { HASH_BYTES, TREE_HEIGHT_MAX } from "./tree.ts";

/** Room for two payloads of 1 MiB in base64, and more. */
const PROOF_CHARS_MAX = 8 * 1024 * 1024;
const HEADER = "c2sp.org/tlog-proof@v1";
const NEXT = `\n\n${HEADER}\n`;

export interface TlogProof {
  /** Not covered by the signature: whoever uses it must tie it to the entry. */
  readonly extra: Uint8Array | null;
  readonly index: number;
  /** From the leaf's sibling up. */
  readonly hashes: readonly Uint8Array[];
  /** The signed note as the log issued it. */
  readonly checkpoint: string;
}

export function formatTlogProof({ extra, index, hashes, checkpoint }: TlogProof): string {
  const lines = [
    HEADER,
    ...(extra === null ? [] : [`extra ${toBase64(extra)}`]),
    `index ${index}`,
    ...hashes.map(toBase64),
  ];
  return `${lines.join("\n")}\n\n${checkpoint}`;
}

/**
 * Reads one proof, or two with an empty line between them: the second then is about the first one's
 * checkpoint. Throws `bad-request` for anything else.
 */
export function parseTlogProofs(text: string): [TlogProof, TlogProof?] {
  if (text.length > PROOF_CHARS_MAX) throw malformed(`it is above ${PROOF_CHARS_MAX} characters`);
  const [second, third] = [text.indexOf(NEXT), text.lastIndexOf(NEXT)];
  if (second < 0) return [parseOne(text)];
  if (third > second) throw malformed("it has more than two proofs");
  return [parseOne(text.slice(0, second + 1)), parseOne(text.slice(second + 2))];
}

function parseOne(text: string): TlogProof {
  const end = text.indexOf("\n\n");
  if (end < 0) throw malformed("it has no checkpoint below an empty line");
  const [header, ...lines] = text.slice(0, end).split("\n");
  if (header !== HEADER) throw malformed(`its first line is not ${HEADER}`);
  const extra = lines[0]?.startsWith("extra ")
    ? bytesOf(lines.shift()?.slice("extra ".length))
    : null;
  const digits = /^index (0|[1-9]\d*)$/.exec(lines.shift() ?? "")?.[1];
  const index = Number(digits);
  if (digits === undefined || !Number.isSafeInteger(index)) throw malformed("it has no index");
  if (lines.length > TREE_HEIGHT_MAX) throw malformed("it has too many hashes");
  const hashes = lines.map(bytesOf);
  if (hashes.some(({ length }) => length !== HASH_BYTES)) {
    throw malformed("a line is not base64 of a hash");
  }
  const checkpoint = text.slice(end + 2);
  parseNote(checkpoint);
  return { extra, index, hashes, checkpoint };
}

function bytesOf(base64 = ""): Uint8Array {
  const bytes = base64 === "" ? undefined : exactBase64(base64);
  if (bytes === undefined) throw malformed("a line is not base64");
  return bytes;
}

function malformed(problem: string): TheaterError {
  return new TheaterError("bad-request", `Give a proof of the format ${HEADER}: ${problem}.`, {
    problem,
  });
}
