// Reads chains for auditors. What is acknowledged is always included: the actor's head comes first, then
// the ledger up to what it holds, then the journal for the rest.
//
// Rule: below the ledger's mark only the ledger is read, or a verification would not notice what happened
// to the ledger. Only a listing goes on from the journal where the ledger does not answer at all.

import { cidText } from "../../chain/cid.ts";
import { decodeEvent } from "../../chain/event.ts";
import { matchesAbout, READ_ROWS_MAX, type Ledger, type LedgerEntry } from "../../chain/ledger.ts";
import { Link } from "../../chain/value.ts";
import { ChainVerifier, type Report } from "../../chain/verify.ts";
import { TheaterError } from "../../lib/errors.ts";
import type { ChainQuery } from "../actors.ts";
import { reached, settled } from "../answers.ts";
import type { ActorRpc, ChainEntry, EventRef, Mark } from "../protocol.ts";

/**
 * Rows that one statement looks at where a filter may keep none of them: 100,000 took 0.1 s. An index for
 * each filter would cost every event a row written, which is the price of a thousand rows read.
 */
const SCANNED_MAX = 100_000;
/** Statements of one page. */
const READS_MAX = 20;

type Range = ChainQuery & { to: number };

export class AuditReader {
  readonly #ledger: (shard: number) => Ledger;
  readonly #actor: (id: string) => ActorRpc;

  constructor(ledger: (shard: number) => Ledger, actor: (id: string) => ActorRpc) {
    this.#ledger = ledger;
    this.#actor = actor;
  }

  async head(id: string): Promise<EventRef> {
    return (await this.#mark(id)).head;
  }

  /**
   * A page, oldest first. It may have fewer entries than asked for, also none, and still go on at `next`:
   * one call looks at a bounded part of a chain. `listed` makes entries of what comes from the ledger.
   */
  async page(
    id: string,
    query: ChainQuery,
    listed = entryOf,
  ): Promise<{ entries: ChainEntry[]; next: number | null }> {
    let mark = await this.#mark(id);
    const whole = { from: query.from, to: Math.min(query.to ?? mark.head.seq, mark.head.seq) };
    const withoutLedger = (thrown: unknown): void => {
      if (thrown instanceof TheaterError) throw thrown; // it answered, and said what is wrong
      mark = { ...mark, ledgerSeq: -1 };
    };
    const { from, to } = await this.#bounds(id, mark, { ...query, ...whole }).catch(
      (thrown: unknown) => {
        withoutLedger(thrown);
        return whole;
      },
    );
    const entries: ChainEntry[] = [];
    let next = from;
    let isRechecked = false;
    for (let n = 0; n < READS_MAX && next <= to && entries.length < query.limit; n++) {
      const range = { ...query, from: next, to, limit: query.limit - entries.length };
      const read = await this.#read(id, mark, range, listed).catch(async (thrown: unknown) => {
        withoutLedger(thrown);
        return await this.#read(id, mark, range, listed);
      });
      if (read.entries.length === 0 && !isFiltered(range) && next <= mark.ledgerSeq) {
        // The ledger lacks what it acknowledged. Its actor fills it again; a listing never ends early.
        if (isRechecked) throw gapAt(next);
        isRechecked = true;
        mark = await this.#mark(id, true);
        continue;
      }
      entries.push(...read.entries);
      next = read.next;
    }
    return { entries, next: next <= to ? next : null };
  }

  /** The part of the range in which the times that are asked for can lie, as far as the ledger knows. */
  async #bounds(
    id: string,
    { ledgerSeq, shard }: Mark,
    { from, to, since, until }: ChainQuery & { to: number },
  ): Promise<{ from: number; to: number }> {
    const known = { from, to: Math.min(to, ledgerSeq) };
    if (known.from > known.to) return { from, to };
    const first = since === undefined ? from : await this.#ledger(shard).seqAt(id, since, known);
    if (until === undefined) return { from: first, to };
    const end = await this.#ledger(shard).seqAt(id, until, known);
    // Behind what the ledger holds, the journal's events say themselves when they were.
    return { from: first, to: end > known.to ? to : end - 1 };
  }

  /** Checks the whole chain, in constant memory. */
  async verify(id: string): Promise<Report> {
    const mark = await this.#mark(id);
    const verifier = new ChainVerifier({ actor: id });
    let next = 0;
    while (next <= mark.head.seq) {
      const range = { from: next, to: mark.head.seq, limit: READ_ROWS_MAX, types: [] };
      const read = await this.#read(id, mark, range, bareEntry);
      for (const entry of read.entries) {
        const { seq, block, payload } = entry;
        verifier.next({ seq, cid: entry.link ?? entry.cid, block, payload });
      }
      next = read.next;
    }
    return verifier.finish(mark.head);
  }

  async #mark(id: string, recheck = false): Promise<Mark> {
    return settled(await reached(() => this.#actor(id).settle(recheck)));
  }

  /** One page from one source. `next` is the seq behind the last one looked at. */
  async #read(
    id: string,
    mark: Mark,
    range: Range,
    listed: Listed,
  ): Promise<{ entries: ListedEntry[]; next: number }> {
    return range.from > mark.ledgerSeq
      ? await this.#readJournal(id, range)
      : await this.#readLedger(
          id,
          mark.shard,
          { ...range, to: Math.min(range.to, mark.ledgerSeq) },
          listed,
        );
  }

  /** The journal's rows are blocks; what is in one, only a decoder knows. */
  async #readJournal(id: string, range: Range): Promise<{ entries: ListedEntry[]; next: number }> {
    const { from, to, limit } = range;
    const rows = settled(
      await reached(() => this.#actor(id).journal(from, isFiltered(range) ? READ_ROWS_MAX : limit)),
    ).filter(({ seq }) => seq <= to);
    const wanted = isFiltered(range)
      ? rows.filter(({ block }) => isWanted(decodeEvent(block), range))
      : rows;
    const entries = wanted.slice(0, limit);
    const last = wanted.length > limit ? entries.at(-1) : rows.at(-1);
    return { entries, next: (last?.seq ?? to) + 1 };
  }

  async #readLedger(
    id: string,
    shard: number,
    range: Range,
    listed: Listed,
  ): Promise<{ entries: ListedEntry[]; next: number }> {
    const { from, types, about } = range;
    const to = isFiltered(range) ? Math.min(range.to, from + SCANNED_MAX - 1) : range.to;
    const limit = Math.min(range.limit, READ_ROWS_MAX);
    const rows = await this.#ledger(shard).read(id, { from, to, limit, types, about });
    const entries = rows.filter((row) => isWanted(row, range)).map(listed);
    // An empty page of the ledger ends it. A row that is missing in between shows as a gap to whoever verifies.
    return { entries, next: (rows.at(-1)?.seq ?? to) + 1 };
  }
}

function gapAt(seq: number): TheaterError {
  const message = "The ledger lacks events that it acknowledged: try again later.";
  return new TheaterError("chain-gap", message, { seq });
}

function isFiltered({ types, about, since, until }: Range): boolean {
  return types.length > 0 || [about, since, until].some((given) => given !== undefined);
}

function isWanted(
  event: { type: string; about: string; time: number },
  { types, about, since = 0, until = Number.POSITIVE_INFINITY }: Range,
): boolean {
  return (
    (types.length === 0 || types.includes(event.type)) &&
    (about === undefined || matchesAbout(event.about, about)) &&
    event.time >= since &&
    event.time < until
  );
}

function entryOf({ seq, cid, block, payload }: LedgerEntry): ChainEntry {
  return { seq, cid: cidText(new Link("dag-cbor", cid)), block, payload: payload.block };
}

interface ListedEntry extends ChainEntry {
  readonly link?: Link;
}

type Listed = (entry: LedgerEntry) => ListedEntry;

/** For who checks the chain: the CID bare. It becomes a text only where somebody asks. Not for RPC. */
export function bareEntry(entry: LedgerEntry): ListedEntry {
  return new BareEntry(entry);
}

class BareEntry {
  readonly seq: number;
  readonly link: Link;
  readonly block: Uint8Array;
  readonly payload: Uint8Array | null;

  constructor({ seq, cid, block, payload }: LedgerEntry) {
    this.seq = seq;
    this.link = new Link("dag-cbor", cid);
    this.block = block;
    this.payload = payload.block;
  }

  get cid(): string {
    return cidText(this.link);
  }
}
