// Receipts: one event with its payload, and all it takes to prove offline, with the log's public key alone,
// that it stands in a chain that the log signed. A receipt is a C2SP tlog-proof; its extra bytes are a CAR
// with a run of events that ends in the proven one. Rule: what is not hashed up to the signed root is not
// in the verdict; the events before the proven one are, because each is named as a parent.

import { concat, fromUtf8, toBase64 } from "../lib/bytes.ts";
import { TheaterError } from "../lib/errors.ts";
import { readCar, writeChainCar, type CarBlock, type ChainBlocks } from "./car.ts";
import {
  openCheckpoint,
  parseCheckpoint,
  parseOrigin,
  type SignedCheckpoint,
} from "./checkpoint.ts";
import { cidText } from "./cid.ts";
import { decodeEvent, type Event } from "./event.ts";
import { sha256 } from "./hash.ts";
import { parseNote, type TrustedKey } from "./note.ts";
import type { RawBlock } from "./payload.ts";
import { formatTlogProof, parseTlogProofs, type TlogProof } from "./tlog-proof.ts";
import { leafHash, verifyInclusion } from "./tree.ts";
import { Link } from "./value.ts";
import { verifyCar } from "./verify-car.ts";

/** Events in one receipt: a turn with more host calls is proven without its message. */
export const RECEIPT_EVENTS_MAX = 256;

export interface ReceiptParts {
  /** A run of the chain, from the message (or later) to the proven event, 1 to RECEIPT_EVENTS_MAX. */
  readonly events: readonly ChainBlocks[];
  /** Raw blocks that the payloads link to, as far as they are to be in the receipt. */
  readonly content?: readonly RawBlock[];
  /** The inclusion proof of the last event in the tree of `checkpoint`. */
  readonly hashes: readonly Uint8Array[];
  /** The signed note. */
  readonly checkpoint: string;
}

type ReceiptProblem =
  | "not-a-receipt" // the text is not of the format, or its extra bytes are no run of a chain
  | "wrong-origin" // the checkpoint is not one of an actor's chain
  | "bad-signature" // a trusted key's signature is wrong
  | "not-signed" // no trusted key signed the checkpoint
  | "broken-run" // the events in the receipt do not fit each other
  | "wrong-actor" // the event is of another actor than the checkpoint
  | "wrong-index" // the event claims another position than the one that is proven
  | "other-event" // it is not the event that was asked about
  | "not-included"; // the hashes do not lead from the event to the signed root

interface ProvenEvent extends ChainBlocks {
  readonly cid: string;
  readonly event: Event;
}

export type ReceiptVerdict =
  | {
      readonly verdict: "verified";
      readonly log: string;
      readonly actor: string;
      /** What was signed, and by which verifier keys. */
      readonly checkpoint: SignedCheckpoint;
      /** The proven event is the last one. */
      readonly events: readonly ProvenEvent[];
      /** Sound raw blocks, by CID. */
      readonly content: ReadonlyMap<string, Uint8Array>;
      /** The log over all chains that holds this checkpoint; null where the receipt has no second proof. */
      readonly fleet: SignedCheckpoint | null;
    }
  | {
      readonly verdict: "broken";
      readonly problem: ReceiptProblem;
      /** One sentence for people. */
      readonly sentence: string;
      readonly evidence: Readonly<Record<string, unknown>>;
    };

/** The text of a receipt. Throws `bad-block` or `chain-broken` where the events are no run of a chain. */
export async function formatReceipt(parts: ReceiptParts): Promise<string> {
  const { events, content = [], hashes, checkpoint } = parts;
  const last = events.at(-1);
  if (last === undefined || events.length > RECEIPT_EVENTS_MAX) {
    const message = `Put 1 to ${RECEIPT_EVENTS_MAX} events into a receipt, and not ${events.length}.`;
    throw new TheaterError("bad-request", message, { events: events.length });
  }
  const root = new Link("dag-cbor", sha256(last.block));
  const chunks: Uint8Array[] = [];
  for await (const chunk of writeChainCar(root, events, content)) chunks.push(chunk);
  const { seq: index } = decodeEvent(last.block);
  return formatTlogProof({ extra: concat(chunks), index, hashes, checkpoint });
}

/** Reads the format only; nothing is verified. Throws `bad-request`. */
export function parseReceipt(text: string): TlogProof {
  return parseTlogProofs(text)[0];
}

/**
 * Checks a receipt against keys that the reader trusts: one named after the log covers all of its chains.
 * `expect` is the event that it should be about, as `Theater-Event` gave it. Never throws on bad bytes.
 */
export async function verifyReceipt(
  text: string,
  trusted: readonly TrustedKey[],
  expect?: { readonly seq: number; readonly cid: string },
): Promise<ReceiptVerdict> {
  try {
    const [proof, fleetProof] = parseTlogProofs(text);
    const { log, actor, checkpoint } = await readCheckpoint(proof.checkpoint, trusted);
    const { events, content } = await readRun(proof.extra);
    const proven = events.at(-1);
    if (proven === undefined) throw broken("not-a-receipt", "There is no event in the receipt.");
    requireSame("wrong-actor", "The event is of another actor.", actor, proven.event.actor);
    const { index, hashes } = proof;
    requireSame("wrong-index", "The event stands elsewhere.", index, proven.event.seq);
    if (expect !== undefined) {
      const [wanted, found] = [`${expect.seq}:${expect.cid}`, `${index}:${proven.cid}`];
      requireSame("other-event", "The receipt is about another event.", wanted, found);
    }
    requireIncluded({ index, hashes, leaf: leafHash(proven.block) }, checkpoint);
    const fleet =
      fleetProof === undefined ? null : await readFleet(fleetProof, proof, trusted, log);
    return { verdict: "verified", log, actor, checkpoint, events, content, fleet };
  } catch (thrown) {
    if (!(thrown instanceof TheaterError)) throw thrown;
    const { code, message, evidence = {} } = thrown;
    const problem = isProblem(evidence.reason) ? evidence.reason : "not-a-receipt";
    return { verdict: "broken", problem, sentence: message, evidence: { ...evidence, code } };
  }
}

async function readCheckpoint(
  note: string,
  trusted: readonly TrustedKey[],
): Promise<{ log: string; actor: string; checkpoint: SignedCheckpoint }> {
  const { origin } = parseCheckpoint(parseNote(note).text);
  const parts = parseOrigin(origin);
  if (parts === undefined) {
    throw broken("wrong-origin", "The checkpoint is not one of an actor's chain.", { origin });
  }
  return { ...parts, checkpoint: await openCheckpoint(note, trusted, origin) };
}

/** The run of events in the extra bytes. Each links to the one before, and the last is the CAR's root. */
async function readRun(
  extra: Uint8Array | null,
): Promise<{ events: ProvenEvent[]; content: Map<string, Uint8Array> }> {
  if (extra === null) throw broken("not-a-receipt", "There is no event in the receipt.");
  const { blocks } = await readCar(once(extra));
  const events: ProvenEvent[] = [];
  const content = new Map<string, Uint8Array>();
  for await (const block of blocks) {
    if (block.link.codec === "raw") content.set(cidText(block.link), block.bytes);
    else placeBlock(events, block);
    if (events.length > RECEIPT_EVENTS_MAX) {
      throw broken("not-a-receipt", `There are more than ${RECEIPT_EVENTS_MAX} events in it.`);
    }
  }
  const [first] = events;
  if (first === undefined) throw broken("not-a-receipt", "There is no event in the receipt.");
  const { seq, parent } = first.event;
  const from = parent === null ? undefined : { seq, parent: parent.digest };
  const { firstBad, content: seen } = await verifyCar(once(extra), { from });
  if (firstBad !== null) throw broken("broken-run", firstBad.sentence, { ...firstBad });
  if (seen.bad.length > 0) {
    throw broken("broken-run", "A raw block does not have the hash of its CID.", {
      cids: seen.bad,
    });
  }
  return { events, content };
}

/** An event, or the payload of the event before. What is neither fails here or in the verifier. */
function placeBlock(events: ProvenEvent[], { link, bytes }: CarBlock): void {
  const last = events.at(-1);
  const cid = cidText(link);
  if (last !== undefined && last.payload === null && cidText(last.event.payload) === cid) {
    events[events.length - 1] = { ...last, payload: bytes };
  } else {
    events.push({ cid, event: decodeEvent(bytes), block: bytes, payload: null });
  }
}

/** The second proof: the log over all chains, which has the bare log name, holds the first one's checkpoint. */
async function readFleet(
  second: TlogProof,
  first: TlogProof,
  trusted: readonly TrustedKey[],
  log: string,
): Promise<SignedCheckpoint> {
  const checkpoint = await openCheckpoint(second.checkpoint, trusted, log);
  const leaf = leafHash(fromUtf8(parseNote(first.checkpoint).text));
  requireIncluded({ index: second.index, hashes: second.hashes, leaf }, checkpoint);
  return checkpoint;
}

function requireIncluded(
  entry: { index: number; hashes: readonly Uint8Array[]; leaf: Uint8Array },
  { size, root }: SignedCheckpoint,
): void {
  const { index, hashes: proof, leaf } = entry;
  if (verifyInclusion({ index, size, leaf, proof, root })) return;
  throw broken("not-included", "The hashes do not lead from the entry to the signed root.", {
    index,
    size,
    leaf: toBase64(leaf),
    root: toBase64(root),
  });
}

function requireSame<X>(problem: ReceiptProblem, sentence: string, expected: X, found: X): void {
  if (expected !== found) throw broken(problem, sentence, { expected, found });
}

const PROBLEMS: readonly ReceiptProblem[] = [
  "wrong-origin",
  "bad-signature",
  "not-signed",
  "broken-run",
  "wrong-actor",
  "wrong-index",
  "other-event",
  "not-included",
];

function isProblem(reason: unknown): reason is ReceiptProblem {
  return PROBLEMS.some((problem) => problem === reason);
}

function broken(
  reason: ReceiptProblem,
  sentence: string,
  evidence: Record<string, unknown> = {},
): TheaterError {
  return new TheaterError("chain-broken", sentence, { ...evidence, reason });
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
