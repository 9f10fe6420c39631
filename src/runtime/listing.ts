// The actor's line in the directory: written when its status is not what was last written there. What was
// written is kept, so that a wake-up costs no statement.

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
  constructor(parts: ListingParts) {
    this.#parts = parts;
  }

  get isPending(): boolean {
    const { cell } = this.#parts;
    return cell.get("listed") !== cell.status;
  }

  /** In a transaction: the directory may have lost the line. */
  redo(): void {
    this.#parts.cell.set("listed", null);
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
    // A crash before this, and the same line is written again.
    journal.transaction(() => cell.set("listed", status));
  }
}
