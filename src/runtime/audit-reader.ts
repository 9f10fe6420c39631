// Reads chains for auditors. What is acknowledged is always included: the actor's head comes first, then
// the ledger up to what it holds, then the journal for the rest.
//
// Rule: below the ledger's mark only the ledger is read, or a verification would not notice what happened
// to the ledger. Only a listing goes on from the journal where the ledger does not answer at all.

import { cidText } from "../chain/cid.ts";
import { decodeEvent } from "../chain/event.ts";
import { READ_ROWS_MAX, type Ledger, type LedgerEntry } from "../chain/ledger.ts";
import { Link } from "../chain/value.ts";
import { ChainVerifier, type Report } from "../chain/verify.ts";
import { TheaterError } from "../lib/errors.ts";
import type { ChainQuery } from "./actors.ts";
import { settled } from "./answers.ts";
import type { ActorRpc, ChainEntry, EventRef } from "./protocol.ts";

interface Mark {
  head: EventRef;
  ledgerSeq: number;
}

export class AuditReader {
  readonly #ledger: Ledger;
  readonly #actor: (id: string) => ActorRpc;

  constructor(ledger: Ledger, actor: (id: string) => ActorRpc) {
    this.#ledger = ledger;
    this.#actor = actor;
  }

  async head(id: string): Promise<EventRef> {
    return (await this.#mark(id)).head;
  }

  async page(
    id: string,
    { from, to, types, limit }: ChainQuery,
  ): Promise<{ entries: ChainEntry[]; next: number | null }> {
    let mark = await this.#mark(id);
    const last = Math.min(to ?? mark.head.seq, mark.head.seq);
    const entries: ChainEntry[] = [];
    let next = from;
    while (next <= last && entries.length < limit) {
      const range = { from: next, to: last, limit: limit - entries.length, types };
      const read = await this.#read(id, mark, range).catch(async (thrown: unknown) => {
        if (thrown instanceof TheaterError) throw thrown; // it answered, and said what is wrong
        mark = { ...mark, ledgerSeq: -1 };
        return await this.#read(id, mark, range);
      });
      entries.push(...read.entries);
      next = read.next;
    }
    return { entries, next: next <= last ? next : null };
  }

  /** Checks the whole chain, in constant memory. */
  async verify(id: string): Promise<Report> {
    const mark = await this.#mark(id);
    const verifier = new ChainVerifier({ actor: id });
    let next = 0;
    while (next <= mark.head.seq) {
      const range = { from: next, to: mark.head.seq, limit: READ_ROWS_MAX, types: [] };
      const read = await this.#read(id, mark, range);
      for (const entry of read.entries) verifier.next(entry);
      next = read.next;
    }
    return verifier.finish(mark.head);
  }

  async #mark(id: string): Promise<Mark> {
    return settled(await this.#actor(id).settle());
  }

  /** One page from one source. `next` is the seq behind the last one looked at. */
  async #read(
    id: string,
    mark: Mark,
    range: { from: number; to: number; limit: number; types: readonly string[] },
  ): Promise<{ entries: ChainEntry[]; next: number }> {
    const { from, to, types } = range;
    const limit = Math.min(range.limit, READ_ROWS_MAX);
    if (from > mark.ledgerSeq) {
      const entries = settled(await this.#actor(id).journal(from, limit)).filter(
        ({ seq }) => seq <= to,
      );
      const last = entries.at(-1)?.seq ?? to;
      // The journal's rows are blocks; which type they have, only a decoder knows.
      return { entries: entries.filter((entry) => isWanted(entry, types)), next: last + 1 };
    }
    const upTo = Math.min(to, mark.ledgerSeq);
    const [type] = types;
    const one = types.length === 1 && type !== undefined ? { type } : {};
    const rows = await this.#ledger.read(id, { from, to: upTo, limit, ...one });
    const last = rows.at(-1)?.seq;
    const entries = rows
      .filter((row) => types.length === 0 || types.includes(row.type))
      .map(entryOf);
    // An empty page of the ledger ends it. A row that is missing in between shows as a gap to whoever verifies.
    return { entries, next: last === undefined ? upTo + 1 : last + 1 };
  }
}

function isWanted({ block }: ChainEntry, types: readonly string[]): boolean {
  return types.length === 0 || types.includes(decodeEvent(block).type);
}

function entryOf({ seq, cid, block, payload }: LedgerEntry): ChainEntry {
  return { seq, cid: cidText(new Link("dag-cbor", cid)), block, payload: payload.block };
}
