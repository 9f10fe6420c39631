// The tree against the published test tree of RFC 6962 implementations, against the definition of its root
// written down as it stands in RFC 9162, and against every change of a proof.

import fc from "fast-check";
import { expect, test } from "vitest";
import { sha256 } from "../../src/chain/hash.ts";
import {
  EMPTY_ROOT,
  Frontier,
  leafHash,
  nodeHash,
  verifyConsistency,
  verifyInclusion,
} from "../../src/chain/tree.ts";
import {
  consistencyProof,
  inclusionProof,
  treeRoot,
  type TreeNodes,
} from "../../src/chain/tree-proofs.ts";
import { concat, fromHex, toHex } from "../../src/lib/bytes.ts";
import { present } from "./present.ts";

const bytes = (hex: string): Uint8Array => fromHex(hex) ?? expect.fail(`not hex: ${hex}`);

const PUBLISHED_LEAVES = [
  "",
  "00",
  "10",
  "2021",
  "3031",
  "40414243",
  "5051525354555657",
  "606162636465666768696a6b6c6d6e6f",
];
/** Of the first 0 to 8 leaves. */
const PUBLISHED_ROOTS = [
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

const leavesOf = (count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => leafHash(new TextEncoder().encode(`event ${i}`)));

/** MTH of RFC 9162, 2.1.1, over leaf hashes, word for word. */
function rootOf(leaves: readonly Uint8Array[]): Uint8Array {
  const [first] = leaves;
  if (first === undefined) return sha256(new Uint8Array());
  if (leaves.length === 1) return first;
  const k = 2 ** Math.floor(Math.log2(leaves.length - 1));
  const [left, right] = [rootOf(leaves.slice(0, k)), rootOf(leaves.slice(k))];
  return sha256(concat([Uint8Array.of(1), left, right]));
}

const nodesOf = (leaves: readonly Uint8Array[]): TreeNodes => ({
  node: (level, index) => rootOf(leaves.slice(index * 2 ** level, (index + 1) * 2 ** level)),
});

function frontierOf(leaves: readonly Uint8Array[]): Frontier {
  const frontier = new Frontier();
  for (const leaf of leaves) frontier.append(leaf);
  return frontier;
}

const LEAVES = leavesOf(64);
const NODES = nodesOf(LEAVES);
const ROOTS = Array.from({ length: 65 }, (_, size) => rootOf(LEAVES.slice(0, size)));
const rootAt = (size: number): Uint8Array => ROOTS[size] ?? expect.fail(`no root ${size}`);
const leafAt = (index: number): Uint8Array => LEAVES[index] ?? expect.fail(`no leaf ${index}`);

function flipped(value: Uint8Array, bit: number): Uint8Array {
  const copy = new Uint8Array(value);
  const at = Math.floor(bit / 8) % copy.length;
  copy[at] = (copy[at] ?? 0) ^ (1 << (bit % 8));
  return copy;
}

test("the roots of the published tree come out", async () => {
  const leaves = PUBLISHED_LEAVES.map((hex) => leafHash(bytes(hex)));
  for (const [size, root] of PUBLISHED_ROOTS.entries()) {
    expect(toHex(frontierOf(leaves.slice(0, size)).root())).toBe(root);
    expect(toHex(await treeRoot(nodesOf(leaves), size))).toBe(root);
  }
});

test("the published proofs come out", async () => {
  const nodes = nodesOf(PUBLISHED_LEAVES.map((hex) => leafHash(bytes(hex))));
  const inclusion = async (index: number, size: number): Promise<string[]> =>
    (await inclusionProof(nodes, { index, size })).map(toHex);
  const consistency = async (from: number, to: number): Promise<string[]> =>
    (await consistencyProof(nodes, { from, to })).map(toHex);
  expect(await inclusion(0, 1)).toEqual([]);
  expect(await inclusion(0, 8)).toEqual([
    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
  ]);
  expect(await inclusion(5, 8)).toEqual([
    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  ]);
  expect(await consistency(1, 1)).toEqual([]);
  expect(await consistency(2, 5)).toEqual([
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
  ]);
});

test("every leaf of every tree up to 64 is proven, and no other leaf, position or root is", async () => {
  for (let size = 1; size <= 64; size++) {
    for (let index = 0; index < size; index++) {
      const proof = await inclusionProof(NODES, { index, size });
      const claim = { index, size, leaf: leafAt(index), proof, root: rootAt(size) };
      expect(proof.length).toBeLessThanOrEqual(Math.ceil(Math.log2(size)));
      expect(verifyInclusion(claim)).toBe(true);
      const changes = [
        { leaf: leafAt((index + 1) % 64) },
        { root: rootAt(size - 1) },
        { proof: [...proof, leafAt(0)] },
        { proof: proof.length === 0 ? [leafAt(0)] : proof.slice(1) },
        { index: size === 1 ? 1 : (index + 1) % size },
      ];
      for (const change of changes) expect(verifyInclusion({ ...claim, ...change })).toBe(false);
    }
  }
});

test("every pair of trees up to 64 is consistent, and no pair with another root is", async () => {
  for (let to = 0; to <= 64; to++) {
    for (let from = 0; from <= to; from++) {
      const proof = await consistencyProof(NODES, { from, to });
      const claim = { from, to, fromRoot: rootAt(from), toRoot: rootAt(to), proof };
      expect(verifyConsistency(claim)).toBe(true);
      const changes = [
        { fromRoot: rootAt((from + 1) % 65) },
        { proof: [...proof, leafAt(0)] },
        { proof: proof.length === 0 ? [leafAt(0)] : proof.slice(1) },
        // Every tree goes on from the empty one, so there the new root is not looked at.
        from === 0 ? { from: 1 } : { toRoot: rootAt((to + 1) % 65) },
      ];
      for (const change of changes) expect(verifyConsistency({ ...claim, ...change })).toBe(false);
    }
  }
});

test("any changed bit of proof, leaf or root is found", async () => {
  const size = fc.integer({ min: 2, max: 64 });
  await fc.assert(
    fc.asyncProperty(size, fc.nat(), fc.nat(255), fc.nat(), async (to, a, bit, b) => {
      const index = a % to;
      const proof = await inclusionProof(NODES, { index, size: to });
      const [leaf, root] = [leafAt(index), rootAt(to)];
      const claim = { index, size: to, leaf, proof, root };
      const at = b % proof.length;
      const bent = proof.map((hash, i) => (i === at ? flipped(hash, bit) : hash));
      expect(verifyInclusion({ ...claim, proof: bent })).toBe(false);
      expect(verifyInclusion({ ...claim, leaf: flipped(leaf, bit) })).toBe(false);
      expect(verifyInclusion({ ...claim, root: flipped(root, bit) })).toBe(false);

      const from = 1 + (a % (to - 1));
      const steps = await consistencyProof(NODES, { from, to });
      const pair = { from, to, fromRoot: rootAt(from), toRoot: root, proof: steps };
      const changed = steps.map((hash, i) => (i === b % steps.length ? flipped(hash, bit) : hash));
      expect(verifyConsistency({ ...pair, proof: changed })).toBe(false);
      expect(verifyConsistency({ ...pair, fromRoot: flipped(rootAt(from), bit) })).toBe(false);
      expect(verifyConsistency({ ...pair, toRoot: flipped(root, bit) })).toBe(false);
    }),
    { numRuns: 300 },
  );
});

test("a tree with any other leaf is not consistent with the old root", async () => {
  for (let changed = 0; changed < 40; changed++) {
    const nodes = nodesOf(LEAVES.with(changed, leafAt(63)));
    const [toRoot, proof] = await Promise.all([
      treeRoot(nodes, 60),
      consistencyProof(nodes, { from: 40, to: 60 }),
    ]);
    const claim = { from: 40, to: 60, toRoot, proof };
    expect(verifyConsistency({ ...claim, fromRoot: rootAt(40) })).toBe(false);
    expect(verifyConsistency({ ...claim, fromRoot: await treeRoot(nodes, 40) })).toBe(true);
  }
});

test("sizes beyond 2^32 are walked without losing bits", async () => {
  // Each subtree of equal leaves has one root, so a tree of 2^52 leaves can be written down.
  const same = leafAt(0);
  const roots = [same];
  for (let level = 1; level <= 52; level++) {
    const below = roots[level - 1] ?? same;
    roots.push(nodeHash(below, below));
  }
  const nodes: TreeNodes = { node: (level) => present(roots[level]) };
  const size = 2 ** 52 + 2 ** 33 + 5;
  const root = await treeRoot(nodes, size);
  for (const index of [0, 2 ** 32, 2 ** 40 + 3, 2 ** 52, 2 ** 52 + 2 ** 33, size - 1]) {
    const proof = await inclusionProof(nodes, { index, size });
    expect(verifyInclusion({ index, size, leaf: same, proof, root })).toBe(true);
    expect(verifyInclusion({ index, size, leaf: same, proof: proof.slice(1), root })).toBe(false);
  }
  for (const from of [1, 2 ** 32 + 1, 2 ** 52 - 1, 2 ** 52, size]) {
    const proof = await consistencyProof(nodes, { from, to: size });
    const fromRoot = await treeRoot(nodes, from);
    expect(verifyConsistency({ from, to: size, fromRoot, toRoot: root, proof })).toBe(true);
    expect(verifyConsistency({ from, to: size, fromRoot: same, toRoot: root, proof })).toBe(
      from === 1,
    );
  }
});

test("a frontier goes on from its bytes as if nothing had happened", () => {
  for (let size = 0; size <= 64; size++) {
    const restored = Frontier.fromBytes(frontierOf(LEAVES.slice(0, size)).toBytes());
    expect([restored.size, restored.root()]).toEqual([size, rootAt(size)]);
    for (const leaf of LEAVES.slice(size)) restored.append(leaf);
    expect(restored.root()).toEqual(rootAt(64));
  }
  const good = frontierOf(LEAVES.slice(0, 7)).toBytes();
  const zero = new Uint8Array(8);
  for (const bad of [good.slice(1), good.slice(0, -1), good.slice(0, -32), zero.fill(255)]) {
    expect(() => Frontier.fromBytes(bad)).toThrow(
      expect.objectContaining({ code: "content-corrupt" }),
    );
  }
  expect(Frontier.fromBytes(new Uint8Array(8)).root()).toEqual(EMPTY_ROOT);
});

test("a leaf can never pass for a node", () => {
  const [left, right] = [leafAt(0), leafAt(1)];
  expect(nodeHash(left, right)).not.toEqual(leafHash(concat([left, right])));
  const disguised = concat([left, right]);
  const claim = { index: 0, size: 1, leaf: leafHash(disguised), proof: [], root: rootAt(2) };
  expect(verifyInclusion(claim)).toBe(false);
});

test("impossible claims and questions are refused", async () => {
  const claim = { index: 0, size: 1, leaf: leafAt(0), proof: [], root: rootAt(1) };
  for (const odd of [{ index: 1 }, { index: -1 }, { size: 0 }, { size: 0.5 }, { size: Infinity }]) {
    expect(verifyInclusion({ ...claim, ...odd })).toBe(false);
  }
  expect(verifyInclusion({ ...claim, leaf: leafAt(0).slice(1) })).toBe(false);
  const refusal = expect.objectContaining({ code: "bad-request" });
  await expect(inclusionProof(NODES, { index: 3, size: 3 })).rejects.toEqual(refusal);
  await expect(consistencyProof(NODES, { from: 4, to: 3 })).rejects.toEqual(refusal);
});
