// What signatures say about a chain before it is read: which checkpoints it must fit. Rules: only pinned keys are
// trusted; what was once remembered must be fulfilled, also when its key is no longer trusted; a log
// that takes back or changes what it signed is found out here, with both of its notes as evidence.

import { actorId } from "../chain/actor-id.ts";
import {
  compareCheckpoints,
  openCheckpoint,
  originOf,
  type Checkpoint,
} from "../chain/checkpoint.ts";
import { parseVerifierKey, verifierKey, type TrustedKey } from "../chain/note.ts";
import { decodePayload } from "../chain/payload.ts";
import { verifyConsistency } from "../chain/tree.ts";
import { equalBytes, toBase64 } from "../lib/bytes.ts";
import { TheaterError } from "../lib/errors.ts";
import { keysOf, readRemembered, readTrust, remember, type Remembered } from "./trust-file.ts";

/** What the first event's payload says. The actor's id is derived from it, so an id has only one. */
export interface Genesis {
  actor: string;
  log: string;
  key: Uint8Array | null;
}

/** Who shows the chain. */
export interface Shown {
  /** The signed note; null where there is none. */
  note(): Promise<string | null>;
  /** A log that signs never shows less than it signed before; a file may well be old. */
  isLive: boolean;
  /** Hashes of a consistency proof between two signed sizes; a file has none. */
  prove?: (from: number, to: number) => Promise<Uint8Array[]>;
}

interface Opened {
  checkpoint: Checkpoint;
  note: string;
  /** Verifier keys, as they were pinned, that signed it; none where no trusted key did. */
  by: readonly string[];
}

export interface Signing {
  origin: string;
  /**
   * `trusted`: a pinned key signed the newest checkpoint; `untrusted`: somebody signed one, but no key for
   * this log is pinned; `none`: there is no checkpoint.
   */
  status: "trusted" | "untrusted" | "none";
  newest: Opened | null;
  remembered: (Opened & Remembered) | null;
}

/** Undefined for bytes that are no genesis. */
export function readGenesis(payload: Uint8Array | null | undefined): Genesis | undefined {
  if (payload == null) return undefined;
  try {
    const { log, key } = decodePayload("actor.created", payload);
    return { actor: actorId(payload), log, key };
  } catch (thrown) {
    if (thrown instanceof TheaterError) return undefined;
    throw thrown;
  }
}

/** Throws `chain-broken` where a signature is wrong or missing, or the log contradicts what is remembered. */
export async function readSigning(genesis: Genesis, shown: Shown): Promise<Signing> {
  const origin = originOf(genesis);
  const pinned = keysOf(await readTrust(), origin);
  // Before the note is asked for: one that another run remembers meanwhile may be newer than it.
  const before = await readRemembered(origin);
  const remembered = before && {
    ...before,
    by: await signersOf(before.note, pinned, origin).catch(() => []),
  };
  const note = await shown.note();
  if (note === null) {
    if (pinned.length > 0 && shown.isLive) throw unsigned(origin, pinned);
    return { origin, status: "none", newest: null, remembered };
  }
  const newest = await open(note, { genesis, pinned, origin });
  if (newest !== null && remembered !== null) await requireGrown(remembered, newest, shown);
  return { origin, status: pinned.length > 0 ? "trusted" : "untrusted", newest, remembered };
}

/** The checkpoints that the chain must fit, among those of at most `size` events. */
export function checkpointsOf(signing: Signing | undefined, size = Infinity): Checkpoint[] {
  return [signing?.remembered, signing?.newest].flatMap((opened) =>
    opened && opened.checkpoint.size <= size ? [opened.checkpoint] : [],
  );
}

/** Verifier keys that signed exactly the first `size` events. */
export function signersAt(signing: Signing | undefined, size: number): readonly string[] {
  const both = [signing?.newest, signing?.remembered];
  return both.find((one) => one?.checkpoint.size === size)?.by ?? [];
}

/** To be called when the chain has been read and fits. */
export async function rememberNewest({ origin, newest }: Signing): Promise<void> {
  if (newest !== null && newest.by.length > 0) await remember(origin, newest.note);
}

/** Throws `chain-broken` unless `prove` shows that the tree of `to` begins with the tree of `from`. */
export async function requireConsistent(
  from: Checkpoint,
  to: Checkpoint,
  prove: (from: number, to: number) => Promise<Uint8Array[]>,
): Promise<void> {
  const proof = from.size === 0 ? [] : await prove(from.size, to.size);
  const claim = { from: from.size, to: to.size, fromRoot: from.root, toRoot: to.root, proof };
  if (verifyConsistency(claim)) return;
  throw new TheaterError(
    "chain-broken",
    `Do not believe this log: the ${to.size} events that it signed do not begin with the ${from.size} known before.`,
    { reason: "inconsistent", from: describe(from), to: describe(to) },
  );
}

/** Null where nobody whose key is known signed it. */
async function open(
  note: string,
  { genesis, pinned, origin }: { genesis: Genesis; pinned: TrustedKey[]; origin: string },
): Promise<Opened | null> {
  // Nobody vouches for the key in the genesis, but a wrong signature by it is wrong all the same.
  const own = genesis.key === null ? [] : [{ name: genesis.log, publicKey: genesis.key }];
  try {
    const checkpoint = await openCheckpoint(note, pinned.length > 0 ? pinned : own, origin);
    const by = pinned.length > 0 ? asPinned(checkpoint.signedBy, pinned) : [];
    return { checkpoint, note, by };
  } catch (thrown) {
    if (!(thrown instanceof TheaterError)) throw thrown;
    if (pinned.length === 0 && thrown.evidence?.reason === "not-signed") return null;
    const { message, evidence } = thrown;
    throw new TheaterError("chain-broken", message, { ...evidence, origin, note });
  }
}

async function signersOf(note: string, pinned: TrustedKey[], origin: string): Promise<string[]> {
  return asPinned((await openCheckpoint(note, pinned, origin)).signedBy, pinned);
}

/** The keys as the person pinned them: a log's key signs under another name for each chain. */
export function asPinned(signedBy: readonly string[], pinned: readonly TrustedKey[]): string[] {
  const keys = signedBy.map((key) => parseVerifierKey(key).publicKey);
  return pinned
    .filter(({ publicKey }) => keys.some((key) => equalBytes(key, publicKey)))
    .map(verifierKey);
}

async function requireGrown(earlier: Remembered, later: Opened, shown: Shown): Promise<void> {
  const relation = compareCheckpoints(earlier.checkpoint, later.checkpoint);
  if (relation === "forked" || (relation === "shrunk" && shown.isLive)) {
    const [{ size: before }, { size: now }] = [earlier.checkpoint, later.checkpoint];
    const sentence =
      relation === "forked"
        ? `Keep both notes as evidence: the log signed two histories of ${now} events.`
        : `Keep both notes as evidence: the log signed ${before} events before, and now shows ${now}.`;
    throw new TheaterError("chain-broken", sentence, {
      reason: relation,
      remembered: earlier.note,
      shown: later.note,
      path: earlier.path,
    });
  }
  if (relation === "grown" && shown.prove !== undefined) {
    await requireConsistent(earlier.checkpoint, later.checkpoint, shown.prove);
  }
}

function unsigned(origin: string, pinned: readonly TrustedKey[]): TheaterError {
  return new TheaterError(
    "chain-broken",
    "Do not believe this server: you trust a key of this log, and it shows nothing signed with it.",
    { reason: "not-signed", origin, trusted: pinned.map(verifierKey) },
  );
}

function describe({ size, root }: Checkpoint): { size: number; root: string } {
  return { size, root: toBase64(root) };
}
