// What test/vectors/proofs-v1.json holds: proofs about the chain in chain-v1.json, and about a tree large
// enough to have tiles. Fixed like that file.

import { writeChainCar } from "../../src/chain/car.ts";
import { signCheckpoint } from "../../src/chain/checkpoint.ts";
import { parseCid } from "../../src/chain/cid.ts";
import { sha256 } from "../../src/chain/hash.ts";
import { importLogKey } from "../../src/chain/keys.ts";
import { verifierKey } from "../../src/chain/note.ts";
import { TileNodes, TileWriter, tilePath } from "../../src/chain/tiles.ts";
import { leafHash } from "../../src/chain/tree.ts";
import { consistencyProof, inclusionProof } from "../../src/chain/tree-proofs.ts";
import { concat, fromUtf8, toBase64, toHex } from "../../src/lib/bytes.ts";
import { digestOf, sampleChain } from "./sample-chain.ts";
import { LOG, SECRET, SignedChain, logKey } from "./signed-chain.ts";

const ABOUT = [
  "Proof vectors of Theater; docs/proofs.md explains them. The chain is the one in chain-v1.json. Hashes",
  "and files are base64, as the text formats have them. `numbers` is a tree whose leaf i is the decimal",
  "ASCII text of i, from 0; `tiles` gives the SHA-256 (hex) of whole tiles by their path.",
].join(" ");

const NUMBERS = 70_000;

export async function makeProofVectors(): Promise<unknown> {
  const chain = sampleChain();
  const signed = new SignedChain(chain);
  const size = chain.lines.length;
  const sizes = Array.from({ length: size + 1 }, (_, n) => n);
  const inclusions = sizes.slice(0, -1).flatMap((index) => [
    { index, size },
    { index: Math.floor(index / 3), size: index + 1 },
  ]);
  const pairs = sizes.slice(1).flatMap((to) => [1, 3, 4, 7, 8, to].map((from) => ({ from, to })));
  const next = await importLogKey(toBase64(digestOf("next secret of the log")));
  const chunks: Uint8Array[] = [];
  const cid = chain.head().cid;
  for await (const chunk of writeChainCar(parseCid(cid), chain.lines)) chunks.push(chunk);
  return {
    about: ABOUT,
    log: {
      name: LOG,
      secret: SECRET,
      publicKey: toHex(logKey.publicKey),
      verifierKey: verifierKey({ name: LOG, publicKey: logKey.publicKey }),
      chainVerifierKey: verifierKey({ name: signed.origin, publicKey: logKey.publicKey }),
    },
    roots: await Promise.all(sizes.map(async (n) => toBase64((await signed.checkpoint(n)).root))),
    inclusion: await Promise.all(
      inclusions.map(async (one) => ({
        ...one,
        hashes: (await signed.inclusion(one.index, one.size)).map(toBase64),
      })),
    ),
    consistency: await Promise.all(
      pairs
        .filter(({ from, to }) => from <= to)
        .map(async ({ from, to }) => ({
          from,
          to,
          hashes: (await signed.consistency(from, to)).map(toBase64),
        })),
    ),
    checkpoints: await Promise.all([1, 8, size].map(async (n) => await signed.note(n))),
    rekeyed: await signCheckpoint([logKey, next], await signed.checkpoint()),
    receipts: [await signed.receipt(2, 7), await signed.receipt(0, 0, 1)],
    car: toBase64(concat(chunks)),
    numbers: await numbers(),
  };
}

async function numbers(): Promise<unknown> {
  const [writer, tiles] = [new TileWriter(), new Map<string, Uint8Array>()];
  for (let i = 0; i < NUMBERS; i++) {
    for (const { level, index, hashes } of writer.append(leafHash(fromUtf8(String(i))))) {
      tiles.set(tilePath({ level, index }), hashes);
    }
  }
  const tile = (level: number, index: number): Uint8Array =>
    tiles.get(tilePath({ level, index })) ?? writer.partial(level, index) ?? new Uint8Array();
  const nodes = new TileNodes({ tile }, NUMBERS);
  const at = [0, 255, 256, 65_535, 65_536, 69_887, 69_888, NUMBERS - 1];
  return {
    count: NUMBERS,
    root: toBase64(writer.root()),
    tiles: Object.fromEntries(
      [tilePath({ level: 0, index: 0 }), tilePath({ level: 0, index: 272 }), "1/000"].map(
        (path) => [path, toHex(sha256(tiles.get(path) ?? new Uint8Array()))],
      ),
    ),
    inclusion: await Promise.all(
      at.map(async (index) => ({
        index,
        hashes: (await inclusionProof(nodes, { index, size: NUMBERS })).map(toBase64),
      })),
    ),
    consistency: await Promise.all(
      [1, 255, 256, 65_536, 65_537, 69_999].map(async (from) => ({
        from,
        hashes: (await consistencyProof(nodes, { from, to: NUMBERS })).map(toBase64),
      })),
    ),
  };
}
