// The Merkle tree over an actor's events, in its own SQLite. It follows the ledger, not the turns: only
// what the ledger holds is ever signed, so a turn pays nothing for it.
//
// Invariant: the tiles are what the events make them. As long as all events are in the journal they can be
// deleted and are built again. Events are sealed only when their tiles are full.

import { TileNodes, tileWidth, TileWriter, type Tile } from "../../chain/tiles.ts";
import { treeRoot } from "../../chain/tree-proofs.ts";
import { leafHash } from "../../chain/tree.ts";
import { concat } from "../../lib/bytes.ts";
import { TheaterError } from "../../lib/errors.ts";
import type { Journal } from "./journal.ts";

/** Events of one step; the journal's pages are no longer. */
const STEP_EVENTS = 1_000;
export const TILE_WIDTH = 256;
const LEVELS = 7;

export class TreeKeeper {
  readonly #sql: SqlStorage;
  readonly #journal: Journal;
  #writer: TileWriter | undefined;

  constructor(sql: SqlStorage, journal: Journal) {
    this.#sql = sql;
    this.#journal = journal;
  }

  /** Takes the events before `size` in, as far as it has not yet. */
  advance(size: number): void {
    const writer = (this.#writer ??= this.#open());
    while (writer.size < size) {
      const entries = this.#journal.entries(writer.size, Math.min(STEP_EVENTS, size - writer.size));
      if (entries.length === 0) throw lost(writer.size);
      try {
        this.#journal.transaction(() => {
          for (const { block } of entries) {
            for (const tile of writer.append(leafHash(block))) this.#keep(tile);
          }
        });
      } catch (thrown) {
        this.#writer = undefined; // it is ahead of the disk: open it again next time
        throw thrown;
      }
    }
  }

  get size(): number {
    return this.#writer?.size ?? 0;
  }

  /** The root of the tree of the first `size` events, which may have grown since. */
  async rootAt(size: number): Promise<Uint8Array> {
    const writer = (this.#writer ??= this.#open());
    return writer.size === size ? writer.root() : await treeRoot(this.nodes(size), size);
  }

  /** The nodes of the tree of the first `size` events, for proofs. */
  nodes(size: number): TileNodes {
    const source = {
      tile: (level: number, index: number, width: number) => this.tile(level, index, width),
    };
    return new TileNodes(source, size);
  }

  /** The first `width` hashes of a tile. Throws `not-found` for one that the tree does not have. */
  tile(level: number, index: number, width: number): Uint8Array {
    if (width > tileWidth({ level, index, size: this.size })) {
      const message = "The tree has no such tile: ask for one within the newest checkpoint.";
      throw new TheaterError("not-found", message, { level, index, width });
    }
    const bytes = this.#stored(level, index) ?? this.#leaves(index * TILE_WIDTH, width);
    return bytes.subarray(0, width * 32);
  }

  /** Goes on where the stored tiles end. */
  #open(): TileWriter {
    const edge: Uint8Array[] = [];
    for (let level = LEVELS - 1; level > 0; level--) {
      const [row] = this.#sql
        .exec<{ hashes: ArrayBuffer }>(
          "SELECT hashes FROM tile WHERE level = ? ORDER BY place DESC LIMIT 1",
          level,
        )
        .toArray();
      const hashes = row === undefined ? new Uint8Array() : new Uint8Array(row.hashes);
      const isFull = hashes.length === TILE_WIDTH * 32;
      if (edge.length > 0 || hashes.length > 0) edge.unshift(isFull ? new Uint8Array() : hashes);
    }
    // Level 0 is stored when full; its newest tile is made from the newest events by `advance`.
    return new TileWriter([new Uint8Array(), ...edge]);
  }

  #keep({ level, index, hashes }: Tile): void {
    this.#sql.exec("INSERT OR REPLACE INTO tile VALUES (?, ?, ?)", level, index, hashes);
  }

  #stored(level: number, index: number): Uint8Array | undefined {
    const [row] = this.#sql
      .exec<{ hashes: ArrayBuffer }>(
        "SELECT hashes FROM tile WHERE level = ? AND place = ?",
        level,
        index,
      )
      .toArray();
    return row === undefined ? undefined : new Uint8Array(row.hashes);
  }

  #leaves(from: number, count: number): Uint8Array {
    const hashes: Uint8Array[] = [];
    while (hashes.length < count) {
      const entries = this.#journal.entries(from + hashes.length, count - hashes.length);
      if (entries.length === 0) throw lost(from + hashes.length);
      hashes.push(...entries.map(({ block }) => leafHash(block)));
    }
    return concat(hashes);
  }
}

function lost(seq: number): TheaterError {
  const message = "A tile of sealed events is missing: restore the actor's object from a backup.";
  return new TheaterError("content-corrupt", message, { seq });
}
