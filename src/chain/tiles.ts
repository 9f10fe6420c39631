// Which nodes of a tree are stored, after C2SP tlog-tiles: tile (level, index) holds the hashes of up to
// 256 neighbouring subtrees of 256^level leaves each. Everything in between is hashed when needed. Rules:
// - A full tile never changes. A partial tile is a beginning of the later, fuller one.
// - Level 0 is stored when full; until then its at most 255 hashes come from the newest events.
// - A higher tile is stored with every hash it gains, so once in 256^level events.
// So storage is written once in 256 events, and whatever is lost is rebuilt from the events.

import { concat } from "../lib/bytes.ts";
import { TheaterError, assert } from "../lib/errors.ts";
import { Frontier, HASH_BYTES, joinRoots, nodeHash, splitHashes } from "./tree.ts";
import type { TreeNodes } from "./tree-proofs.ts";

/** Hashes in a full tile. */
export const TILE_WIDTH = 256;
const TILE_HEIGHT = 8;
/** 256^7 > 2^53: no size reaches a tile above level 6. */
const TILE_LEVEL_MAX = 6;

export interface Tile {
  readonly level: number;
  readonly index: number;
  /** 1 to 256 hashes of 32 bytes, one after the other. */
  readonly hashes: Uint8Array;
}

/** Follows a tree as it grows, and says what to store. Holds at most 255 hashes per level. */
export class TileWriter {
  readonly #frontier: Frontier;
  /** By level: the hashes of the tile that is not full yet. */
  readonly #edge: Uint8Array[][];

  /**
   * Goes on behind stored tiles. `edge[level]` are the hashes of the partial tile of that level (empty
   * where it has none): as stored for the higher levels, leaf hashes of the newest events for level 0.
   * Throws `content-corrupt` where they are no partial tiles.
   */
  constructor(edge: readonly Uint8Array[] = []) {
    this.#edge = edge.map((tile) => {
      const hashes = splitHashes(tile);
      if (hashes !== undefined && hashes.length < TILE_WIDTH) return hashes;
      const message = "A stored partial tile is damaged: build the tiles again from the events.";
      throw new TheaterError("content-corrupt", message, { bytes: tile.length });
    });
    const size = this.#edge.reduceRight((sum, { length }) => sum * TILE_WIDTH + length, 0);
    this.#frontier = new Frontier(size, this.#edge.toReversed().flatMap(subtreeRoots));
  }

  get size(): number {
    return this.#frontier.size;
  }

  root(): Uint8Array {
    return this.#frontier.root();
  }

  /** Takes the next leaf's hash; returns the tiles to store now, most often none, in place of older ones. */
  append(leaf: Uint8Array): readonly Tile[] {
    const grown: Tile[] = [];
    this.#frontier.append(leaf, (treeLevel, nodeIndex, hash) => {
      if (treeLevel % TILE_HEIGHT !== 0) return;
      const level = treeLevel / TILE_HEIGHT;
      const hashes = (this.#edge[level] ??= []);
      hashes.push(hash);
      const isFull = hashes.length === TILE_WIDTH;
      if (level > 0 || isFull) {
        const index = Math.floor(nodeIndex / TILE_WIDTH);
        grown.push({ level, index, hashes: concat(hashes) });
      }
      if (isFull) hashes.length = 0;
    });
    return grown;
  }

  /** A tile that is not full yet; undefined for any other. */
  partial(level: number, index: number): Uint8Array | undefined {
    const hashes = this.#edge[level];
    const isEdge = Math.floor(this.size / TILE_WIDTH ** (level + 1)) === index;
    return isEdge && hashes !== undefined && hashes.length > 0 ? concat(hashes) : undefined;
  }
}

/** How many hashes the tile has in the tree of `size` leaves: 0 to 256. */
export function tileWidth(tile: { level: number; index: number; size: number }): number {
  const first = tile.index * TILE_WIDTH;
  const complete = Math.floor(tile.size / TILE_WIDTH ** tile.level);
  return Math.max(0, Math.min(TILE_WIDTH, complete - first));
}

/** Where tiles are found again. */
export interface TileSource {
  /** The tile's first `width` hashes, or more of them. */
  tile(level: number, index: number, width: number): Uint8Array | Promise<Uint8Array>;
}

/** The nodes of a tree of `size` leaves, from its tiles: each is fetched once, six at 10 million leaves. */
export class TileNodes implements TreeNodes {
  readonly #source: TileSource;
  readonly #size: number;
  readonly #tiles = new Map<string, Promise<readonly Uint8Array[]>>();

  constructor(source: TileSource, size: number) {
    this.#source = source;
    this.#size = size;
  }

  async node(level: number, index: number): Promise<Uint8Array> {
    const count = 2 ** (level % TILE_HEIGHT);
    const first = index * count;
    const tile = { level: Math.floor(level / TILE_HEIGHT), index: Math.floor(first / TILE_WIDTH) };
    const hashes = await this.#tile(tile);
    const within = first % TILE_WIDTH;
    const [root, ...rest] = subtreeRoots(hashes.slice(within, within + count));
    assert(root !== undefined && rest.length === 0, "a complete subtree has one root");
    return root;
  }

  async #tile({ level, index }: { level: number; index: number }): Promise<readonly Uint8Array[]> {
    const name = `${level}/${index}`;
    const known = this.#tiles.get(name) ?? this.#fetch(level, index);
    this.#tiles.set(name, known);
    return await known;
  }

  async #fetch(level: number, index: number): Promise<readonly Uint8Array[]> {
    const width = tileWidth({ level, index, size: this.#size });
    const bytes = await this.#source.tile(level, index, width);
    const hashes = splitHashes(bytes.subarray(0, width * HASH_BYTES));
    if (width > 0 && hashes?.length === width) return hashes;
    const message = "A stored tile is too short: build the tiles again from the events.";
    throw new TheaterError("content-corrupt", message, { level, index, width });
  }
}

/** The path of a tile below `…/tile/`, e.g. `1/x001/234.p/17`; `width` only where it is partial. */
export function tilePath(tile: {
  level: number | "entries";
  index: number;
  width?: number;
}): string {
  const groups: string[] = [];
  let rest = tile.index;
  do {
    groups.unshift(String(rest % 1000).padStart(3, "0"));
    rest = Math.floor(rest / 1000);
  } while (rest > 0);
  const path = [String(tile.level), ...groups.slice(0, -1).map((group) => `x${group}`)];
  const partial = tile.width === undefined || tile.width === TILE_WIDTH ? "" : `.p/${tile.width}`;
  return `${[...path, groups.at(-1)].join("/")}${partial}`;
}

/** Reads what `tilePath` writes, `width` 256 for a full tile; undefined for any other spelling. */
export function parseTilePath(
  path: string,
): { level: number | "entries"; index: number; width: number } | undefined {
  const parts = /^(entries|\d)\/((?:x\d{3}\/){0,5}\d{3})(?:\.p\/(\d{1,3}))?$/.exec(path);
  if (parts === null) return undefined;
  const [, name, groups = "", partial] = parts;
  const level = name === "entries" ? name : Number(name);
  const index = Number(groups.replaceAll(/[x/]/g, ""));
  const width = partial === undefined ? TILE_WIDTH : Number(partial);
  const isSound = (level === "entries" || level <= TILE_LEVEL_MAX) && Number.isSafeInteger(index);
  // Leading zeros, widths of 0 and full partial tiles have no path.
  return isSound && width > 0 && tilePath({ level, index, width }) === path
    ? { level, index, width }
    : undefined;
}

/** The events of a level 0 tile as C2SP tlog-tiles bundles them: each block behind its length in 2 bytes. */
export function entryBundle(blocks: readonly Uint8Array[]): Uint8Array {
  return concat(
    blocks.flatMap((block) => {
      assert(block.length <= 0xffff, "an event's length fits in two bytes");
      return [Uint8Array.of(block.length >> 8, block.length & 0xff), block];
    }),
  );
}

/** The roots of the complete subtrees that a row of neighbours makes, the largest first. */
function subtreeRoots(row: readonly Uint8Array[]): Uint8Array[] {
  const roots: Uint8Array[] = [];
  for (let start = 0; start < row.length;) {
    let width = 1;
    while (width * 2 <= row.length - start) width *= 2;
    roots.push(subtreeRoot(row.slice(start, start + width)));
    start += width;
  }
  return roots;
}

/** The root over a power of two of hashes. */
function subtreeRoot(row: readonly Uint8Array[]): Uint8Array {
  if (row.length === 1) return joinRoots(row);
  const middle = row.length / 2;
  return nodeHash(subtreeRoot(row.slice(0, middle)), subtreeRoot(row.slice(middle)));
}
