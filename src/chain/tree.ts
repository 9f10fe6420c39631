// The Merkle tree of RFC 9162 (the same as RFC 6962's) over a chain: leaf `seq` is the event's block. A
// root of 32 bytes stands for the whole chain, and a few dozen hashes prove one event, or that one
// root continues another. This file is what a checker needs; `tree-proofs.ts` makes the proofs.

import { equalBytes } from "../lib/bytes.ts";
import { TheaterError, assert } from "../lib/errors.ts";
import { EVENT_BYTES_MAX } from "./event.ts";
import { sha256 } from "./hash.ts";

export const HASH_BYTES = 32;
/** The root of a tree without leaves. */
export const EMPTY_ROOT = sha256(new Uint8Array());
/** A size is a safe integer, so no tree is higher and no proof longer. */
export const TREE_HEIGHT_MAX = 53;

const SIZE_BYTES = 8;
const TWO_32 = 2 ** 32;

// Hashing is synchronous, so one buffer for each kind of input serves every tree: a fresh one per hash
// would cost as much as the hash.
const leafInput = new Uint8Array(1 + EVENT_BYTES_MAX);
const nodeInput = new Uint8Array(1 + 2 * HASH_BYTES);
nodeInput[0] = 0x01;

/** The hash of a leaf: 0x00, then exactly the bytes of the block. */
export function leafHash(block: Uint8Array): Uint8Array {
  const input = block.length < leafInput.length ? leafInput : new Uint8Array(1 + block.length);
  input[0] = 0x00;
  input.set(block, 1);
  return sha256(input.subarray(0, 1 + block.length));
}

/** The hash of an inner node: 0x01, then both children. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  assert(left.length === HASH_BYTES && right.length === HASH_BYTES, "a node joins two hashes");
  nodeInput.set(left, 1);
  nodeInput.set(right, 1 + HASH_BYTES);
  return sha256(nodeInput);
}

/** Called with each node that an append completes: `level` 0 is the leaf, `index` counts within it. */
export type OnNode = (level: number, index: number, hash: Uint8Array) => void;

/**
 * All that must be known of a tree to go on appending: the roots of the complete subtrees at its right
 * edge, one for each 1 in the size's binary form. An append costs two hashes on average.
 */
export class Frontier {
  #size: number;
  /** From the left, so the largest first. */
  readonly #roots: Uint8Array[];

  constructor(size = 0, roots: readonly Uint8Array[] = []) {
    assert(roots.length === ones(size), "a frontier has one root for each 1 in its size");
    this.#size = size;
    this.#roots = [...roots];
  }

  get size(): number {
    return this.#size;
  }

  append(leaf: Uint8Array, onNode?: OnNode): void {
    let [node, level, index] = [leaf, 0, this.#size];
    onNode?.(level, index, node);
    for (; index % 2 === 1; index = half(index)) {
      const left = this.#roots.pop();
      assert(left !== undefined, "a right child has a left sibling");
      node = nodeHash(left, node);
      level++;
      onNode?.(level, half(index), node);
    }
    this.#roots.push(node);
    this.#size++;
  }

  root(): Uint8Array {
    return joinRoots(this.#roots);
  }

  /** The size in 8 bytes, big-endian, then the roots: at most 1.7 kB, 330 bytes at a million leaves. */
  toBytes(): Uint8Array {
    const bytes = new Uint8Array(SIZE_BYTES + HASH_BYTES * this.#roots.length);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, Math.floor(this.#size / TWO_32));
    view.setUint32(4, this.#size % TWO_32);
    for (const [i, root] of this.#roots.entries()) bytes.set(root, SIZE_BYTES + i * HASH_BYTES);
    return bytes;
  }

  /** Throws `content-corrupt` for bytes that `toBytes` did not write. */
  static fromBytes(bytes: Uint8Array): Frontier {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const size =
      bytes.length < SIZE_BYTES ? Number.NaN : view.getUint32(0) * TWO_32 + view.getUint32(4);
    const roots = splitHashes(bytes.subarray(SIZE_BYTES));
    if (!Number.isSafeInteger(size) || roots?.length !== ones(size)) {
      const message = "The stored frontier is damaged: build it again from the events.";
      throw new TheaterError("content-corrupt", message, { bytes: bytes.length });
    }
    return new Frontier(size, roots);
  }
}

/** The root over complete subtrees of falling size, from the left. */
export function joinRoots(roots: readonly Uint8Array[]): Uint8Array {
  if (roots.length === 0) return EMPTY_ROOT;
  return roots.reduceRight((right, left) => nodeHash(left, right));
}

/** Copies of the hashes that stand one after the other; undefined where the bytes do not divide. */
export function splitHashes(bytes: Uint8Array): Uint8Array[] | undefined {
  if (bytes.length % HASH_BYTES !== 0) return undefined;
  return Array.from({ length: bytes.length / HASH_BYTES }, (_, i) =>
    bytes.slice(i * HASH_BYTES, (i + 1) * HASH_BYTES),
  );
}

/** Whether `proof` shows that `leaf` stands at `index` in the tree of `size` leaves with this root. */
export function verifyInclusion(claim: {
  readonly index: number;
  readonly size: number;
  readonly leaf: Uint8Array;
  readonly proof: readonly Uint8Array[];
  readonly root: Uint8Array;
}): boolean {
  const { index, size, leaf, proof, root } = claim;
  if (!isSize(index) || !isSize(size) || index >= size) return false;
  if (!areHashes([leaf, ...proof])) return false;
  // RFC 9162, 2.1.3.2. `last` is 0 when the root is reached.
  let [at, last, node] = [index, size - 1, leaf];
  for (const sibling of proof) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      node = nodeHash(sibling, node);
      for (; at % 2 === 0 && at !== 0; at = half(at)) last = half(last);
    } else {
      node = nodeHash(node, sibling);
    }
    [at, last] = [half(at), half(last)];
  }
  return last === 0 && equalBytes(node, root);
}

/**
 * Whether `proof` shows that the tree of `to` leaves begins with the tree of `from` leaves. Two trees of
 * one size must have one root; the empty tree is the beginning of every tree.
 */
export function verifyConsistency(claim: {
  readonly from: number;
  readonly to: number;
  readonly fromRoot: Uint8Array;
  readonly toRoot: Uint8Array;
  readonly proof: readonly Uint8Array[];
}): boolean {
  const { from, to, fromRoot, toRoot, proof } = claim;
  if (!isSize(from) || !isSize(to) || from > to) return false;
  if (!areHashes([fromRoot, toRoot, ...proof])) return false;
  if (from === 0 && !equalBytes(fromRoot, EMPTY_ROOT)) return false;
  if (from === to) return proof.length === 0 && equalBytes(fromRoot, toRoot);
  if (from === 0) return proof.length === 0;
  // RFC 9162, 2.1.4.2. A complete old tree is itself the first node, and so is not in the proof.
  const [first, ...path] = ones(from) === 1 ? [fromRoot, ...proof] : proof;
  if (first === undefined) return false;
  let [at, last] = [from - 1, to - 1];
  for (; at % 2 === 1; at = half(at)) last = half(last);
  let [older, newer] = [first, first];
  for (const node of path) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      [older, newer] = [nodeHash(node, older), nodeHash(node, newer)];
      for (; at % 2 === 0 && at !== 0; at = half(at)) last = half(last);
    } else {
      newer = nodeHash(newer, node);
    }
    [at, last] = [half(at), half(last)];
  }
  return last === 0 && equalBytes(older, fromRoot) && equalBytes(newer, toRoot);
}

function isSize(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function areHashes(values: readonly Uint8Array[]): boolean {
  return (
    values.length <= TREE_HEIGHT_MAX * 2 && values.every(({ length }) => length === HASH_BYTES)
  );
}

// Sizes reach 2^53, where JavaScript's shifts would cut them to 32 bits.
function half(value: number): number {
  return Math.floor(value / 2);
}

function ones(size: number): number {
  let count = 0;
  for (let rest = size; rest >= 1; rest = half(rest)) count += rest % 2;
  return count;
}
