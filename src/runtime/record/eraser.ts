// Erases payloads: in the journal at once and for good, then wherever else their bytes are, again and again
// until it is done.
//
// The order makes it safe. The journal forgets the bytes in the transaction that appends `payload.erased`,
// so nothing that is fed later holds them. The ledger is told only after it has acknowledged the event:
// its row is there, and whichever append is still on its way is ignored by the ledger's own triggers.

import { isErasable, type EventType } from "../../chain/event-types.ts";
import { cidText } from "../../chain/cid.ts";
import { READ_ROWS_MAX, type Ledger, type LedgerEntry } from "../../chain/ledger.ts";
import { Link } from "../../chain/value.ts";
import { assert, TheaterError } from "../../lib/errors.ts";
import type { Births } from "../birth/births.ts";
import type { Cell } from "./cell.ts";
import type { Blocks } from "./content.ts";
import type { Feeder } from "./feeder.ts";
import type { History } from "./history.ts";
import type { Idempotency } from "../mail/idempotency.ts";
import type { Journal } from "./journal.ts";
import type { Mailbox } from "../mail/mailbox.ts";
import type { Outbox } from "../mail/outbox.ts";
import type { Sealer } from "./sealer.ts";
import { ERASED_MAX, type ErasureInput, type EventRef } from "../protocol.ts";

interface EraserParts {
  sql: SqlStorage;
  journal: Journal;
  cell: Cell;
  mailbox: Mailbox;
  outbox: Outbox;
  idempotency: Idempotency;
  feeder: Feeder;
  ledger: Ledger;
  births: Births;
  blocks: Blocks;
  history: History;
  sealer: Sealer;
}

/** An event whose payload may be erased now. */
interface Erasable {
  seq: number;
  type: EventType;
  turn: number;
}

export class Eraser {
  readonly #parts: EraserParts;
  #finishing: Promise<void> | undefined;

  constructor(parts: EraserParts) {
    this.#parts = parts;
  }

  /**
   * Erases the payloads of `seqs`, all or none, and returns the event that says so; where all of them are
   * erased already, the newest event that said so. `finish` does the rest.
   *
   * Errors: `not-found` for a seq behind the head, `bad-request` for what is never erased, `wrong-state`
   * while the message waits, its turn runs, or what it sent is on its way.
   */
  async erase({ seqs, reason, by }: ErasureInput): Promise<EventRef> {
    const { sql, journal, idempotency } = this.#parts;
    assert(seqs.length > 0 && seqs.length <= ERASED_MAX, `1 to ${ERASED_MAX} payloads at a time`);
    const wanted = [...new Set(seqs)].sort((a, b) => a - b);
    const sealed = await this.#sealedOf(wanted);
    const present = wanted.flatMap((seq) => this.#check(seq, sealed.get(seq)) ?? []);
    if (present.length === 0) return await this.#ref(this.#newestErasureOf(wanted));
    const positions = present.map(({ seq }) => seq);
    const { seq, cid } = journal.transaction(() => {
      const fields = { seqs: positions, reason, by };
      const event = journal.append({ type: "payload.erased", about: "", turn: 0, fields });
      idempotency.forget([...positions, ...present.flatMap((each) => this.#endOf(each) ?? [])]);
      for (const position of positions) {
        for (const digest of journal.erase(position, sealed.get(position)?.payload.block)) {
          sql.exec("INSERT OR IGNORE INTO unerased_block VALUES (?)", digest);
        }
        sql.exec("INSERT INTO erasure VALUES (?, ?)", position, event.seq);
        sql.exec("INSERT INTO unerased_payload VALUES (?)", position);
      }
      return event;
    });
    return { seq, cid };
  }

  /** The sealed ones, read until nothing was sealed meanwhile. */
  async #sealedOf(seqs: readonly number[]): Promise<Map<number, LedgerEntry>> {
    const { history } = this.#parts;
    for (;;) {
      const before = history.sealed;
      const found = await history.sealedOf(seqs);
      if (history.sealed === before) return found;
    }
  }

  async #ref(seq: number): Promise<EventRef> {
    const [entry] = await this.#parts.history.entries(seq, 1);
    assert(entry !== undefined, `event ${seq} is in the chain`);
    return { seq, cid: cidText(new Link("dag-cbor", entry.cid)) };
  }

  /** Undefined if it is erased already. */
  #check(seq: number, sealed: LedgerEntry | undefined): Erasable | undefined {
    const { journal, cell, mailbox, outbox } = this.#parts;
    const event = journal.about(seq) ?? this.#aboutSealed(sealed);
    if (event === undefined) {
      throw new TheaterError("not-found", `The chain ends at event ${journal.head.seq}.`, { seq });
    }
    const { type, turn, isErased } = event;
    if (isErased) return undefined;
    if (!isErasable(type)) {
      const message = `Event ${seq} is ${type}, without which a chain cannot be checked: it stays.`;
      throw new TheaterError("bad-request", message, { seq, type });
    }
    if (mailbox.holds(seq)) throw refused(seq, "the message has not had its turn yet");
    const open = cell.get("openTurn");
    if (open != null && (open.turn === turn || open.message === seq)) {
      throw refused(seq, "its turn is running");
    }
    if (type === "host.called" && outbox.holdsTurn(turn)) {
      throw refused(seq, "what its turn sent has not arrived yet");
    }
    return { seq, type, turn };
  }

  #aboutSealed(entry: LedgerEntry | undefined): ReturnType<Journal["about"]> {
    if (entry === undefined) return undefined;
    const { seq, type, turn, about } = entry;
    const isErased =
      this.#parts.sql.exec("SELECT 1 FROM erasure WHERE seq = ?", seq).toArray().length > 0;
    return { type: type as EventType, turn, about, isErased };
  }

  /** For the message of a request: the event that ended its turn, under which its key is kept. */
  #endOf({ seq, type, turn }: Erasable): number | undefined {
    if (type !== "message.received" || turn === 0) return undefined;
    return this.#parts.journal.endOfTurn(turn, seq);
  }

  #newestErasureOf(seqs: readonly number[]): number {
    const query =
      "SELECT max(event) AS event FROM erasure WHERE seq IN (SELECT value FROM json_each(?))";
    const [row] = this.#parts.sql
      .exec<{ event: number | null }>(query, JSON.stringify(seqs))
      .toArray();
    assert(row?.event != null, "an erased payload has an event that says so");
    return row.event;
  }

  /** Whether bytes of erased payloads may still be in D1 or R2. */
  get isPending(): boolean {
    const { sql } = this.#parts;
    const [row] = sql
      .exec<{ pending: number }>(
        `SELECT EXISTS (SELECT 1 FROM unerased_payload) OR EXISTS (SELECT 1 FROM unerased_block) AS pending`,
      )
      .toArray();
    return row?.pending === 1;
  }

  /** The ledger went back to an earlier day and may hold again what was erased since. */
  redo(): void {
    this.#parts.sql.exec("INSERT OR IGNORE INTO unerased_payload SELECT seq FROM erasure");
  }

  /** Goes on with what is pending, as far as it gets. Never throws: what fails stays pending. */
  async finish(): Promise<void> {
    if (!this.isPending) return;
    this.#finishing ??= Promise.allSettled([this.#finishPayloads(), this.#finishBlocks()])
      .then(() => undefined)
      .finally(() => {
        this.#finishing = undefined;
      });
    await this.#finishing;
  }

  /** Each round takes rows away for good, so it comes to an end. */
  async #finishPayloads(): Promise<void> {
    const { sql, journal, feeder, ledger, births, history, sealer } = this.#parts;
    for (;;) {
      // A forked chain is fed no more; what the ledger holds of it is told by the digest.
      const last = feeder.isForked ? Number.MAX_SAFE_INTEGER : feeder.acknowledged;
      // What is being sealed may be in the new segment or not: it waits until that is settled.
      const { planned = { first: -1, last: -1 } } = sealer;
      const query =
        "SELECT seq FROM unerased_payload WHERE seq <= ? AND seq NOT BETWEEN ? AND ? ORDER BY seq LIMIT ?";
      const seqs = sql
        .exec<{ seq: number }>(query, last, planned.first, planned.last, READ_ROWS_MAX)
        .toArray()
        .map(({ seq }) => seq);
      if (seqs.length === 0) return;
      const { sealed } = history;
      const rows = seqs.filter((seq) => seq > sealed);
      await ledger.erase(
        journal.actor,
        rows.map((seq) => ({ seq, digest: journal.payloadDigest(seq) })),
      );
      await sealer.forget(seqs.filter((seq) => seq <= sealed));
      if (seqs.some((seq) => journal.about(seq)?.about === "lifecycle")) {
        const genesis = journal.entries(0, 1)[0]?.payload.block;
        if (genesis != null) await births.forget(genesis);
      }
      // What began to be sealed meanwhile comes again, in the segment.
      const kept = Math.max(history.sealed, sealer.planned?.last ?? -1);
      const gone = seqs.filter((seq) => seq <= sealed || seq > kept);
      const done = "DELETE FROM unerased_payload WHERE seq IN (SELECT value FROM json_each(?))";
      sql.exec(done, JSON.stringify(gone));
    }
  }

  async #finishBlocks(): Promise<void> {
    const { sql, journal, blocks } = this.#parts;
    const rows = sql
      .exec<{ digest: ArrayBuffer }>("SELECT digest FROM unerased_block LIMIT ?", READ_ROWS_MAX)
      .toArray();
    for (const row of rows) {
      const digest = new Uint8Array(row.digest);
      // Another payload may link to it: then it stays until that one is erased.
      if (!journal.isLinked(digest) && !(await blocks.delete(digest))) continue;
      sql.exec("DELETE FROM unerased_block WHERE digest = ?", digest);
    }
  }
}

function refused(seq: number, why: string): TheaterError {
  return new TheaterError("wrong-state", `Event ${seq} cannot be erased now: ${why}. Try later.`, {
    seq,
  });
}
