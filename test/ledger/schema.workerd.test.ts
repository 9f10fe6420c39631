// What the ledger's own triggers refuse, whoever writes. Each rule is broken twice by plain SQL: with
// its trigger, which must refuse; and without it, which must succeed, so that no rule is kept by
// something else unnoticed.

import { describe, expect, test } from "vitest";
import { D1Ledger } from "../../src/chain/d1-ledger.ts";
import type { LedgerEntry } from "../../src/chain/ledger.ts";
import { bindings } from "../support/bindings.ts";
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
    .prepare(`${verb} INTO event VALUES (?1, ?2, ?3, ?4, 1, 'x', '', 0, x'00')`)
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

/** Removing an event removes its payload, whose own trigger would refuse too: it must not hide the other. */
const dropCascade = () => sql("DROP TRIGGER IF EXISTS payload_leaves_sealed");

const publish = (actor: string, size: number) =>
  sql("INSERT INTO checkpoint VALUES (?1, ?2, ?3, 'note', 0)", actor, size, new Uint8Array(32));

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
    act: async (actor, entries) => {
      await dropCascade();
      return insert("INSERT OR REPLACE", actor, 4, randomBytes(32), cidOf(entries[3]));
    },
  },
  {
    trigger: "event_follows",
    what: "REPLACE of an event's block under its CID",
    raises: "chain-fork 4",
    act: async (actor, entries) => {
      await dropCascade();
      return insert("INSERT OR REPLACE", actor, 4, cidOf(entries[4]), cidOf(entries[3]));
    },
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
    act: async (actor) => {
      await dropCascade();
      return sql("DELETE FROM event WHERE actor = ? AND seq = 4", actor);
    },
  },
  {
    trigger: "event_leaves_sealed",
    what: "DELETE behind the sealed range",
    raises: "chain-unsealed 2",
    sealed: true,
    act: async (actor) => {
      await dropCascade();
      return sql("DELETE FROM event WHERE actor = ? AND seq = 2", actor);
    },
  },
  {
    trigger: "payload_once",
    what: "REPLACE of a payload",
    raises: "chain-fork 3",
    act: (actor) =>
      sql("INSERT OR REPLACE INTO payload VALUES (?, 3, randomblob(32), x'00')", actor),
  },
  {
    trigger: "payload_erased_only",
    what: "UPDATE of a payload's bytes",
    raises: "chain-fork 3",
    act: (actor) => sql("UPDATE payload SET block = x'00' WHERE actor = ? AND seq = 3", actor),
  },
  {
    trigger: "payload_erased_only",
    what: "UPDATE of a payload's digest while erasing it",
    raises: "chain-fork 3",
    act: (actor) =>
      sql(
        "UPDATE payload SET block = NULL, digest = zeroblob(32) WHERE actor = ? AND seq = 3",
        actor,
      ),
  },
  {
    trigger: "payload_leaves_sealed",
    what: "DELETE of an unsealed event's payload",
    raises: "chain-unsealed 3",
    act: (actor) => sql("DELETE FROM payload WHERE actor = ? AND seq = 3", actor),
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

describe("sealing", () => {
  test("takes rows and payloads away, keeps the head, and may be repeated", async () => {
    const [actor, entries] = await prepared(true);
    expect((await ledger.read(actor, { from: 0, limit: 10 })).map(({ seq }) => seq)).toEqual([
      2, 3, 4,
    ]);
    const left = await db
      .prepare("SELECT count(*) AS n FROM payload WHERE actor = ?")
      .bind(actor)
      .first<{ n: number }>();
    expect(left?.n).toBe(3);
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
