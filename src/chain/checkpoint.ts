// Checkpoints after C2SP tlog-checkpoint: "this chain had this size and this root", signed. Three lines
// and no extensions, since nobody could audit those. Origin and key name are `<log name>/<actor>`, so
// that one key serves all chains of a log and no signature fits another chain.

import { equalBytes, toBase64 } from "../lib/bytes.ts";
import { TheaterError } from "../lib/errors.ts";
import { isActorId } from "./actor-id.ts";
import { exactBase64 } from "./base64.ts";
import type { LogKey } from "./keys.ts";
import { isKeyName, openNote, signNote, verifierKey, type TrustedKey } from "./note.ts";
import { EMPTY_ROOT, HASH_BYTES } from "./tree.ts";

export interface Checkpoint {
  /** `<log name>/<actor>`; the bare log name is kept for a log over all chains. */
  readonly origin: string;
  /** How many events, from seq 0. */
  readonly size: number;
  /** The root of the tree over them, 32 bytes. */
  readonly root: Uint8Array;
}

export interface SignedCheckpoint extends Checkpoint {
  /** The verifier keys of the trusted keys that signed it, at least one. */
  readonly signedBy: readonly string[];
}

/** The origin of an actor's chain. Throws `bad-request` for a log name that no key can carry. */
export function originOf({ log, actor }: { log: string; actor: string }): string {
  const origin = `${log}/${actor}`;
  if (isKeyName(log) && isActorId(actor)) return origin;
  throw malformed("its origin is not a log's name without spaces or plus, and an actor's id");
}

/** The parts of an origin; undefined where it is not one of an actor's chain. */
export function parseOrigin(origin: string): { log: string; actor: string } | undefined {
  const at = origin.lastIndexOf("/");
  const [log, actor] = [origin.slice(0, Math.max(at, 0)), origin.slice(at + 1)];
  return isKeyName(log) && isActorId(actor) ? { log, actor } : undefined;
}

/** The three lines that are signed. */
export function formatCheckpoint({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${toBase64(root)}\n`;
}

/** Reads the three lines. Throws `bad-request` for anything else, extension lines included. */
export function parseCheckpoint(text: string): Checkpoint {
  const [origin = "", digits = "", base64 = "", ...rest] = text.split("\n");
  const [size, root] = [Number(digits), exactBase64(base64)];
  if (rest.length !== 1 || rest[0] !== "") throw malformed("it does not have exactly three lines");
  if (!isKeyName(origin)) throw malformed("its origin is empty, or has a space or a plus");
  if (!/^(?:0|[1-9]\d*)$/.test(digits) || !Number.isSafeInteger(size)) {
    throw malformed("its size is not a count");
  }
  if (root?.length !== HASH_BYTES) throw malformed("its root is not base64 of 32 bytes");
  if (size === 0 && !equalBytes(root, EMPTY_ROOT)) {
    throw malformed("its root is not the one of an empty tree");
  }
  return { origin, size, root };
}

/** The signed note. Several keys only while one takes over from the other. */
export async function signCheckpoint(
  keys: readonly LogKey[],
  checkpoint: Checkpoint,
): Promise<string> {
  const { origin } = checkpoint;
  const text = formatCheckpoint(checkpoint);
  parseCheckpoint(text); // what could not be read back is not signed
  return await signNote(
    keys.map((key) => ({ name: origin, key })),
    text,
  );
}

/**
 * Reads a signed checkpoint and checks that it is one of `origin`, signed by a trusted key: one that has
 * the origin's own name, or the log's. Throws as `openNote` does, and `chain-broken` with `reason`
 * `wrong-origin`.
 */
export async function openCheckpoint(
  note: string,
  trusted: readonly TrustedKey[],
  origin: string,
): Promise<SignedCheckpoint> {
  const keys = trusted.flatMap((key) => keysFor(key, origin));
  const { text, signedBy } = await openNote(note, keys);
  const checkpoint = parseCheckpoint(text);
  if (checkpoint.origin !== origin) {
    throw new TheaterError(
      "chain-broken",
      "Ask for the checkpoint of the chain that you want to check: this one is of another.",
      { reason: "wrong-origin", expected: origin, found: checkpoint.origin },
    );
  }
  return { ...checkpoint, signedBy: signedBy.map(verifierKey) };
}

/** What a later checkpoint of one origin is to an earlier one. Both `shrunk` and `forked` break the promise. */
export function compareCheckpoints(
  earlier: Checkpoint,
  later: Checkpoint,
): "same" | "grown" | "shrunk" | "forked" {
  if (later.size === earlier.size) return equalBytes(later.root, earlier.root) ? "same" : "forked";
  return later.size > earlier.size ? "grown" : "shrunk";
}

/** The trusted key under the name that it has for this origin. */
function keysFor(key: TrustedKey, origin: string): TrustedKey[] {
  if (key.name === origin) return [key];
  return parseOrigin(origin)?.log === key.name ? [{ ...key, name: origin }] : [];
}

function malformed(problem: string): TheaterError {
  return new TheaterError("bad-request", `Give a checkpoint of one chain: ${problem}.`, {
    problem,
  });
}
