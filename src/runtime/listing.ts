// The actor's line in the directory: written when its status is not what was last written there, or the
// time of its next timer is another. That time is for finding actors whose alarm was lost, so it may be a
// little wrong: an interval of seconds must not become a write to D1 every few seconds.

import type { Directory } from "./directory.ts";
import type { Genesis } from "./birth/genesis.ts";
import type { Cell } from "./record/cell.ts";
import type { Journal } from "./record/journal.ts";

interface ListingParts {
  journal: Journal;
  cell: Cell;
  genesis: Genesis;
  directory: Directory;
  /** When the earliest timer that may fire is due, ms since the epoch. */
  timerMs: () => number | undefined;
}

/** How far the directory's time may be from the true one, either way. */
export const LISTED_MS_SLACK = 10 * 60_000;

export class Listing {
  readonly #parts: ListingParts;
  /** What the directory has. An object that wakes up does not know, and writes once with what it feeds. */
  #listed: { status: string; dueMs: number | null } | undefined;
  #isTried = false;

  constructor(parts: ListingParts) {
    this.#parts = parts;
  }

  /** Whether the directory is known to be wrong; one that a new life has not looked at is not. */
  get isPending(): boolean {
    return this.#isTried && !this.#isRight();
  }

  #isRight(): boolean {
    if (this.#listed?.status !== this.#parts.cell.status) return false;
    const [dueMs, listedMs] = [this.#parts.timerMs() ?? null, this.#listed.dueMs];
    if (dueMs === null || listedMs === null) return dueMs === listedMs;
    return Math.abs(dueMs - listedMs) <= LISTED_MS_SLACK;
  }

  async write(): Promise<void> {
    this.#isTried = true;
    if (this.#isRight()) return;
    const { journal, cell, genesis, directory, timerMs } = this.#parts;
    const { name, component, manifest } = genesis;
    const { status } = cell;
    const dueMs = timerMs() ?? null;
    await directory.record({
      id: journal.actor,
      name,
      component,
      manifest,
      parent: cell.get("parent") ?? null,
      status,
      createdMs: cell.get("createdMs") ?? 0,
      headSeq: journal.head.seq,
      nextDueMs: dueMs,
      updatedMs: Date.now(),
    });
    this.#listed = { status, dueMs };
  }
}
