// Shards: a new actor's chain is in one of the bound databases, and stays there.

import { afterAll, beforeAll, expect, test } from "vitest";
import { LoaderExecutor } from "../../src/executor/loader-executor.ts";
import { Theater } from "../../src/runtime/theater.ts";
import { R2Store } from "../../src/store/r2-store.ts";
import { isSharded, settings, withFaults } from "./faults.ts";
import { bindings, must, start, theater, type Probe } from "./stage.ts";
import { registry } from "./worker.ts";

const { LEDGER, SCRATCH } = bindings as typeof bindings & { SCRATCH: D1Database };

beforeAll(() => {
  settings.SEAL_EVENTS = "300";
  isSharded.value = true;
});
afterAll(() => {
  settings.SEAL_EVENTS = "1000000";
  isSharded.value = false;
});

async function rows(db: D1Database, table: string, { id }: Probe): Promise<number | null> {
  return await db
    .prepare(`SELECT count(*) AS n FROM ${table} WHERE actor = ?`)
    .bind(id)
    .first<number>("n");
}

async function shardOf(actor: Probe): Promise<number> {
  const [cell] = await actor.sql("SELECT value FROM cell WHERE name = 'shard'");
  return Number(cell?.["value"] ?? 0);
}

test("each of two shards gets actors; reading, sealing and erasing find theirs", async () => {
  isSharded.value = false;
  const old = await start();
  isSharded.value = true;
  await old.evict();
  const environment = withFaults(bindings);
  const sharded = new Theater({
    environment,
    content: new R2Store(environment.CONTENT),
    executor: new LoaderExecutor(environment.LOADER, registry.isPure),
    registry,
  });
  const seen = new Set<number>();
  const actors = [old];
  for (let n = 0; n < 40 && seen.size < 2; n++) {
    const actor = await start();
    actors.push(actor);
    seen.add(await shardOf(actor));
  }
  expect(seen).toEqual(new Set([0, 1]));
  expect(await rows(SCRATCH, "event", old)).toBe(0);
  const logs = Array.from({ length: 60 }, () => ["log", "x"]);
  for (const actor of [old, ...actors.slice(-2)]) {
    while ((await actor.nextSeq()) < 620) await actor.ask(logs);
    const own = (await shardOf(actor)) === 1 ? SCRATCH : LEDGER;
    const other = own === LEDGER ? SCRATCH : LEDGER;
    must(await sharded.head(actor.id));
    expect(await rows(own, "event", actor)).toBe(await actor.nextSeq());
    await actor.alarm();
    expect(await rows(own, "segment", actor)).toBe(1);
    for (const table of ["event", "segment"]) {
      expect(await rows(other, table, actor)).toBe(0);
    }
    must(await sharded.erase(actor.id, { seqs: [10, 600], reason: "asked for", by: "tester" }));
    expect(must(await sharded.verify(actor.id)).verdict).toBe("verified");
    expect(must(await sharded.check(actor.id)).findings).toEqual([]);
    const query = { from: 0, to: null, types: ["turn.committed"], limit: 1_000 };
    expect(must(await sharded.chain(actor.id, query)).entries.length).toBeGreaterThan(5);
  }
});

test("an actor whose shard is not bound is refused, and never read from another", async () => {
  for (;;) {
    const actor = await start();
    if ((await shardOf(actor)) === 0) continue;
    // This front door knows one database only.
    const answer = await theater.verify(actor.id);
    expect(answer).toMatchObject({ ok: false, error: { code: "not-configured" } });
    return;
  }
});
