// Tiles: what is stored is enough to prove every old event, with few reads; it can be written, lost and
// written again without a difference.

import fc from "fast-check";
import { expect, test } from "vitest";
import { Frontier, leafHash, verifyConsistency, verifyInclusion } from "../../src/chain/tree.ts";
import { consistencyProof, inclusionProof, treeRoot } from "../../src/chain/tree-proofs.ts";
import {
  TILE_WIDTH,
  TileNodes,
  TileWriter,
  entryBundle,
  parseTilePath,
  tilePath,
  tileWidth,
  type TileSource,
} from "../../src/chain/tiles.ts";
import { concat, equalBytes } from "../../src/lib/bytes.ts";
import { present } from "./present.ts";

const COUNT = 70_000;
const LEAVES = Array.from({ length: COUNT }, (_, i) => leafHash(new TextEncoder().encode(`${i}`)));

/** A store of tiles as the actor keeps it, and how often it is read and written. */
class Store implements TileSource {
  readonly tiles = new Map<string, Uint8Array>();
  writes = 0;
  /** Stored tiles that did not begin as before: none ever should. */
  rewritten = 0;
  reads = 0;

  feed(writer: TileWriter, leaves: readonly Uint8Array[]): void {
    for (const leaf of leaves) {
      for (const { level, index, hashes } of writer.append(leaf)) {
        const before = this.tiles.get(`${level}/${index}`) ?? new Uint8Array();
        if (!equalBytes(hashes.subarray(0, before.length), before)) this.rewritten++;
        this.tiles.set(`${level}/${index}`, hashes);
        this.writes++;
      }
    }
  }

  tile(level: number, index: number): Uint8Array {
    this.reads++;
    const stored = this.tiles.get(`${level}/${index}`);
    if (stored !== undefined) return stored;
    // The newest events, of which level 0 is made.
    if (level > 0) throw new Error("a higher tile is missing");
    return concat(LEAVES.slice(index * TILE_WIDTH, (index + 1) * TILE_WIDTH));
  }

  /** The edge of a tree of `size` leaves, as an object finds it when it wakes up. */
  edge(size: number): Uint8Array[] {
    const tail = LEAVES.slice(Math.floor(size / TILE_WIDTH) * TILE_WIDTH, size);
    const higher = [1, 2].map((level) => {
      const index = Math.floor(size / TILE_WIDTH ** (level + 1));
      const bytes = this.tiles.get(`${level}/${index}`) ?? new Uint8Array();
      return bytes.length === TILE_WIDTH * 32 ? new Uint8Array() : bytes;
    });
    return [concat(tail), ...higher];
  }
}

const store = new Store();
const writer = new TileWriter();
const frontier = new Frontier();
const roots = new Map<number, Uint8Array>();
store.feed(writer, LEAVES);
for (const leaf of LEAVES) {
  frontier.append(leaf);
  roots.set(frontier.size, frontier.root());
}
const rootAt = (size: number): Uint8Array => roots.get(size) ?? expect.fail(`no root ${size}`);

test("70,000 events are 273 full tiles of level 0, and 276 tiles in all", () => {
  expect(store.tiles.size).toBe(273 + 2 + 1);
  expect(store.tiles.get("1/0")?.length).toBe(8192);
  expect(store.tiles.get("1/1")?.length).toBe(17 * 32);
  expect(store.tiles.get("2/0")?.length).toBe(32);
  expect(tileWidth({ level: 0, index: 273, size: COUNT })).toBe(112);
  // Once in 256 events a full tile of level 0 and the grown one above it, once in 65,536 one more.
  expect([store.writes, store.rewritten]).toEqual([273 * 2 + 1, 0]);
  expect([writer.size, writer.root()]).toEqual([COUNT, rootAt(COUNT)]);
});

test("every old event is proven from at most six tiles", async () => {
  const sizes = fc.oneof(fc.integer({ min: 1, max: COUNT }), fc.constantFrom(256, 257, 65_536));
  await fc.assert(
    fc.asyncProperty(sizes, fc.nat(), async (size, a) => {
      store.reads = 0;
      const index = a % size;
      const proof = await inclusionProof(new TileNodes(store, size), { index, size });
      expect(store.reads).toBeLessThanOrEqual(6);
      const leaf = present(LEAVES[index]);
      expect(verifyInclusion({ index, size, leaf, proof, root: rootAt(size) })).toBe(true);
      expect(verifyInclusion({ index, size, leaf, proof, root: rootAt(COUNT) })).toBe(
        size === COUNT,
      );
    }),
    { numRuns: 150 },
  );
});

test("every older checkpoint is proven to be the beginning of a later one", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: COUNT }), fc.nat(), async (to, a) => {
      const from = 1 + (a % to);
      const nodes = new TileNodes(store, to);
      const proof = await consistencyProof(nodes, { from, to });
      const claim = { from, to, fromRoot: rootAt(from), toRoot: rootAt(to), proof };
      expect(verifyConsistency(claim)).toBe(true);
      expect(await treeRoot(nodes, to)).toEqual(rootAt(to));
    }),
    { numRuns: 150 },
  );
});

test("a writer that wakes up from stored tiles and the newest events goes on as if it had never slept", () => {
  for (const size of [0, 1, 255, 256, 257, 511, 65_535, 65_536, 65_537, 65_792, 69_999]) {
    const again = new Store();
    again.feed(new TileWriter(), LEAVES.slice(0, size));
    const woken = new TileWriter(again.edge(size));
    expect([woken.size, woken.size === 0 || woken.root()]).toEqual([
      size,
      size === 0 || rootAt(size),
    ]);
    const end = Math.min(size + 600, COUNT);
    again.feed(woken, LEAVES.slice(size, end));
    expect(woken.root()).toEqual(rootAt(end));
    const partial = tileWidth({ level: 0, index: Math.floor(end / TILE_WIDTH), size: end });
    expect(woken.partial(0, Math.floor(end / TILE_WIDTH))?.length ?? 0).toBe(partial * 32);
    expect(woken.partial(0, Math.floor(end / TILE_WIDTH) + 1)).toBeUndefined();
  }
});

test("damaged tiles are refused and not proven from", async () => {
  const corrupt = expect.objectContaining({ code: "content-corrupt" });
  expect(() => new TileWriter([new Uint8Array(33)])).toThrow(corrupt);
  expect(() => new TileWriter([new Uint8Array(8192)])).toThrow(corrupt);
  const short: TileSource = { tile: () => new Uint8Array(64) };
  const nodes = new TileNodes(short, 1000);
  await expect(inclusionProof(nodes, { index: 3, size: 1000 })).rejects.toEqual(corrupt);
});

test("tile paths are those of the specification, and have one spelling", () => {
  expect(tilePath({ level: 0, index: 1_234_067 })).toBe("0/x001/x234/067");
  expect(tilePath({ level: "entries", index: 0, width: 256 })).toBe("entries/000");
  expect(tilePath({ level: 1, index: 5, width: 17 })).toBe("1/005.p/17");
  fc.assert(
    fc.property(
      fc.constantFrom(0, 1, 6, "entries" as const),
      fc.maxSafeNat(),
      fc.integer({ min: 1, max: 256 }),
      (level, index, width) => {
        expect(parseTilePath(tilePath({ level, index, width }))).toEqual({ level, index, width });
      },
    ),
  );
  const others = ["0/1", "0/x000/001", "0/001.p/0", "0/001.p/256", "0/001.p/07", "7/001", "-1/001"];
  const more = ["0/x001", "00/001", "entries/001/", "x/001", "0/x999/x999/x999/x999/x999/999"];
  const spellings = [...others, ...more];
  expect(spellings.map(parseTilePath)).toEqual(spellings.map(() => undefined));
});

test("an entry bundle gives each block behind its length", () => {
  const bundle = entryBundle([new Uint8Array(258).fill(7), Uint8Array.of(1, 2)]);
  expect([...bundle.subarray(0, 3)]).toEqual([1, 2, 7]);
  expect([...bundle.subarray(260)]).toEqual([0, 2, 1, 2]);
});
