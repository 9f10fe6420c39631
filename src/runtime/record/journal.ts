// The journal: the actor's chain in its own SQLite. The only place that builds events.
//
// Invariants: the head in memory is the last row on disk; an event's time is never before its parent's;
// rows are never rewritten, except that a payload may be erased. Rows leave only when they are sealed into
// the archive (see Sealer); single ones stay behind, so a page ends before the first that is not there.

import { decode } from "../../chain/cbor.ts";
import { encodeEvent, type Event } from "../../chain/event.ts";
import type { EventType, Payloads } from "../../chain/event-types.ts";
import { READ_BYTES_MAX, type LedgerEntry } from "../../chain/ledger.ts";
import {
  decodePayload,
  encodePayload,
  type EncodedPayload,
  type Payload,
} from "../../chain/payload.ts";
import { cidText } from "../../chain/cid.ts";
import { linksIn } from "../../chain/links.ts";
import { Link } from "../../chain/value.ts";
import { assert } from "../../lib/errors.ts";
import type { EventRef } from "../protocol.ts";
import { PART_BYTES_MAX } from "../tables.ts";

/** An event that has no place in the chain yet. */
export type Draft = { [T in EventType]: DraftOf<T> }[EventType];

interface DraftOf<T extends EventType> {
  type: T;
  /** See `isAbout`. */
  about: string;
  /** 0 outside turns. */
  turn: number;
  fields: Payloads[T];
}

/** The newest event. */
export interface Head {
  seq: number;
  digest: Uint8Array;
  /** Its time, ms since the epoch. */
  time: number;
}

interface Row extends Record<string, SqlStorageValue> {
  seq: number;
  cid: ArrayBuffer;
  parent: ArrayBuffer | null;
  turn: number;
  type: string;
  about: string;
  time: number;
  block: ArrayBuffer;
  payload_digest: ArrayBuffer;
  payload: ArrayBuffer | null;
}

export class Journal {
  readonly actor: string;
  readonly #storage: DurableObjectStorage;
  #head: Head | undefined;
  /** Undefined: to be read. */
  #lastTurn: number | undefined;
  /** The clock of the turn that is running: it stands still for every event written meanwhile. */
  frozenMs: number | undefined;
  /**
   * The last step of a transaction that appended something: a transaction that is undone later takes an
   * alarm along that it set, so nothing may fail after this.
   */
  onAppend: () => void = () => undefined;
  /** What leaves with the transaction that is under way. */
  #leaving: (() => void)[] = [];
  #depth = 0;
  /** After a transaction that was undone: what others keep in memory of the disk may be wrong. */
  onUndone: () => void = () => undefined;

  constructor(storage: DurableObjectStorage, actor: string) {
    this.#storage = storage;
    this.actor = actor;
  }

  /** Reads the head from disk: once, when the object wakes up. */
  open(): void {
    const [row] = this.#rows("SELECT * FROM event ORDER BY seq DESC LIMIT 1");
    assert(row !== undefined, "an actor has at least its genesis event");
    this.#head = { seq: row.seq, digest: new Uint8Array(row.cid), time: row.time };
  }

  get head(): Head {
    assert(this.#head !== undefined, "the journal is open");
    return this.#head;
  }

  get nextSeq(): number {
    return this.#head === undefined ? 0 : this.#head.seq + 1;
  }

  /** Now, but never before the newest event. */
  nowMs(): number {
    return Math.max(this.#head?.time ?? 0, this.frozenMs ?? Date.now());
  }

  /**
   * Runs `write` as one synchronous transaction: all of it is on disk or none. Whatever leaves the object
   * afterwards waits for the disk (output gate), so nothing is seen outside that is not recorded.
   */
  transaction<T>(write: () => T): T {
    const before = this.#head;
    const lastTurn = this.#lastTurn;
    const waiting = this.#leaving.length;
    let result: T;
    this.#depth++;
    try {
      result = this.#storage.transactionSync(() => {
        const written = write();
        if (this.#head !== before) this.onAppend();
        return written;
      });
    } catch (thrown) {
      this.#head = before;
      this.#lastTurn = lastTurn;
      this.#leaving.length = waiting;
      this.onUndone();
      throw thrown;
    } finally {
      this.#depth--;
    }
    if (this.#depth === 0) for (const leave of this.#leaving.splice(0)) leave();
    return result;
  }

  /**
   * In a transaction: `leave`, which must not throw, runs in the step that ends it, or never where it is undone.
   * Nothing else happens in between, so what it hands over for the outside is handed over exactly if the
   * transaction is there, and the output gate holds it until that is on disk.
   */
  onceWritten(leave: () => void): void {
    this.#leaving.push(leave);
  }

  /** Appends one event. Only inside `transaction`. Large content must already be in the store. */
  append(draft: Draft): EventRef & { digest: Uint8Array } {
    const seq = this.nextSeq;
    const time = this.nowMs();
    const salt = crypto.getRandomValues(new Uint8Array(16));
    const payload = encodePayload(draft.type, draft.fields as Payloads[typeof draft.type], salt);
    assert(payload.block.length <= PART_BYTES_MAX, "a payload fits in a row");
    const event: Event = {
      v: 1,
      seq,
      time,
      turn: draft.turn,
      type: draft.type,
      about: draft.about,
      actor: this.actor,
      parent: this.#head === undefined ? null : new Link("dag-cbor", this.#head.digest),
      payload: new Link("dag-cbor", payload.digest),
    };
    return this.#insert(event, payload);
  }

  /** The genesis event: its payload exists before the actor does, because the id is made from it. */
  appendGenesis(payload: { block: Uint8Array; digest: Uint8Array }): EventRef {
    assert(this.#head === undefined, "a chain has one genesis");
    return this.#insert(
      {
        v: 1,
        seq: 0,
        time: this.nowMs(),
        turn: 0,
        type: "actor.created",
        about: "",
        actor: this.actor,
        parent: null,
        payload: new Link("dag-cbor", payload.digest),
      },
      payload,
    );
  }

  #insert(
    event: Event,
    payload: Omit<EncodedPayload, "raw"> & Partial<EncodedPayload>,
  ): EventRef & { digest: Uint8Array } {
    const { block, digest } = encodeEvent(event);
    for (const { digest: link } of payload.raw ?? []) {
      this.#storage.sql.exec("INSERT OR IGNORE INTO link VALUES (?, ?)", link, event.seq);
    }
    this.#storage.sql.exec(
      "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      event.seq,
      digest,
      event.parent === null ? null : event.parent.digest,
      event.turn,
      event.type,
      event.about,
      event.time,
      block,
      payload.digest,
      payload.block,
    );
    this.#head = { seq: event.seq, digest, time: event.time };
    if (event.turn > 0) this.#lastTurn = event.turn;
    return { seq: event.seq, cid: cidText(new Link("dag-cbor", digest)), digest };
  }

  headRef(): EventRef {
    return { seq: this.head.seq, cid: cidText(new Link("dag-cbor", this.head.digest)) };
  }

  /** A page from exactly `from`, oldest first: at most `limit` events and, unless the first is larger, READ_BYTES_MAX bytes. */
  entries(from: number, limit: number): LedgerEntry[] {
    const page = this.kept(from, limit);
    const gap = page.findIndex(({ seq }, n) => seq !== from + n);
    return gap === -1 ? page : page.slice(0, gap);
  }

  /** As `entries`, but whatever rows there are from `from` on. */
  kept(from: number, limit: number): LedgerEntry[] {
    const page: LedgerEntry[] = [];
    let bytes = 0;
    const query = "SELECT * FROM event WHERE seq >= ? ORDER BY seq LIMIT ?";
    for (const row of this.#storage.sql.exec<Row>(query, from, limit)) {
      bytes += row.block.byteLength + (row.payload?.byteLength ?? 0);
      if (page.length > 0 && bytes > READ_BYTES_MAX) break;
      page.push(this.#entryOf(row));
    }
    return page;
  }

  /**
   * A page of the other direction: events of these types from `to` down to `from`, the newest first. All of them are
   * to be in the journal. Only an empty page means that there are no more.
   */
  entriesBack(
    { from, to }: { from: number; to: number },
    types: readonly EventType[],
    limit: number,
  ): LedgerEntry[] {
    const page: LedgerEntry[] = [];
    let bytes = 0;
    const query = `SELECT * FROM event WHERE seq BETWEEN ? AND ? AND type IN (SELECT value FROM json_each(?))
      ORDER BY seq DESC LIMIT ?`;
    for (const row of this.#storage.sql.exec<Row>(query, from, to, JSON.stringify(types), limit)) {
      bytes += row.block.byteLength + (row.payload?.byteLength ?? 0);
      if (page.length > 0 && bytes > READ_BYTES_MAX) break;
      page.push(this.#entryOf(row));
    }
    return page;
  }

  #entryOf(row: Row): LedgerEntry {
    return {
      actor: this.actor,
      seq: row.seq,
      cid: new Uint8Array(row.cid),
      parent: row.parent === null ? null : new Uint8Array(row.parent),
      turn: row.turn,
      type: row.type,
      about: row.about,
      time: row.time,
      block: new Uint8Array(row.block),
      payload: {
        digest: new Uint8Array(row.payload_digest),
        block: row.payload === null ? null : new Uint8Array(row.payload),
      },
    };
  }

  /** Resolves when what was written is on disk. */
  async onDisk(): Promise<void> {
    await this.#storage.sync();
  }

  ref(seq: number): EventRef {
    const [row] = this.#rows("SELECT * FROM event WHERE seq = ?", seq);
    assert(row !== undefined, `event ${seq} is in the journal`);
    return { seq, cid: cidText(new Link("dag-cbor", new Uint8Array(row.cid))) };
  }

  /** What the chain says of an event at `seq` besides its payload; undefined if there is none. */
  about(
    seq: number,
  ): { type: EventType; turn: number; about: string; isErased: boolean } | undefined {
    const [row] = this.#rows("SELECT * FROM event WHERE seq = ?", seq);
    if (row === undefined) return undefined;
    const { type, turn, about, payload } = row;
    return { type: type as EventType, turn, about, isErased: payload === null };
  }

  payloadDigest(seq: number): Uint8Array {
    const [row] = this.#rows("SELECT * FROM event WHERE seq = ?", seq);
    assert(row !== undefined, `event ${seq} is in the journal`);
    return new Uint8Array(row.payload_digest);
  }

  /**
   * Forgets a payload, in the transaction that appends the `payload.erased`. Returns the raw blocks to
   * which it linked, by digest; others may link to them still. `archived` is the payload of an event
   * that is not in the journal any more.
   */
  erase(seq: number, archived: Uint8Array | null = null): Uint8Array[] {
    const { sql } = this.#storage;
    const [row] = this.#rows("SELECT * FROM event WHERE seq = ?", seq);
    const payload = row?.payload ?? archived;
    if (payload === null) return [];
    const links = [...linksIn(decode(new Uint8Array(payload)))].map(({ digest }) => digest);
    sql.exec("UPDATE event SET payload = NULL WHERE seq = ?", seq);
    const query = "DELETE FROM link WHERE digest = ? AND seq = ? RETURNING digest";
    // Only what `link` names: a component or a manifest is not a block of this actor's own.
    return links.filter((digest) => sql.exec(query, digest, seq).toArray().length > 0);
  }

  /** Whether a payload links to this raw block. */
  isLinked(digest: Uint8Array): boolean {
    const query = "SELECT 1 FROM link WHERE digest = ? LIMIT 1";
    return this.#storage.sql.exec(query, digest).toArray().length > 0;
  }

  /** The event of that type at `seq`, or undefined if it has another type or was erased. */
  payload<T extends EventType>(seq: number, type: T): Payload<T> | undefined {
    const [row] = this.#rows("SELECT * FROM event WHERE seq = ?", seq);
    if (row === undefined || row.type !== type || row.payload === null) return undefined;
    return decodePayload(type, new Uint8Array(row.payload));
  }

  /** The number of the newest turn, 0 before the first. */
  lastTurn(): number {
    return (this.#lastTurn ??= this.#newestOfTurns()?.turn ?? 0);
  }

  /** The seq of the newest event of a turn. */
  newestOfTurns(): number | undefined {
    return this.#newestOfTurns()?.seq;
  }

  /** Reads back from the head: turns are never far. */
  #newestOfTurns(): Row | undefined {
    return this.#rows("SELECT * FROM event WHERE turn > 0 ORDER BY seq DESC LIMIT 1")[0];
  }

  /** The newest turn that had begun by event `at`, if one of its events is at `from` or behind; 0 if not. */
  turnBy({ from, to: at }: { from: number; to: number }): number {
    const query =
      "SELECT turn FROM event WHERE seq BETWEEN ? AND ? AND turn > 0 ORDER BY seq DESC LIMIT 1";
    return this.#storage.sql.exec<{ turn: number }>(query, from, at).toArray()[0]?.turn ?? 0;
  }

  /** The first event of a turn at `from` or behind. */
  beginOfTurn(turn: number, from: number): number | undefined {
    const query = "SELECT seq FROM event WHERE seq >= ? AND turn = ? ORDER BY seq LIMIT 1";
    return this.#storage.sql.exec<{ seq: number }>(query, from, turn).toArray()[0]?.seq;
  }

  /** The seq of the event that ended a turn; undefined while it has not ended. `from`: where to look first. */
  endOfTurn(turn: number, from = 0): number | undefined {
    const [row] = this.#rows(
      `SELECT * FROM event WHERE seq >= ? AND turn = ? AND type IN ('turn.committed', 'turn.refused', 'turn.failed')
       ORDER BY seq LIMIT 1`,
      from,
      turn,
    );
    return row?.seq;
  }

  #rows(query: string, ...bindings: SqlStorageValue[]): Row[] {
    return this.#storage.sql.exec<Row>(query, ...bindings).toArray();
  }
}
