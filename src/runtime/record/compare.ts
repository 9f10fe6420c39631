// Walks a chain where it is kept three times over, in the ledger, the archive and the journal, and says
// where they disagree. Rule: it goes on behind whatever it finds, so that one answer has all of it, and it
// changes nothing.

import { stretchWriter, type Archive, type Segment } from "../../chain/archive.ts";
import type { D1Segments } from "../../chain/d1-segments.ts";
import { decodeEvent } from "../../chain/event.ts";
import { sha256 } from "../../chain/hash.ts";
import { READ_ROWS_MAX, type Ledger, type LedgerEntry } from "../../chain/ledger.ts";
import { equalBytes } from "../../lib/bytes.ts";
import { TheaterError } from "../../lib/errors.ts";
import { reached, settled } from "../answers.ts";
import type { ActorRpc, Comparison, Finding } from "../protocol.ts";

const FINDINGS_MAX = 1_000;

interface Places {
  /** D1's rows alone, without the archive. */
  rows: Ledger;
  segments: D1Segments;
  archive: Archive;
  actor: ActorRpc;
}

/** Throws what a place threw that did not answer at all. */
export async function compare(
  id: string,
  actor: ActorRpc,
  placesOf: (shard: number) => Omit<Places, "actor">,
): Promise<Comparison> {
  const { head, ledgerSeq, shard } = settled(await reached(() => actor.settle(false)));
  const places = { ...placesOf(shard), actor };
  const { segments } = places;
  const own = settled(await reached(() => actor.segments()));
  const walk = new Walk(id, places, own.segments.at(-1)?.last ?? -1);
  for (let from = 0; ;) {
    const page = await segments.from(id, from, READ_ROWS_MAX);
    for (const segment of page) await walk.segment(segment, own);
    from = (page.at(-1)?.last ?? from) + 1;
    if (page.length < READ_ROWS_MAX) break;
  }
  for (const { last } of own.segments.filter((segment) => segment.last >= walk.next)) {
    walk.find(last, "ledger", "The object sealed a segment that ends here; the ledger lacks it.");
  }
  await walk.rows(ledgerSeq);
  await walk.tail(head.seq);
  const findings = walk.findings.slice(0, FINDINGS_MAX);
  const more = walk.findings.length > FINDINGS_MAX;
  return { actor: id, head, events: walk.events, findings, more };
}

class Walk {
  readonly findings: Finding[] = [];
  /** The first position that was not looked at yet. */
  next = 0;
  events = 0;
  readonly #id: string;
  readonly #places: Places;
  readonly #sealed: number;
  #before: LedgerEntry | undefined;
  #kept: LedgerEntry[] = [];
  #keptTo = -1;

  constructor(id: string, places: Places, sealed: number) {
    this.#id = id;
    this.#places = places;
    this.#sealed = sealed;
  }

  find(seq: number, where: Finding["where"], what: string): void {
    if (this.findings.length <= FINDINGS_MAX) this.findings.push({ seq, where, what });
  }

  async segment(
    segment: Segment,
    own: { segments: readonly Segment[]; sealing: number | null },
  ): Promise<void> {
    const { first, last, key } = segment;
    const known = own.segments.find((each) => each.last === last);
    if (known === undefined && own.sealing !== last) {
      this.find(last, "journal", "The ledger has a segment that ends here; the object lacks it.");
    } else if (known !== undefined && known.key !== key) {
      this.find(last, "ledger", "The ledger names another object for this segment than its actor.");
    }
    if (first !== this.next) this.find(this.next, "ledger", "The segments are not contiguous.");
    this.#skipTo(first);
    await this.#catching("archive", last, async () => {
      const stretches = stretchWriter();
      for await (const entry of this.#places.archive.inspect(this.#id, segment, stretches)) {
        await this.#take(entry, "archive");
      }
      const found = (where: Finding["where"]): void =>
        this.find(last, where, "The stretches of this segment are not where its events are.");
      if (stretches.text !== segment.stretches) found("ledger");
      if (known?.key === key && known.stretches !== stretches.text) found("journal");
    });
    this.#skipTo(last + 1);
  }

  /** The ledger's rows behind the segments. */
  async rows(to: number): Promise<void> {
    for (let end = to; this.next <= to;) {
      const range = { from: this.next, to: end, limit: READ_ROWS_MAX };
      try {
        const page = await this.#places.rows.read(this.#id, range);
        for (const entry of page) await this.#take(entry, "ledger");
        if (page.length === 0) {
          this.find(this.next, "ledger", `Events are missing up to ${end}.`);
          this.#skipTo(end + 1);
        }
      } catch (thrown) {
        // A page fails as a whole: first what is before the damage, then the damage, then the rest.
        const seq = seqOf(thrown);
        if (seq === undefined || seq < this.next) throw thrown;
        if (seq > this.next) {
          end = seq - 1;
          continue;
        }
        this.find(seq, "ledger", messageOf(thrown));
        this.#skipTo(seq + 1);
      }
      end = to;
    }
  }

  /** What only the journal has yet. */
  async tail(head: number): Promise<void> {
    while (this.next <= head) {
      const entry = await this.#keptAt(this.next);
      if (entry === undefined) {
        this.find(this.next, "journal", "The event is in no place at all.");
        this.#skipTo(this.next + 1);
      } else {
        this.#check(entry, "journal");
      }
    }
  }

  async #take(entry: LedgerEntry, where: "ledger" | "archive"): Promise<void> {
    if (entry.seq > this.next) {
      this.find(this.next, where, `Events are missing up to ${entry.seq - 1}.`);
      this.#skipTo(entry.seq);
    }
    this.#check(entry, where);
    const kept = await this.#keptAt(entry.seq);
    if (kept === undefined) {
      if (entry.seq <= this.#sealed) return;
      this.find(entry.seq, "journal", "The event is missing.");
      return;
    }
    const fault = faultOf(kept);
    if (fault !== undefined) this.find(entry.seq, "journal", fault);
    if (!equalBytes(kept.cid, entry.cid)) {
      this.find(entry.seq, "journal", `It is another event than in the ${where}.`);
    }
    if ((kept.payload.block === null) !== (entry.payload.block === null)) {
      const place = kept.payload.block === null ? "journal" : where;
      const other = place === "journal" ? where : "journal";
      this.find(entry.seq, place, `The payload is gone here and still in the ${other}.`);
    }
  }

  #check(entry: LedgerEntry, where: Finding["where"]): void {
    const fault = faultOf(entry);
    if (fault !== undefined) this.find(entry.seq, where, fault);
    const before = this.#before?.cid ?? null;
    const isLinked =
      before === null || entry.parent === null
        ? entry.seq === 0 || (before === null && entry.parent !== null)
        : equalBytes(before, entry.parent);
    if (!isLinked) this.find(entry.seq, where, "It does not follow the event before it.");
    this.#before = entry;
    this.next = entry.seq + 1;
    this.events++;
  }

  #skipTo(seq: number): void {
    if (seq <= this.next) return;
    this.next = seq;
    this.#before = undefined;
  }

  /** Positions are asked for in ascending order. */
  async #keptAt(seq: number): Promise<LedgerEntry | undefined> {
    if (seq > this.#keptTo) {
      const { actor } = this.#places;
      this.#kept = settled(await reached(() => actor.kept(seq, READ_ROWS_MAX)));
      this.#keptTo = this.#kept.at(-1)?.seq ?? Number.MAX_SAFE_INTEGER;
    }
    while (this.#kept[0] !== undefined && this.#kept[0].seq < seq) this.#kept.shift();
    return this.#kept[0]?.seq === seq ? this.#kept[0] : undefined;
  }

  async #catching(where: Finding["where"], seq: number, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (thrown) {
      if (!(thrown instanceof TheaterError) || thrown.code === "unavailable") throw thrown;
      this.find(seqOf(thrown) ?? seq, where, messageOf(thrown));
    }
  }
}

/** What is wrong with a row by itself. */
function faultOf({ cid, block, payload, ...row }: LedgerEntry): string | undefined {
  if (!equalBytes(sha256(block), cid)) return "The block does not have the hash that names it.";
  if (payload.block !== null && !equalBytes(sha256(payload.block), payload.digest)) {
    return "The payload does not have the hash that names it.";
  }
  try {
    const event = decodeEvent(block);
    const parent = event.parent?.digest ?? new Uint8Array();
    const isSame =
      (["actor", "seq", "turn", "type", "about", "time"] as const).every(
        (name) => event[name] === row[name],
      ) &&
      equalBytes(parent, row.parent ?? new Uint8Array()) &&
      equalBytes(event.payload.digest, payload.digest);
    return isSame ? undefined : "The columns do not repeat what the block says.";
  } catch {
    return "The block is not an event.";
  }
}

function seqOf(thrown: unknown): number | undefined {
  const seq = thrown instanceof TheaterError ? thrown.evidence?.["seq"] : undefined;
  return typeof seq === "number" ? seq : undefined;
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
