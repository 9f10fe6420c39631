// The actor's line in the directory: written when its status or its version is not what was last written
// there, or the time of its next timer is another. What was written is kept, so that a wake-up costs no statement; it is
// kept along with the next thing that is, so that nobody waits for the disk once more.
//
// The time is there to find actors whose alarm was lost, so it may be a little wrong: an interval of seconds
// must not become a write to D1 every few seconds.

import type { Directory } from "./directory.ts";
import { siteGrant } from "../handlers/http-framework.ts";
import type { Genesis } from "./birth/genesis.ts";
import type { CurrentVersion } from "./upgrade/version.ts";
import type { Cell, CellValues } from "./record/cell.ts";
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

/** What the directory is known to show. */
type Listed = CellValues["listed"];

/** How far the directory's time may be from the true one, either way. */
const LISTED_MS_SLACK = 10 * 60_000;

export class Listing {
  readonly #parts: ListingParts;
  /** As this life has written it; undefined where it has not, and the cell says it. */
  #written: Listed | undefined;
  /** How often the line was to be written anew. */
  #redone = 0;

  constructor(parts: ListingParts) {
    this.#parts = parts;
  }

  get isPending(): boolean {
    const { cell, timerMs } = this.#parts;
    const listed = this.#written ?? cell.get("listed") ?? null;
    if (listed?.status !== cell.status) return true;
    const dueMs = timerMs() ?? null;
    if (dueMs === null || listed.dueMs === null) return dueMs !== listed.dueMs;
    return Math.abs(dueMs - listed.dueMs) > LISTED_MS_SLACK;
  }

  /** In a transaction: the directory may have lost the line. */
  redo(): void {
    this.#redone++;
    this.#written = undefined;
    this.#parts.cell.set("listed", null);
  }

  /**
   * Along with whatever else is written: what the directory shows, or that it may show something else than it should. So a
   * life that ends between the directory's line and this leaves nothing behind that could pass for the newest line.
   */
  note(): void {
    const { cell } = this.#parts;
    const noted = cell.get("listed") ?? null;
    const shown = this.isPending ? null : (this.#written ?? noted);
    if (noted?.status === shown?.status && noted?.dueMs === shown?.dueMs) return;
    cell.set("listed", shown);
  }

  async write(): Promise<void> {
    if (!this.isPending) return;
    const redone = this.#redone;
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
    if (this.#redone === redone) this.#written = { status, dueMs };
  }
}
