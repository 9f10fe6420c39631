// Comparing ledger, archive and journal: whatever is planted in one of them is named, and nothing else.

import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Finding } from "../../src/runtime/protocol.ts";
import { settings } from "./faults.ts";
import { bindings, must, start, theater, type Probe } from "./stage.ts";

const KEPT = 300;
const { LEDGER, CONTENT } = bindings;

/** With one segment, and rows behind it. */
let actor: Probe;
let last = -1;

beforeAll(() => {
  settings.SEAL_EVENTS = String(KEPT);
});
afterAll(() => {
  settings.SEAL_EVENTS = "1000000";
});
beforeEach(async () => {
  actor = await start();
  const logs = Array.from({ length: 60 }, (_, n) => ["log", `line ${n}`]);
  while ((await actor.nextSeq()) < 2 * KEPT + 20) await actor.ask(logs);
  must(await theater.head(actor.id));
  await actor.alarm();
  const [row] = await actor.sql("SELECT max(last) AS last FROM segment");
  last = Number(row?.["last"]);
});

async function places(): Promise<string[]> {
  const { findings } = must(await theater.check(actor.id));
  return findings.map(({ seq, where }: Finding) => `${seq} ${where}`);
}

/** Runs a statement on D1 that the triggers would refuse. */
async function force(query: string, ...values: unknown[]): Promise<void> {
  const { results } = await LEDGER.prepare(
    "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'",
  ).all<{ name: string; sql: string }>();
  await LEDGER.batch([
    ...results.map(({ name }) => LEDGER.prepare(`DROP TRIGGER ${name}`)),
    LEDGER.prepare(query).bind(...values),
    ...results.map(({ sql }) => LEDGER.prepare(sql)),
  ]);
}

test("a chain that is in order has no findings, sealed or not", async () => {
  const { head, events, findings } = must(await theater.check(actor.id));
  expect(findings).toEqual([]);
  expect(events).toBe(head.seq + 1);
  const fresh = await start();
  expect(must(await theater.check(fresh.id)).findings).toEqual([]);
});

test("a changed row of the ledger is named", async () => {
  await force("UPDATE event SET turn = 99 WHERE actor = ? AND seq = ?", actor.id, last + 7);
  expect(await places()).toEqual([`${last + 7} ledger`]);
});

test("a row that the ledger has lost is named", async () => {
  await force("DELETE FROM event WHERE actor = ? AND seq = ?", actor.id, last + 7);
  expect(await places()).toEqual([`${last + 7} ledger`]);
});

test("a payload whose digest was changed in the ledger is named, and the rest is still compared", async () => {
  const digest = "UPDATE event SET payload_digest = zeroblob(32) WHERE actor = ? AND seq = ?";
  await force(digest, actor.id, last + 7);
  await force("UPDATE event SET turn = 99 WHERE actor = ? AND seq = ?", actor.id, last + 9);
  expect(await places()).toEqual([`${last + 7} ledger`, `${last + 9} ledger`]);
});

test("a payload that is gone from the ledger alone is named", async () => {
  await LEDGER.prepare("UPDATE event SET payload = NULL WHERE actor = ? AND seq = ?")
    .bind(actor.id, last + 7)
    .run();
  expect(await places()).toEqual([`${last + 7} ledger`]);
});

test("a changed row of the journal is named", async () => {
  await actor.sql(`UPDATE event SET block = x'00' WHERE seq = ${last + 7}`);
  expect(await places()).toEqual([`${last + 7} journal`]);
});

test("a row that the journal has lost is named", async () => {
  await actor.sql(`DELETE FROM event WHERE seq = ${last + 7}`);
  expect(await places()).toEqual([`${last + 7} journal`]);
});

test("a segment that only one of object and ledger knows is named", async () => {
  await actor.sql("UPDATE segment SET key = 'segment/other'");
  expect(await places()).toEqual([`${last} ledger`]);
  await actor.sql("DELETE FROM segment");
  expect(await places()).toContain(`${last} journal`);
});

test("an object of the archive that changed or is gone is named", async () => {
  const { objects } = await CONTENT.list({ prefix: `segment/${actor.id}/` });
  const key = objects[0]?.key ?? "";
  const bytes = (await (await CONTENT.get(key))?.bytes()) ?? new Uint8Array();
  const forged = bytes.slice();
  forged[20_000] = (forged[20_000] ?? 0) ^ 1;
  await CONTENT.put(key, forged);
  const found = await places();
  expect(found.length).toBeGreaterThan(0);
  expect(found.every((place) => place.endsWith(" archive"))).toBe(true);
  await CONTENT.delete(key);
  expect(await places()).toEqual(["0 archive"]);
  await CONTENT.put(key, bytes);
  expect(await places()).toEqual([]);
});

test("stretches of a segment that are not where its events are are named, and mislead nobody", async () => {
  const [row] = await actor.sql("SELECT stretches FROM segment");
  const positions = JSON.parse(row?.["stretches"] as string) as [number, number][];
  const shift = JSON.stringify(positions.map(([seq, at]) => [seq, at + 1]));
  await LEDGER.prepare("UPDATE segment SET stretches = ? WHERE actor = ?")
    .bind(shift, actor.id)
    .run();
  expect(await places()).toEqual([`${last} ledger`]);
  expect(must(await theater.verify(actor.id)).verdict).toBe("verified");
  await actor.sql(`UPDATE segment SET stretches = '${shift}'`);
  expect(await places()).toEqual([`${last} ledger`, `${last} journal`]);
  const query = { from: 200, to: 200, types: [], limit: 9 };
  const { entries } = must(await theater.chain(actor.id, query));
  expect(entries.map(({ seq }) => seq)).toEqual([200]);
});
