// Verifies a chain in a CAR file, in one pass and with the memory of one block. Nothing that the file says
// is believed: every block is hashed, a CID that does not fit its bytes is a break like any other, and
// the file's own root says only what its maker took for the head.

import { equalBytes } from "../lib/bytes.ts";
import { TheaterError } from "../lib/errors.ts";
import { readCar, type CarBlock, type CarFile } from "./car.ts";
import { CheckpointCheck, judge, type CheckpointReport } from "./checkpoint-check.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { cidText } from "./cid.ts";
import { decodeEvent } from "./event.ts";
import { sha256 } from "./hash.ts";
import { HASH_BYTES } from "./tree.ts";
import type { Link } from "./value.ts";
import {
  ChainVerifier,
  type BadEvent,
  type Beginning,
  type Expectation,
  type Report,
} from "./verify.ts";

export interface CarReport extends Report {
  /** The CID that the file names as the head; null where it has no readable header. */
  readonly root: string | null;
  /** Raw blocks behind the chain: how many are sound, and the CIDs of the first few that are not. */
  readonly content: { readonly sound: number; readonly bad: readonly string[] };
  /** Null where no checkpoints were given, or the file does not begin at seq 0 and so has no tree. */
  readonly signed: CheckpointReport | null;
  readonly beginning: Beginning;
}

/** What is known beforehand. `head`: from a receipt or an earlier visit, against the file's own root. */
export interface CarExpectation extends Expectation {
  readonly head?: { readonly seq: number; readonly cid: string } | undefined;
  /** Of this chain, with their signatures already checked. */
  readonly checkpoints?: readonly Checkpoint[] | undefined;
}

const BAD_CONTENT_MAX = 100;

/** Never throws on bad bytes; a stream that fails throws what it threw. */
export async function verifyCar(
  chunks: AsyncIterable<Uint8Array>,
  expect: CarExpectation = {},
): Promise<CarReport> {
  let car: CarFile;
  try {
    car = await readCar(chunks);
  } catch (thrown) {
    const verifier = new CarVerifier(expect, undefined);
    return verifier.finish(sentenceOf(thrown));
  }
  const verifier = new CarVerifier(expect, car.root);
  try {
    for await (const block of car.blocks) verifier.next(block);
  } catch (thrown) {
    return verifier.finish(sentenceOf(thrown));
  }
  return verifier.finish(undefined);
}

class CarVerifier {
  readonly #expect: CarExpectation;
  readonly #root: Link | undefined;
  readonly #verifier: ChainVerifier;
  readonly #check: CheckpointCheck | undefined;
  readonly #bad: string[] = [];
  /** The event whose payload may come next. */
  #event: CarBlock | undefined;
  #seq: number;
  #rootSeq: number | undefined;
  #sound = 0;

  constructor(expect: CarExpectation, root: Link | undefined) {
    this.#expect = expect;
    this.#root = root;
    this.#verifier = new ChainVerifier(expect);
    this.#seq = expect.from?.seq ?? 0;
    const { checkpoints } = expect;
    if (this.#seq > 0 || checkpoints === undefined) return;
    this.#check = new CheckpointCheck(checkpoints);
  }

  next(block: CarBlock): void {
    const { link, bytes } = block;
    if (this.#event !== undefined && isPayload(this.#event, block)) {
      this.#take(this.#event, block);
      this.#event = undefined;
      return;
    }
    this.#flush();
    if (link.codec === "raw") this.#takeContent(link, bytes);
    else this.#hold(block);
  }

  /** The report; `torn` says why the rest could not be read. */
  finish(torn: string | undefined): CarReport {
    this.#flush();
    const { head: pinned } = this.#expect;
    const ownHead =
      this.#rootSeq === undefined || this.#root === undefined
        ? undefined
        : { seq: this.#rootSeq, cid: cidText(this.#root) };
    const chain = this.#verifier.finish(pinned ?? ownHead);
    const signed = this.#check?.finish() ?? null;
    const report = signed === null ? chain : judge(chain, signed);
    const firstBad = report.firstBad ?? this.#cut(torn, chain.head?.cid ?? null);
    const isGood = firstBad === null && this.#bad.length === 0;
    return {
      ...report,
      verdict: isGood ? "verified" : "broken",
      firstBad,
      root: this.#root ? cidText(this.#root) : null,
      content: { sound: this.#sound, bad: this.#bad },
      signed,
      beginning: this.#verifier.beginning,
    };
  }

  /** What ends before its root, or cannot be read to its end, is not the whole file. */
  #cut(torn: string | undefined, found: string | null): BadEvent | null {
    if (torn === undefined && this.#rootSeq !== undefined) return null;
    const sentence = torn ?? "The file ends before the event that it names as its root.";
    const expected = this.#root ? cidText(this.#root) : null;
    return { seq: this.#seq, problem: "cut-off", sentence, expected, found };
  }

  #hold(event: CarBlock): void {
    this.#event = event;
    if (this.#rootSeq === undefined && this.#root && sameLink(event.link, this.#root)) {
      this.#rootSeq = this.#seq;
    }
  }

  #flush(): void {
    if (this.#event !== undefined) this.#take(this.#event, undefined);
    this.#event = undefined;
  }

  #take(event: CarBlock, payload: CarBlock | undefined): void {
    const seq = this.#seq++;
    const [cid, block] = [event.link, event.bytes];
    const { bytes = null, link: payloadCid } = payload ?? {};
    this.#verifier.next({ seq, cid, block, payload: bytes, payloadCid });
    this.#check?.next(block);
  }

  #takeContent(link: Link, bytes: Uint8Array): void {
    if (equalBytes(sha256(bytes), link.digest)) this.#sound++;
    else if (this.#bad.length < BAD_CONTENT_MAX) this.#bad.push(cidText(link));
  }
}

/**
 * Whether a block stands for the payload of the event before it: its CID or its bytes say so (either may
 * have been changed, and then the payload is bad, and not the event after it), or it is a sound block
 * that is no event, and so the payload of another.
 */
function isPayload(event: CarBlock, { link, bytes }: CarBlock): boolean {
  // In the canonical order the payload's link is the last thing in an event's block.
  const expected = event.bytes.subarray(-HASH_BYTES);
  if (equalBytes(link.digest, expected)) return true;
  const digest = sha256(bytes);
  if (equalBytes(digest, expected)) return true;
  return link.codec === "dag-cbor" && equalBytes(digest, link.digest) && !isEvent(bytes);
}

function isEvent(block: Uint8Array): boolean {
  try {
    decodeEvent(block);
    return true;
  } catch {
    return false;
  }
}

function sameLink(a: Link, b: Link): boolean {
  return a.codec === b.codec && equalBytes(a.digest, b.digest);
}

function sentenceOf(thrown: unknown): string {
  if (thrown instanceof TheaterError && thrown.code === "chain-broken") return thrown.message;
  throw thrown;
}
