// Holds a chain against checkpoints while it is read once: each must have the root of the tree that its
// first `size` events make. Links alone cannot show a rewritten ending whose hashes all fit; this can.

import { equalBytes, toBase64 } from "../lib/bytes.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { Frontier, leafHash } from "./tree.ts";
import type { BadEvent, Report } from "./verify.ts";

/** A checkpoint that the chain does not fit: an event before `size` is not the one that was signed. */
export interface Contradiction {
  readonly size: number;
  /** Base64 of the root that was signed, and of the one of the chain as it was read. */
  readonly expected: string;
  readonly found: string;
}

export interface CheckpointReport {
  /** Of the chain as it was read, for a checkpoint to compare with. */
  readonly size: number;
  readonly root: string;
  /** The events before this one are as signed; 0 where no checkpoint confirms any. */
  readonly signedTo: number;
  readonly contradiction: Contradiction | null;
  /** The size of the largest checkpoint that the chain is too short for; null where it reaches them all. */
  readonly cutBefore: number | null;
}

export class CheckpointCheck {
  readonly #open: Checkpoint[];
  readonly #frontier = new Frontier();
  #signedTo = 0;
  #contradiction: Contradiction | null = null;

  /** Checkpoints of one chain, with their signatures already checked. */
  constructor(checkpoints: readonly Checkpoint[]) {
    this.#open = checkpoints.toSorted((a, b) => a.size - b.size);
  }

  /** Takes the next event's block, from seq 0. */
  next(block: Uint8Array): void {
    this.#compare();
    this.#frontier.append(leafHash(block));
  }

  finish(): CheckpointReport {
    this.#compare();
    return {
      size: this.#frontier.size,
      root: toBase64(this.#frontier.root()),
      signedTo: this.#signedTo,
      contradiction: this.#contradiction,
      cutBefore: this.#open.at(-1)?.size ?? null,
    };
  }

  #compare(): void {
    const { size } = this.#frontier;
    while (this.#open[0]?.size === size) {
      const { root } = this.#open.shift() ?? { root: new Uint8Array() };
      const found = this.#frontier.root();
      if (!equalBytes(root, found)) {
        this.#contradiction ??= { size, expected: toBase64(root), found: toBase64(found) };
      } else if (this.#contradiction === null) {
        this.#signedTo = size;
      }
    }
  }
}

/** The report of a chain together with what the checkpoints say; a break that it already names goes first. */
export function judge(report: Report, signed: CheckpointReport): Report {
  const { contradiction, cutBefore, signedTo, size, root } = signed;
  if (report.firstBad !== null) return report;
  let firstBad: BadEvent;
  if (contradiction !== null) {
    const { expected, found } = contradiction;
    // The root tells that one of these events is another, not which.
    const sentence = `One of the events from here to ${contradiction.size - 1} is not the one that was signed.`;
    firstBad = { seq: signedTo, problem: "not-as-signed", sentence, expected, found };
  } else if (cutBefore !== null) {
    const sentence = `The chain ends before the ${cutBefore} events that were signed.`;
    firstBad = { seq: size, problem: "cut-off", sentence, expected: null, found: root };
  } else {
    return report;
  }
  return { ...report, verdict: "broken", firstBad };
}
