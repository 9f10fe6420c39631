// What the ledger's own triggers refuse, whoever writes. Each rule is broken twice by plain SQL: with
// its trigger, which must refuse; and without it, which must succeed, so that no rule is kept by
// something else unnoticed.

import { describe, expect, test } from "vitest";
import { D1Ledger } from "../../src/chain/d1-ledger.ts";
import type { LedgerEntry } from "../../src/chain/ledger.ts";
import { bindings } from "../support/bindings.ts";
import { CountingDatabase } from "../support/counting-database.ts";
import { newActor, randomBytes, run } from "../support/entries.ts";

const db = bindings.SCRATCH;
const ledger = new D1Ledger(db);

/** Breaks a rule on an actor whose events 0…4 are in the ledger; 0…1 are sealed where `sealed` says so. */
interface Violation {
  readonly trigger: string;
  readonly what: string;
  readonly raises: string;
  readonly sealed?: boolean;
  readonly act: (actor: string, entries: LedgerEntry[]) => Promise<unknown>;
}

const insert = (
  verb: string,
  actor: string,
  seq: number,
  cid: Uint8Array,
  parent: Uint8Array | null,
) =>
  db
    .prepare(
      `${verb} INTO event VALUES (?1, ?2, ?3, ?4, 1, 'x', '', 0, x'00', zeroblob(32), x'00')`,
    )
    .bind(actor, seq, cid, parent)
    .run();
const sql = (query: string, ...values: unknown[]) =>
  db
    .prepare(query)
    .bind(...values)
    .run();
const seal = (actor: string, first: number, last: number, cid: Uint8Array | undefined) =>
  sql(
    "INSERT INTO segment (actor, last, first, last_cid, r2_key) VALUES (?1, ?2, ?3, ?4, 'k') ON CONFLICT DO NOTHING",
    actor,
    last,
    first,
    cid,
  );
const cidOf = (entry: LedgerEntry | undefined): Uint8Array => entry?.cid ?? new Uint8Array(32);

/** Repeats event 3 with one column changed. */
const replaced = (actor: string, column: string, value: string) => {
  const columns = COLUMNS.map((name) => (name === column ? value : name)).join(", ");
  return sql(
    `INSERT OR REPLACE INTO event SELECT ${columns} FROM event WHERE actor = ? AND seq = 3`,
    actor,
  );
};

const publish = (actor: string, size: number) =>
  sql("INSERT INTO checkpoint VALUES (?1, ?2, ?3, 'note', 0)", actor, size, new Uint8Array(32));

const COLUMNS = "actor seq cid parent turn type about time block payload_digest payload".split(" ");

/** The columns that never change, each with another value. */
const OTHERS = {
  cid: "randomblob(32)",
  parent: "randomblob(32)",
  turn: "7",
  type: "'x'",
  about: "'x'",
  time: "1",
  block: "x'00'",
  payload_digest: "randomblob(32)",
};

const violations: Violation[] = [
  {
    trigger: "checkpoint_grows",
    what: "a smaller size than was signed",
    raises: "chain-fork 5",
    act: async (actor) => {
      await publish(actor, 5);
      return sql("UPDATE checkpoint SET size = 4 WHERE actor = ?1", actor);
    },
  },
  {
    trigger: "checkpoint_grows",
    what: "another root for the size that was signed",
    raises: "chain-fork 5",
    act: async (actor) => {
      await publish(actor, 5);
      return sql("UPDATE checkpoint SET root = ?2 WHERE actor = ?1", actor, randomBytes(32));
    },
  },
  {
    trigger: "checkpoint_once",
    what: "INSERT OR REPLACE with a smaller size",
    raises: "chain-fork 5",
    act: async (actor) => {
      await publish(actor, 5);
      const query = "INSERT OR REPLACE INTO checkpoint VALUES (?1, 4, ?2, 'note', 0)";
      return sql(query, actor, new Uint8Array(32));
    },
  },
  {
    trigger: "checkpoint_once",
    what: "INSERT OR REPLACE with another root for the size that was signed",
    raises: "chain-fork 5",
    act: async (actor) => {
      await publish(actor, 5);
      const query = "INSERT OR REPLACE INTO checkpoint VALUES (?1, 5, ?2, 'note', 0)";
      return sql(query, actor, randomBytes(32));
    },
  },
  {
    trigger: "checkpoint_stays",
    what: "forgetting what was signed",
    raises: "chain-fork 5",
    act: async (actor) => {
      await publish(actor, 5);
      return sql("DELETE FROM checkpoint WHERE actor = ?1", actor);
    },
  },
  {
    trigger: "event_follows",
    what: "an event behind a gap",
    raises: "chain-gap 6",
    act: (actor) => insert("INSERT", actor, 6, randomBytes(32), randomBytes(32)),
  },
  {
    trigger: "event_follows",
    what: "an event with a foreign parent",
    raises: "chain-fork 4",
    act: (actor) => insert("INSERT", actor, 5, randomBytes(32), randomBytes(32)),
  },
  {
    trigger: "event_follows",
    what: "REPLACE of the newest event",
    raises: "chain-fork 4",
    act: (actor, entries) =>
      insert("INSERT OR REPLACE", actor, 4, randomBytes(32), cidOf(entries[3])),
  },
  {
    trigger: "event_follows",
    what: "REPLACE of an event's block under its CID",
    raises: "chain-fork 4",
    act: (actor, entries) =>
      insert("INSERT OR REPLACE", actor, 4, cidOf(entries[4]), cidOf(entries[3])),
  },
  {
    trigger: "event_follows",
    what: "an event inside a segment",
    raises: "chain-sealed 1",
    sealed: true,
    act: (actor, entries) => insert("INSERT", actor, 1, cidOf(entries[1]), cidOf(entries[0])),
  },
  {
    trigger: "event_follows",
    what: "an event behind a segment with a foreign parent",
    raises: "chain-fork 1",
    sealed: true,
    act: async (actor) => {
      const other = `${actor}x`;
      await seal(other, 0, 1, randomBytes(32));
      return insert("INSERT", other, 2, randomBytes(32), randomBytes(32));
    },
  },
  ...Object.entries(OTHERS).map(([column, value]) => ({
    trigger: "event_follows",
    what: `REPLACE of an event's ${column}`,
    raises: "chain-fork 3",
    act: (actor: string) => replaced(actor, column, value),
  })),
  ...Object.entries(OTHERS).map(([column, value]) => ({
    trigger: "event_stays",
    what: `UPDATE of an event's ${column} while its payload is erased`,
    raises: "chain-fork 3",
    act: (actor: string) =>
      sql(
        `UPDATE event SET payload = NULL, ${column} = ${value} WHERE actor = ? AND seq = 3`,
        actor,
      ),
  })),
  {
    trigger: "event_stays",
    what: "UPDATE of a payload's bytes",
    raises: "chain-fork 3",
    act: (actor) => sql("UPDATE event SET payload = x'00' WHERE actor = ? AND seq = 3", actor),
  },
  {
    trigger: "event_stays",
    what: "UPDATE that brings an erased payload back",
    raises: "chain-fork 3",
    act: async (actor) => {
      await sql("UPDATE event SET payload = NULL WHERE actor = ? AND seq = 3", actor);
      return sql("UPDATE event SET payload = x'00' WHERE actor = ? AND seq = 3", actor);
    },
  },
  {
    trigger: "event_stays",
    what: "UPDATE that moves an event while its payload is erased",
    raises: "chain-fork 4",
    act: (actor) =>
      sql("UPDATE event SET payload = NULL, seq = 9 WHERE actor = ? AND seq = 4", actor),
  },
  {
    trigger: "event_stays",
    what: "UPDATE of an event's CID",
    raises: "chain-fork 4",
    act: (actor) => sql("UPDATE event SET cid = randomblob(32) WHERE actor = ? AND seq = 4", actor),
  },
  {
    trigger: "event_stays",
    what: "UPDATE of an event's time",
    raises: "chain-fork 2",
    act: (actor) => sql("UPDATE event SET time = 1 WHERE actor = ? AND seq = 2", actor),
  },
  {
    trigger: "event_leaves_sealed",
    what: "DELETE of an unsealed event",
    raises: "chain-unsealed 4",
    act: (actor) => sql("DELETE FROM event WHERE actor = ? AND seq = 4", actor),
  },
  {
    trigger: "event_leaves_sealed",
    what: "DELETE behind the sealed range",
    raises: "chain-unsealed 2",
    sealed: true,
    act: (actor) => sql("DELETE FROM event WHERE actor = ? AND seq = 2", actor),
  },
  {
    trigger: "segment_follows",
    what: "a segment that leaves a gap",
    raises: "chain-gap 1",
    act: (actor, entries) => seal(actor, 1, 2, cidOf(entries[2])),
  },
  {
    trigger: "segment_follows",
    what: "a segment that ends in another event",
    raises: "chain-fork 2",
    act: (actor) => seal(actor, 0, 2, randomBytes(32)),
  },
  {
    trigger: "segment_follows",
    what: "a segment beyond the head",
    raises: "chain-gap 9",
    act: (actor) => seal(actor, 0, 9, randomBytes(32)),
  },
  {
    trigger: "segment_stays",
    what: "UPDATE of a segment's range",
    raises: "chain-sealed 1",
    sealed: true,
    act: (actor) => sql("UPDATE segment SET last = 4 WHERE actor = ?", actor),
  },
  {
    trigger: "segment_never_leaves",
    what: "DELETE of a segment",
    raises: "chain-sealed 1",
    sealed: true,
    act: (actor) => sql("DELETE FROM segment WHERE actor = ?", actor),
  },
];

/** The statements that make the triggers, to put them back. */
async function triggers(): Promise<Map<string, string>> {
  const { results } = await db
    .prepare("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    .all<{ name: string; sql: string }>();
  return new Map(results.map(({ name, sql: create }) => [name, create]));
}

async function prepared(sealed: boolean): Promise<[actor: string, entries: LedgerEntry[]]> {
  const actor = newActor();
  const entries = await run(actor, 5);
  await ledger.append(entries);
  if (sealed) {
    await seal(actor, 0, 1, entries[1]?.cid);
    await sql("DELETE FROM event WHERE actor = ? AND seq <= 1", actor);
  }
  return [actor, entries];
}

describe("a rule of the chain", () => {
  for (const { trigger, what, raises, sealed = false, act } of violations) {
    test(`${what} is refused by ${trigger}, and by nothing else`, async () => {
      const all = await triggers();
      try {
        await expect(act(...(await prepared(sealed)))).rejects.toThrow(raises);
        await sql(`DROP TRIGGER ${trigger}`);
        await act(...(await prepared(sealed)));
      } finally {
        const left = await triggers();
        for (const [name, create] of all) if (!left.has(name)) await sql(create);
      }
    });
  }

  test("each trigger of the schema is broken by one of these tests", async () => {
    const tested = new Set(violations.map(({ trigger }) => trigger));
    expect([...(await triggers()).keys()].toSorted()).toEqual([...tested].toSorted());
  });
});

test("INSERT OR REPLACE with an event's own columns brings no erased bytes back, and takes none", async () => {
  const [actor] = await prepared(false);
  const payload = () =>
    db
      .prepare("SELECT hex(payload) AS hex FROM event WHERE actor = ? AND seq = 3")
      .bind(actor)
      .first("hex");
  const before = await payload();
  await replaced(actor, "payload", "NULL");
  expect(await payload()).toBe(before);
  await sql("UPDATE event SET payload = NULL WHERE actor = ? AND seq = 3", actor);
  await replaced(actor, "payload", "x'00'");
  expect(await payload()).toBe("");
});

test("an event and its payload are one row to D1's bill, and a repetition is none", async () => {
  const counted = new CountingDatabase(db);
  const entries = await run(newActor(), 10);
  for (let n = 0; n < 2; n++) {
    await new D1Ledger(counted.database).append(entries);
    expect(counted.rowsWritten).toBe(10);
  }
});

describe("sealing", () => {
  test("takes rows away, keeps the head, and may be repeated", async () => {
    const [actor, entries] = await prepared(true);
    expect((await ledger.read(actor, { from: 0, limit: 10 })).map(({ seq }) => seq)).toEqual([
      2, 3, 4,
    ]);
    await seal(actor, 0, 1, entries[1]?.cid);
    await seal(actor, 2, 4, entries[4]?.cid);
    await sql("DELETE FROM event WHERE actor = ? AND seq <= 4", actor);
    expect(await ledger.head(actor)).toEqual({ seq: 4, cid: entries[4]?.cid });
    const next = await run(actor, 2, { after: entries[4] as LedgerEntry });
    await ledger.append(next);
    expect(await ledger.head(actor)).toEqual({ seq: 6, cid: next[1]?.cid });
  });

  test("an append that reaches into a sealed range is told to cut its run", async () => {
    const [actor, entries] = await prepared(true);
    await expect(ledger.append(entries)).rejects.toMatchObject({
      code: "chain-broken",
      evidence: { actor, seq: 0, reason: "sealed" },
    });
    await ledger.append(entries.slice(2));
  });

  test("a ledger that was lost takes its segments back and goes on behind them", async () => {
    const actor = newActor();
    const entries = await run(actor, 6);
    await seal(actor, 0, 3, entries[3]?.cid);
    await ledger.append(entries.slice(4));
    expect(await ledger.head(actor)).toEqual({ seq: 5, cid: entries[5]?.cid });
  });
});
