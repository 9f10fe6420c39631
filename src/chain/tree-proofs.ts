// Makes proofs about a tree from its stored nodes. Bounded work: a proof in a tree of n leaves needs at
// most 2 · log2(n) nodes, wherever the event lies.

import { TheaterError } from "../lib/errors.ts";
import { joinRoots } from "./tree.ts";

/** The nodes of a tree: `level` 0 are the leaves' hashes, and a node covers 2^level leaves. */
export interface TreeNodes {
  /** Asked only for complete subtrees within the size that the proof is for. */
  node(level: number, index: number): Uint8Array | Promise<Uint8Array>;
}

/** Leaves from `start` up to, but without, `end`. */
type Range = readonly [start: number, end: number];

/**
 * The proof that a leaf is in the tree of the first `size` leaves, from the leaf's sibling up. Throws
 * `bad-request` unless index < size.
 */
export async function inclusionProof(
  nodes: TreeNodes,
  { index, size }: { readonly index: number; readonly size: number },
): Promise<Uint8Array[]> {
  requireOrder(index, size - 1, "index", "size − 1");
  return await hashRanges(nodes, besideLeaf(index, [0, size]));
}

/**
 * The proof that the tree of the first `to` leaves begins with the tree of the first `from` leaves; empty
 * where `from` is 0 or `to`. Throws `bad-request` unless from ≤ to.
 */
export async function consistencyProof(
  nodes: TreeNodes,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<Uint8Array[]> {
  requireOrder(from, to, "from", "to");
  return from === 0 ? [] : await hashRanges(nodes, aroundOldTree(from, [0, to], true));
}

/** The root of the tree of the first `size` leaves. */
export async function treeRoot(nodes: TreeNodes, size: number): Promise<Uint8Array> {
  return await hashRange(nodes, [0, size]);
}

/** PATH of RFC 9162, 2.1.3.1, as ranges: the nearest sibling first. */
function besideLeaf(index: number, [start, end]: Range): Range[] {
  if (end - start === 1) return [];
  const middle = split(start, end);
  return index < middle
    ? [...besideLeaf(index, [start, middle]), [middle, end]]
    : [...besideLeaf(index, [middle, end]), [start, middle]];
}

/** SUBPROOF of RFC 9162, 2.1.4.1, as ranges. `isOldRoot`: the range so far is the old tree's own root. */
function aroundOldTree(from: number, [start, end]: Range, isOldRoot: boolean): Range[] {
  if (from === end) return isOldRoot ? [] : [[start, end]];
  const middle = split(start, end);
  return from <= middle
    ? [...aroundOldTree(from, [start, middle], isOldRoot), [middle, end]]
    : [...aroundOldTree(from, [middle, end], false), [start, middle]];
}

/** Where a subtree of several leaves divides: the largest power of two below its size is on the left. */
function split(start: number, end: number): number {
  let width = 1;
  while (width * 2 < end - start) width *= 2;
  return start + width;
}

async function hashRanges(nodes: TreeNodes, ranges: readonly Range[]): Promise<Uint8Array[]> {
  return await Promise.all(ranges.map((range) => hashRange(nodes, range)));
}

/** The hash over a range that begins where a subtree of at least its size could begin. */
async function hashRange(nodes: TreeNodes, [start, end]: Range): Promise<Uint8Array> {
  const roots: Promise<Uint8Array>[] = [];
  for (let at = start; at < end;) {
    let [level, width] = [0, 1];
    for (; width * 2 <= end - at; width *= 2) level++;
    roots.push(Promise.resolve(nodes.node(level, at / width)));
    at += width;
  }
  return joinRoots(await Promise.all(roots));
}

function requireOrder(less: number, more: number, lessName: string, moreName: string): void {
  if (Number.isSafeInteger(less) && Number.isSafeInteger(more) && less >= 0 && less <= more) return;
  throw new TheaterError(
    "bad-request",
    `Ask for a proof with 0 ≤ ${lessName} ≤ ${moreName}, and not for ${less} and ${more}.`,
    { [lessName]: less, [moreName]: more },
  );
}
