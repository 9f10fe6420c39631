// The actor's line in the directory: written when its status is not what was last written there.

import type { Directory } from "./directory.ts";
import type { Genesis } from "./birth/genesis.ts";
import type { Cell } from "./record/cell.ts";
import type { Journal } from "./record/journal.ts";

interface ListingParts {
  journal: Journal;
  cell: Cell;
  genesis: Genesis;
  directory: Directory;
}

export class Listing {
  readonly #parts: ListingParts;
  /** The status that the directory has; an object that wakes up writes it once more. */
  #listed: string | undefined;

  constructor(parts: ListingParts) {
    this.#parts = parts;
  }

  get isPending(): boolean {
    return this.#listed !== this.#parts.cell.status;
  }

  async write(): Promise<void> {
    if (!this.isPending) return;
    const { journal, cell, genesis, directory } = this.#parts;
    const { name, component, manifest } = genesis;
    const { status } = cell;
    await directory.record({
      id: journal.actor,
      name,
      component,
      manifest,
      parent: cell.get("parent") ?? null,
      status,
      createdMs: cell.get("createdMs") ?? 0,
      headSeq: journal.head.seq,
      nextDueMs: null,
      updatedMs: Date.now(),
    });
    this.#listed = status;
  }
}
