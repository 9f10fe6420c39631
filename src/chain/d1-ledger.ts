// The ledger in D1. Invariants: one append is one transaction; the rules of the chain are the triggers
// of migrations/0001-ledger.sql, which this file only translates into errors; no parameter is longer
// than D1 takes.
//
// Bytes travel as hex in both directions: the binding turns every BLOB into a JSON array of numbers,
// which took 110–150 ms for 1,000 rows of 700 bytes where hex took 20 (58 against 9 ms to read them;
// measured, workerd of November 2026). SQLite has unhex() and no base64.

import { Buffer } from "node:buffer";
import { assert, ensureTheaterError, TheaterError } from "../lib/errors.ts";
import { assertGroup, READ_BYTES_MAX, READ_ROWS_MAX } from "./ledger.ts";
import type { ErasedPayload, Ledger, LedgerEntry, ReadRange } from "./ledger.ts";

/**
 * Characters in one parameter, safely below D1's documented 2,000,000 bytes for a string, BLOB or row.
 * The local runtime takes more than 4,000,000, so nothing but this limit keeps a test honest.
 */
const PARAMETER_CHARS_MAX = 1_900_000;

/** Bytes of a block that become hex in one piece, both ways. */
const PIECE_BYTES = 900_000;

// In the order of the array, which matters: each row's trigger looks for the row before it. A row that is there
// already never gets as far as the table: the trigger passes it over or refuses it.
const INSERT = `
  INSERT INTO event (actor, seq, cid, parent, turn, type, about, time, block, payload_digest, payload)
  SELECT value->>0, value->>1, unhex(value->>2), unhex(value->>3), value->>4, value->>5, value->>6,
    value->>7, unhex(value->>8), unhex(value->>9), unhex(value->>10)
  FROM json_each(?1)`;

// For a payload whose hex is longer than a parameter. || makes text of two BLOBs without changing a
// byte; the cast makes it a BLOB again.
const INSERT_LARGE = `
  INSERT INTO event (actor, seq, cid, parent, turn, type, about, time, block, payload_digest, payload)
  VALUES (?1, ?2, unhex(?3), unhex(?4), ?5, ?6, ?7, ?8, unhex(?9), unhex(?10),
    CAST(unhex(?11) || unhex(?12) AS BLOB))`;

const SELECT_HEAD = `
  SELECT seq, hex(cid) AS cid FROM (
    SELECT * FROM (SELECT seq, cid FROM event WHERE actor = ?1 ORDER BY seq DESC LIMIT 1)
    UNION ALL
    SELECT * FROM (SELECT last, last_cid FROM segment WHERE actor = ?1 ORDER BY last DESC LIMIT 1)
  ) ORDER BY seq DESC LIMIT 1`;

// First the sizes, then the rows that fit. No ORDER BY at the end: a sorter would pack the hex of a
// whole row into one record, and a large payload's is longer than a row may be.
const SELECT_PAGE = `
  WITH candidate AS (
    SELECT seq, length(block) + coalesce(length(payload), 0) AS size
    FROM event
    WHERE actor = ?1 AND seq BETWEEN ?2 AND ?3
      AND (?4 IS NULL OR type IN (SELECT value FROM json_each(?4)))
      AND (?7 IS NULL OR about = ?7 OR substr(about, 1, length(?7) + 1) = ?7 || '#')
    ORDER BY seq LIMIT ?5
  ), page AS (
    SELECT seq, size, sum(size) OVER (ORDER BY seq ROWS UNBOUNDED PRECEDING) AS total FROM candidate
  )
  SELECT event.seq, hex(cid), hex(parent), turn, type, about, time, hex(block), hex(payload_digest),
    payload IS NULL, hex(substr(payload, 1, ${PIECE_BYTES})), hex(substr(payload, ${PIECE_BYTES + 1}))
  FROM page CROSS JOIN event ON event.actor = ?1 AND event.seq = page.seq
  WHERE total <= ?6 OR total = size`;

// Binary search over the primary key, because time never runs backwards in a chain: some 50 rows read in
// a chain of ten million, where an index would cost one more row written for each event. Positions
// outside the unsealed rows are not searched. The casts keep a bound number whole, or / would not.
const SELECT_SEQ_AT = `
  WITH RECURSIVE search (low, high) AS (
    SELECT CAST(max(?2, coalesce((SELECT min(seq) FROM event WHERE actor = ?1), ?2)) AS INTEGER),
      CAST(min(?3, coalesce((SELECT max(seq) FROM event WHERE actor = ?1), -1)) AS INTEGER) + 1
    UNION ALL
    SELECT iif(time < ?4, (low + high) / 2 + 1, low), iif(time < ?4, high, (low + high) / 2)
    FROM search LEFT JOIN event ON actor = ?1 AND seq = (low + high) / 2
    WHERE low < high
  )
  SELECT max(low) AS low FROM search`;

const ERASE_PAYLOADS = `
  UPDATE event SET payload = NULL
  WHERE actor = ?1 AND payload IS NOT NULL
    AND (seq, payload_digest) IN (SELECT value->>0, unhex(value->>1) FROM json_each(?2))`;

type PageRow = [
  seq: number,
  cid: string,
  parent: string,
  turn: number,
  type: string,
  about: string,
  time: number,
  block: string,
  digest: string,
  erased: number,
  start: string,
  rest: string,
];

export class D1Ledger implements Ledger {
  readonly #db: D1Database;

  constructor(db: D1Database) {
    this.#db = db;
  }

  async append(entries: readonly LedgerEntry[]): Promise<void> {
    assertGroup(entries);
    if (entries.length === 0) return;
    try {
      // No error means that every row is in the ledger with exactly its CID; nothing is counted.
      await this.#db.batch(this.#inserts(entries));
    } catch (thrown) {
      throw explain(thrown, entries);
    }
  }

  async head(actor: string): Promise<{ seq: number; cid: Uint8Array } | null> {
    const row = await this.#db
      .prepare(SELECT_HEAD)
      .bind(actor)
      .first<{ seq: number; cid: string }>();
    return row === null ? null : { seq: row.seq, cid: unhex(row.cid) };
  }

  async read(actor: string, range: ReadRange): Promise<LedgerEntry[]> {
    const { from, to = Number.MAX_SAFE_INTEGER, types = [], about = null } = range;
    const kept = types.length === 0 ? null : JSON.stringify(types);
    const limit = Math.max(1, Math.min(range.limit, READ_ROWS_MAX));
    const rows = await this.#db
      .prepare(SELECT_PAGE)
      .bind(actor, from, to, kept, limit, READ_BYTES_MAX, about)
      .raw<PageRow>();
    return rows.toSorted((a, b) => a[0] - b[0]).map((row) => entryOf(actor, row));
  }

  async seqAt(
    actor: string,
    time: number,
    { from, to }: { from: number; to: number },
  ): Promise<number> {
    const found = await this.#db
      .prepare(SELECT_SEQ_AT)
      .bind(actor, from, to, time)
      .first<number>("low");
    return Math.max(found ?? from, from);
  }

  async erase(actor: string, payloads: readonly ErasedPayload[]): Promise<void> {
    assert(payloads.length <= READ_ROWS_MAX, `one call erases ${READ_ROWS_MAX} payloads at most`);
    const rows = payloads.map(({ seq, digest }) => [seq, hex(digest)]);
    await this.#db.prepare(ERASE_PAYLOADS).bind(actor, JSON.stringify(rows)).run();
  }

  /** In ascending order, one statement where it fits into a parameter. */
  #inserts(entries: readonly LedgerEntry[]): D1PreparedStatement[] {
    const statements: D1PreparedStatement[] = [];
    let rows: string[] = [];
    let chars = 2;
    const flush = (): void => {
      if (rows.length === 0) return;
      statements.push(this.#db.prepare(INSERT).bind(`[${rows.join(",")}]`));
      rows = [];
      chars = 2;
    };
    for (const entry of entries.toSorted(inOrder)) {
      const { block } = entry.payload;
      if (block !== null && block.length > PIECE_BYTES) {
        flush();
        const pieces = [block.subarray(0, PIECE_BYTES), block.subarray(PIECE_BYTES)];
        const values = [...columnsOf(entry), ...pieces.map(hex)];
        statements.push(this.#db.prepare(INSERT_LARGE).bind(...values));
        continue;
      }
      const row = JSON.stringify([...columnsOf(entry), block === null ? null : hex(block)]);
      if (chars + row.length + 1 > PARAMETER_CHARS_MAX) flush();
      rows.push(row);
      chars += row.length + 1;
    }
    flush();
    return statements;
  }
}

function inOrder(a: LedgerEntry, b: LedgerEntry): number {
  return a.actor === b.actor ? a.seq - b.seq : a.actor < b.actor ? -1 : 1;
}

/** All but the payload's bytes. */
function columnsOf(entry: LedgerEntry): (string | number | null)[] {
  const { actor, seq, cid, parent, turn, type, about, time, block, payload } = entry;
  return [
    actor,
    seq,
    hex(cid),
    parent === null ? null : hex(parent),
    turn,
    type,
    about,
    time,
    hex(block),
    hex(payload.digest),
  ];
}

function entryOf(actor: string, row: PageRow): LedgerEntry {
  const [seq, cid, parent, turn, type, about, time, block, digest, erased, start, rest] = row;
  // All at once: five conversions and five buffers for each row were a tenth of what a replay costs.
  const [cidBytes, parentBytes, blockBytes, digestBytes, payload] = unhexAll([
    cid,
    parent,
    block,
    digest,
    start + rest,
  ]);
  return {
    actor,
    seq,
    cid: cidBytes,
    parent: parent === "" ? null : parentBytes,
    turn,
    type,
    about,
    time,
    block: blockBytes,
    payload: { digest: digestBytes, block: erased === 1 ? null : payload },
  };
}

/** What the triggers raise: code, seq, the CID that the ledger holds there (or -), actor. */
const RAISED = /\bchain-(gap|fork|sealed) (\d+) ([0-9a-f]{64}|-) ([^\s:]+)/;

/** SQLite's own refusals of a statement: the same entries would be refused for ever. */
const REFUSED = /SQLITE_(?:CONSTRAINT|MISMATCH|TOOBIG|ERROR)\b/;

function explain(thrown: unknown, entries: readonly LedgerEntry[]): TheaterError {
  const { message } = ensureTheaterError(thrown);
  const [, code, position = "", found = "", actor = ""] = RAISED.exec(message) ?? [];
  const seq = Number(position);
  if (code === "gap") {
    return new TheaterError(
      "chain-gap",
      `The ledger lacks the event before ${seq}: read its head and send from there.`,
      { actor, seq },
    );
  }
  if (code === "fork") {
    const own = entries.filter((entry) => entry.actor === actor);
    const sent = own.find((entry) => entry.seq === seq && hex(entry.cid) !== found)?.cid;
    const expected = sent ?? own.find((entry) => entry.seq === seq + 1)?.parent ?? null;
    return new TheaterError(
      "chain-fork",
      `The ledger holds another event at ${seq}: stop this actor's feed and compare the two chains.`,
      { actor, seq, found, expected: expected === null ? null : hex(expected) },
    );
  }
  if (code === "sealed") {
    return new TheaterError(
      "chain-broken",
      `Event ${seq} is in a sealed segment: send only what follows the segment.`,
      { actor, seq, reason: "sealed" },
    );
  }
  if (REFUSED.test(message)) {
    return new TheaterError("internal", `The ledger refused the form of an append: ${message}`);
  }
  return new TheaterError(
    "outcome-unknown",
    "The ledger did not answer an append: send the same entries again.",
    { cause: message },
  );
}

// Buffer, because it is native: 500 kB took 1 ms.
function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}

function unhex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "hex"));
}

type Five<T> = [T, T, T, T, T];

/** Views of one buffer. */
function unhexAll(texts: Five<string>): Five<Uint8Array> {
  const bytes = unhex(texts.join(""));
  let at = 0;
  const next = (text: string): Uint8Array => bytes.subarray(at, (at += text.length / 2));
  return [next(texts[0]), next(texts[1]), next(texts[2]), next(texts[3]), next(texts[4])];
}
