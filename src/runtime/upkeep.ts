// What becomes of a chain behind its turns: fed to the ledger, listed, sealed, erased from, signed. None of
// it is ever waited for by a turn, and all of it is repeated by the alarm until it is done.

import { ensureTheaterError, type TheaterError } from "../lib/errors.ts";
import type { Genesis } from "./birth/genesis.ts";
import { Listing } from "./listing.ts";
import type { Idempotency } from "./mail/idempotency.ts";
import type { Mailbox } from "./mail/mailbox.ts";
import type { Outbox } from "./mail/outbox.ts";
import type { Erasure, ErasureInput, Mark } from "./protocol.ts";
import type { Cell } from "./record/cell.ts";
import { Eraser } from "./record/eraser.ts";
import { Feeder } from "./record/feeder.ts";
import type { History } from "./record/history.ts";
import type { Journal } from "./record/journal.ts";
import { Notary } from "./record/notary.ts";
import { Sealer } from "./record/sealer.ts";
import { TreeKeeper } from "./record/tree-keeper.ts";
import type { Surroundings } from "./surroundings.ts";
import type { CurrentVersion } from "./upgrade/version.ts";

/** Acknowledged events that a life may not know of: half of what one append takes. */
const NOTED_EVENTS = 500;

interface UpkeepParts {
  around: Surroundings;
  sql: SqlStorage;
  journal: Journal;
  history: History;
  cell: Cell;
  mailbox: Mailbox;
  idempotency: Idempotency;
  outbox: Outbox;
  genesis: Genesis;
  version: CurrentVersion;
  /** When the earliest timer that may fire is due, ms since the epoch. */
  timerMs: () => number | undefined;
  /** The ledger holds another history under this name. */
  onFork: (error: TheaterError) => void;
}

export class Upkeep {
  readonly #journal: Journal;
  readonly #cell: Cell;
  readonly #sealer: Sealer;
  readonly #eraser: Eraser;
  readonly #listing: Listing;
  readonly feeder: Feeder;
  readonly notary: Notary;

  constructor(parts: UpkeepParts) {
    const { around, sql, journal, history, cell, onFork } = parts;
    this.#journal = journal;
    this.#cell = cell;
    const acknowledged = cell.get("acknowledged") ?? -1;
    this.feeder = new Feeder(journal, history, around.ledger, acknowledged, onFork);
    this.feeder.onRewind = (lostFrom) => this.#onRewind(lostFrom);
    const tree = new TreeKeeper(sql, journal);
    const own = { ...around, ...parts, tree };
    this.#sealer = new Sealer({ ...own, acknowledged: () => this.feeder.acknowledged });
    this.#eraser = new Eraser({ ...own, feeder: this.feeder, sealer: this.#sealer });
    this.#listing = new Listing(own);
    const feed = async (): Promise<number> => {
      await this.feed();
      return this.feeder.acknowledged;
    };
    this.notary = new Notary({ ...own, feed });
  }

  get isPending(): boolean {
    return (
      this.feeder.isPending ||
      this.#eraser.isPending ||
      this.#sealer.isPending ||
      this.#listing.isPending
    );
  }

  /**
   * So that the next life knows how far the ledger and the directory are. In the transactions of turns it is not worth a row each
   * time: the alarm, which comes before an object is idle for long, notes the rest, and a life that knows too
   * little sends again what the ledger has, which is no error.
   */
  noteAcknowledged(now: boolean): void {
    this.#listing.note();
    const { acknowledged } = this.feeder;
    const news = acknowledged - (this.#cell.get("acknowledged") ?? -1);
    if (news === 0 || (!now && news > 0 && news < NOTED_EVENTS)) return;
    this.#cell.set("acknowledged", acknowledged);
  }

  /** Brings the ledger, and the directory's line on this actor, up to the present. */
  async feed(): Promise<void> {
    try {
      await this.feeder.feed();
    } finally {
      await this.#eraser.finish();
      await this.#listing.write(); // a chain that forked is what a list must show
    }
  }

  /** The directory's line alone. One that cannot be written stays pending. */
  async list(): Promise<void> {
    await this.#listing.write().catch(() => undefined);
  }

  /** Moves old events to the archive. What fails stays pending. */
  async seal(): Promise<void> {
    if (this.feeder.isForked || !this.#sealer.isPending) return;
    await this.#sealer.run().catch(() => undefined);
    await this.#eraser.finish();
  }

  /** Erased is what this returns for, whether or not all copies are gone yet: that is repeated until so. */
  async erase(input: ErasureInput): Promise<Erasure> {
    const event = await this.#eraser.erase(input);
    await this.feed().catch(() => undefined);
    return { event, complete: !this.#eraser.isPending };
  }

  /** As `feed`, but a ledger that does not answer is no error: the journal still has everything. */
  async settle(recheck: boolean): Promise<Mark> {
    const head = this.#journal.headRef();
    try {
      if (recheck) this.#journal.transaction(() => this.#listing.redo());
      if (recheck) await this.feeder.recheck();
      await this.feed();
    } catch (thrown) {
      const { code } = ensureTheaterError(thrown);
      if (code === "chain-fork") throw thrown;
    }
    return { head, ledgerSeq: this.feeder.acknowledged, shard: this.#cell.get("shard") ?? 0 };
  }

  /** In a transaction after which the directory's line says something else. */
  relist(): void {
    this.#listing.redo();
  }

  /** The ledger lacks what it had (a restored database): it is filled again, and the chain says so. */
  #onRewind(lostFrom: number): void {
    this.#journal.transaction(() => {
      const fields = { reason: "ledger-behind", lostFrom, evidence: null };
      this.#journal.append({ type: "actor.recovered", about: "", turn: 0, fields });
      this.#listing.redo();
    });
    this.#eraser.redo();
    this.#sealer.redo();
  }
}
