// The actor's line in the directory: written when its status or its version is not what was last written
// there, or the time of its next timer is another. What was written is kept, so that a wake-up costs no statement.
//
// The time is there to find actors whose alarm was lost, so it may be a little wrong: an interval of seconds
// must not become a write to D1 every few seconds.

import type { Directory } from "./directory.ts";
import { siteGrant } from "../handlers/http-framework.ts";
import type { Genesis } from "./birth/genesis.ts";
import type { CurrentVersion } from "./upgrade/version.ts";
import type { Cell } from "./record/cell.ts";
import type { Journal } from "./record/journal.ts";

interface ListingParts {
  journal: Journal;
  cell: Cell;
  genesis: Genesis;
  version: CurrentVersion;
  directory: Directory;
  /** When the earliest timer that may fire is due, ms since the epoch. */
  timerMs: () => number | undefined;
}

/** How far the directory's time may be from the true one, either way. */
const LISTED_MS_SLACK = 10 * 60_000;

export class Listing {
  readonly #parts: ListingParts;
  constructor(parts: ListingParts) {
    this.#parts = parts;
  }

  get isPending(): boolean {
    const { cell, timerMs } = this.#parts;
    const listed = cell.get("listed") ?? null;
    if (listed?.status !== cell.status) return true;
    const dueMs = timerMs() ?? null;
    if (dueMs === null || listed.dueMs === null) return dueMs !== listed.dueMs;
    return Math.abs(dueMs - listed.dueMs) > LISTED_MS_SLACK;
  }

  /** In a transaction: the directory may have lost the line. */
  redo(): void {
    this.#parts.cell.set("listed", null);
  }

  async write(): Promise<void> {
    if (!this.isPending) return;
    const { journal, cell, genesis, version, directory, timerMs } = this.#parts;
    const { component, manifest, permissions } = version.now;
    const { publicName, public: isPublic } = siteGrant(permissions.held["http-framework"]);
    const { status } = cell;
    const dueMs = timerMs() ?? null;
    await directory.record({
      id: journal.actor,
      name: genesis.name,
      component,
      manifest,
      parent: cell.get("parent") ?? null,
      status,
      createdMs: cell.get("createdMs") ?? 0,
      headSeq: journal.head.seq,
      nextDueMs: dueMs,
      updatedMs: Date.now(),
      site: publicName?.[0],
      isPublic: isPublic === true,
    });
    // A crash before this, and the same line is written again.
    journal.transaction(() => cell.set("listed", { status, dueMs }));
  }
}
