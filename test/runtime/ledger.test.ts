// The ledger behind the actors: it follows the journals, may fail, and is checked as it stands in D1.

import { afterEach, expect, test } from "vitest";
import { decodeEvent } from "../../src/chain/event.ts";
import type { ChainEntry } from "../../src/runtime/protocol.ts";
import { clearFaults, down, faults } from "./faults.ts";
import { bindings, must, start, theater, until, type Probe } from "./stage.ts";

afterEach(clearFaults);

async function inLedger(actor: Probe): Promise<unknown[]> {
  const { results } = await bindings.LEDGER.prepare(
    "SELECT seq, lower(hex(cid)) AS cid FROM event WHERE actor = ? ORDER BY seq",
  )
    .bind(actor.id)
    .all();
  return results;
}

const inJournal = (actor: Probe) =>
  actor.sql("SELECT seq, lower(hex(cid)) AS cid FROM event ORDER BY seq");

async function page(actor: Probe, types: string[] = [], from = 0): Promise<ChainEntry[]> {
  const entries: ChainEntry[] = [];
  for (let next: number | null = from; next !== null;) {
    const query = { from: next, to: null, types, limit: 7 };
    const given: { entries: ChainEntry[]; next: number | null } = must(
      await theater.chain(actor.id, query),
    );
    entries.push(...given.entries);
    next = given.next;
  }
  return entries;
}

const seqs = (entries: ChainEntry[]): number[] => entries.map(({ seq }) => seq);

test("a quiet actor's whole chain is in the ledger, with the CIDs of its journal", async () => {
  const [actor, peer] = [await start(), await start()];
  for (const word of ["a", "b", "c"]) await actor.tell([["send", peer.id, [["echo", word]]]]);
  await actor.ask([["put", "x"]]);
  await until(async () => (await inLedger(actor)).length === (await actor.nextSeq())); // by itself
  expect(await inLedger(actor)).toEqual(await inJournal(actor));
  expect(must(await theater.verify(actor.id)).verdict).toBe("verified");
});

test("an audit sees everything that was acknowledged, also what the ledger has not got yet", async () => {
  const actor = await start();
  for (let n = 0; n < 5; n++) {
    const { event } = await actor.ask([["log", "x"]]);
    const last = (await page(actor)).at(-1);
    expect(last).toMatchObject({ seq: event?.seq, cid: event?.cid });
  }
});

test("while the ledger is down an actor goes on, and lists have all that was acknowledged", async () => {
  const actor = await start();
  await actor.ask([["log", "before"]]);
  must(await theater.head(actor.id)); // feeds the ledger
  faults.ledger = down;
  const { gave, event } = await actor.ask([
    ["log", "during"],
    ["echo", 1],
  ]);
  expect(gave).toEqual([null, 1]);
  const entries = await page(actor);
  expect(seqs(entries)).toEqual(Array.from({ length: (event?.seq ?? 0) + 1 }, (_, seq) => seq));
  expect(entries.at(-1)?.cid).toBe(event?.cid);
  const commits = await page(actor, ["turn.committed"]);
  expect(commits.map(({ block }) => decodeEvent(block).type)).toEqual(
    Array(3).fill("turn.committed"),
  );
  clearFaults();
  await actor.alarm();
  expect(await inLedger(actor)).toEqual(await inJournal(actor));
});

/** The ledger as a restored backup would have it: without the events from `seq` on. */
async function setBack(actor: Probe, seq: number): Promise<void> {
  const leaves = "SELECT sql FROM sqlite_master WHERE name = 'event_leaves_sealed'";
  const trigger = await bindings.LEDGER.prepare(leaves).first<string>("sql");
  const { LEDGER } = bindings;
  await LEDGER.batch([
    LEDGER.prepare("DROP TRIGGER event_leaves_sealed"),
    LEDGER.prepare("DELETE FROM event WHERE actor = ? AND seq >= ?").bind(actor.id, seq),
    LEDGER.prepare(trigger ?? ""),
  ]);
}

test("a ledger that was set back is filled again from the journal, and the chain says so", async () => {
  const actor = await start();
  await actor.ask([["log", "x"]]);
  must(await theater.head(actor.id));
  await setBack(actor, 2);
  await actor.ask([["log", "y"]]);
  await until(async () => (await inLedger(actor)).length === (await actor.nextSeq()));
  expect(await inLedger(actor)).toEqual(await inJournal(actor));
});

test("a listing over a ledger that was set back is whole, and no verification hides the gap", async () => {
  const actor = await start();
  await actor.ask([["log", "x"]]);
  const { seq: head } = must(await theater.head(actor.id));
  await setBack(actor, 3);
  expect(must(await theater.verify(actor.id))).toMatchObject({ verdict: "broken" });
  const query = { from: 0, to: head, types: [], limit: 100 };
  const { entries, next } = must(await theater.chain(actor.id, query));
  expect([entries.length, next]).toEqual([head + 1, null]);
  const recovered = (await actor.events()).at(-1);
  expect(recovered).toMatchObject({
    type: "actor.recovered",
    fields: { reason: "ledger-behind", lostFrom: 3 },
  });
  expect(must(await theater.verify(actor.id)).verdict).toBe("verified");
});

test("an actor whose ledger falls too far behind takes nothing more until it has caught up", async () => {
  const actor = await start();
  faults.ledger = down;
  for (let n = 0; n < 2; n++) await actor.ask([["logs", 9_998, ""]]);
  const before = await actor.nextSeq();
  expect((await actor.ask([["turns"]])).gave).toBe("unavailable");
  expect(await actor.tell([["turns"]])).toBe("unavailable");
  expect(await actor.change("pause")).toBe("paused"); // control is never refused for that
  expect(await actor.change("resume")).toBe("running");
  expect(await actor.nextSeq()).toBe(before + 2);
  clearFaults();
  await actor.alarm();
  expect((await actor.ask([["turns"]])).gave).toEqual([2]);
  expect((await inLedger(actor)).length).toBeGreaterThan(20_000);
}, 15_000);

test("an actor whose chain forked in the ledger fails, and says so", async () => {
  const actor = await start();
  must(await theater.head(actor.id));
  faults.ledger = down;
  const { event } = await actor.ask([["log", "mine"]]);
  // Somebody else wrote this actor's next event: another chain under the same name.
  const [head] = await actor.sql(
    "SELECT seq, cid FROM event WHERE type = 'turn.committed' AND turn = 1",
  );
  const { LEDGER } = bindings;
  const other = [new Uint8Array(32).fill(7), head?.["cid"], new Uint8Array([0])];
  const next = Number(head?.["seq"]) + 1;
  clearFaults();
  await LEDGER.prepare(
    "INSERT INTO event VALUES (?1, ?2, ?3, ?4, 2, 'host.called', '', 0, ?5, ?3, NULL)",
  )
    .bind(actor.id, next, ...other)
    .run();
  expect(await theater.head(actor.id)).toMatchObject({ ok: false, error: { code: "chain-fork" } });
  // And every time somebody asks: what it still has must not verify as if nothing had happened.
  for (const ask of [theater.head(actor.id), theater.verify(actor.id)]) {
    expect(await ask).toMatchObject({ ok: false, error: { code: "chain-fork" } });
  }
  expect((await actor.summary()).status).toBe("failed");
  expect(await actor.change("restart")).toBe("chain-fork");
  const refused = await actor.ask([["turns"]]);
  expect(refused.gave).toBe("wrong-state");
  expect(refused.message).toContain("forked");
  await actor.crash();
  expect((await actor.ask([["turns"]])).gave).toBe("wrong-state");
  expect(await actor.change("restart")).toBe("chain-fork");
  // Its own events are still there for whoever compares the two.
  expect((await actor.events()).at(-1)?.cid).toBe(event?.cid);
  await actor.alarm();
  const query = { status: "failed", parent: null, cursor: null, limit: 100 };
  const { actors } = must(await theater.list(query));
  expect(actors.map(({ id }) => id)).toContain(actor.id);
});

test("verify reads what D1 holds and names the event that was changed there", async () => {
  const actor = await start();
  await actor.ask([["log", "paid 100"]]);
  must(await theater.head(actor.id));
  const { LEDGER } = bindings;
  const stays = "SELECT sql FROM sqlite_master WHERE name = 'event_stays'";
  const trigger = await LEDGER.prepare(stays).first<string>("sql");
  await LEDGER.prepare("DROP TRIGGER event_stays").run();
  const at = (await actor.events()).find(({ type }) => type === "host.called")?.seq ?? 0;
  for (const column of ["block", "payload"]) {
    const row = await LEDGER.prepare(`SELECT ${column} FROM event WHERE actor = ? AND seq = ?`)
      .bind(actor.id, at)
      .first<number[]>(column);
    const block = Uint8Array.from(row ?? []);
    const forged = block.slice();
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
    const write = (bytes: Uint8Array) =>
      LEDGER.prepare(`UPDATE event SET ${column} = ?3 WHERE actor = ?1 AND seq = ?2`).bind(
        actor.id,
        at,
        bytes,
      );
    await write(forged).run();
    const report = must(await theater.verify(actor.id));
    expect([column, report.verdict, report.firstBad?.seq]).toEqual([column, "broken", at]);
    await write(block).run();
    expect(must(await theater.verify(actor.id)).verdict).toBe("verified");
  }
  await LEDGER.prepare(trigger ?? "").run();
});
