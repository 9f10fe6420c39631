// Sealing: old events move to R2, wherever it is interrupted, and nobody who reads a chain notices.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { readCar } from "../../src/chain/car.ts";
import { decodeEvent } from "../../src/chain/event.ts";
import { parseReceipt } from "../../src/chain/receipt.ts";
import { fromUtf8, toBase64 } from "../../src/lib/bytes.ts";
import type { ChainEntry } from "../../src/runtime/protocol.ts";
import { clearFaults, down, faults, settings } from "./faults.ts";
import { bindings, Gate, hex, must, start, theater, until, type Probe } from "./stage.ts";

const KEPT = 300;

beforeAll(() => {
  settings.SEAL_EVENTS = String(KEPT);
  settings.LOG_KEY = toBase64(new Uint8Array(32).fill(7));
});
afterAll(() => {
  settings.SEAL_EVENTS = "1000000";
  delete settings.LOG_KEY;
});
afterEach(clearFaults);

/** An actor with so many events, all in the ledger and none sealed. */
async function grown(events = 2 * KEPT + 20): Promise<Probe> {
  const actor = await start();
  const logs = Array.from({ length: 60 }, (_, n) => ["log", `line ${n}`]);
  while ((await actor.nextSeq()) < events) await actor.ask(logs);
  must(await theater.head(actor.id)); // feeds the ledger
  return actor;
}

async function whole(actor: Probe, types: string[] = []): Promise<ChainEntry[]> {
  const entries: ChainEntry[] = [];
  for (let next: number | null = 0; next !== null;) {
    const page: { entries: ChainEntry[]; next: number | null } = must(
      await theater.chain(actor.id, { from: next, to: null, types, limit: 100 }),
    );
    entries.push(...page.entries);
    next = page.next;
  }
  return entries;
}

const shown = (entries: ChainEntry[]): string[] =>
  entries.map(({ seq, cid, block, payload }) =>
    [seq, cid, hex(block), payload === null ? "erased" : hex(payload)].join(" "),
  );

/** The last sealed event as the object has it; -1 before the first. */
async function sealed(actor: Probe): Promise<number> {
  const [row] = await actor.sql("SELECT coalesce(max(last), -1) AS last FROM segment");
  return Number(row?.["last"]);
}

async function counts(actor: Probe): Promise<{ events: number; segments: number }> {
  const count = async (table: string): Promise<number> =>
    (await bindings.LEDGER.prepare(`SELECT count(*) AS n FROM ${table} WHERE actor = ?`)
      .bind(actor.id)
      .first<number>("n")) ?? -1;
  return { events: await count("event"), segments: await count("segment") };
}

async function objects(actor: Probe): Promise<string[]> {
  const listed = await bindings.CONTENT.list({ prefix: `segment/${actor.id}/` });
  return listed.objects.map(({ key }) => key);
}

test("a sealed chain reads, filters, verifies and proves as it did before", async () => {
  const actor = await grown();
  await actor.ask([["log", "keyed"]], "key-1");
  const keyed = await actor.ask([["log", "keyed"]], "key-1");
  must(await theater.head(actor.id));
  const before = await whole(actor);
  const commits = await whole(actor, ["turn.committed"]);
  const { time } = decodeEvent(before[40]?.block ?? new Uint8Array());
  const since = { from: 0, to: null, types: [], since: time, limit: 5 };
  const { entries: dated } = must(await theater.chain(actor.id, since));
  must(await theater.checkpoint(actor.id));
  const tile = must(await theater.tile(actor.id, { level: 0, index: 0, width: 256 }));

  await actor.alarm();
  const last = await sealed(actor);
  expect(last).toBeGreaterThanOrEqual(KEPT);
  const unsealed = before.length - last - 1;
  expect(await counts(actor)).toEqual({ events: unsealed, segments: 1 });
  const [rows] = await actor.sql("SELECT count(*) AS n FROM event");
  expect(Number(rows?.["n"])).toBeLessThan(before.length - 200);

  for (const wake of [undefined, "evict", "crash"] as const) {
    if (wake !== undefined) await actor[wake]();
    expect(shown(await whole(actor))).toEqual(shown(before));
    expect(shown(await whole(actor, ["turn.committed"]))).toEqual(shown(commits));
    expect(shown(must(await theater.chain(actor.id, since)).entries)).toEqual(shown(dated));
    expect(must(await theater.verify(actor.id))).toMatchObject({ verdict: "verified" });
    expect(must(await theater.tile(actor.id, { level: 0, index: 0, width: 256 }))).toEqual(tile);
    const ends = commits.map(({ seq }) => seq);
    for (const seq of [0, 5, ends[1] ?? 0, last, last + 1]) {
      must(await theater.receipt(actor.id, seq));
    }
    must(await theater.consistency(actor.id, 10, last));
    expect(await actor.ask([["log", "keyed"]], "key-1")).toEqual(keyed);
  }
  // It goes on: another turn, and what the object holds without D1.
  expect((await actor.ask([["turns"]])).gave).toEqual([expect.any(Number)]);
  must(await theater.head(actor.id));
  const longer = await whole(actor);
  faults.ledger = down;
  expect(shown(await whole(actor))).toEqual(shown(longer));
});

test("one segment follows another, and each ends where the next begins", async () => {
  const actor = await grown();
  await actor.alarm();
  const first = await sealed(actor);
  const logs = Array.from({ length: 60 }, () => ["log", "more"]);
  while ((await actor.nextSeq()) < first + 2 * KEPT + 20) await actor.ask(logs);
  must(await theater.head(actor.id));
  await actor.alarm();
  expect((await counts(actor)).segments).toBe(2);
  const all = await whole(actor);
  expect(all.map(({ seq }) => seq)).toEqual(all.map((_, n) => n));
  expect(must(await theater.verify(actor.id)).verdict).toBe("verified");
  must(await theater.receipt(actor.id, first + 1));
  const late = must(
    await theater.chain(actor.id, {
      from: 0,
      to: null,
      types: ["turn.committed"],
      limit: 1_000,
    }),
  );
  expect(late.entries.at(-1)?.seq).toBe((await actor.summary()).head.seq);
});

type Step = "R2 put" | "R2 read back" | "D1 batch" | "R2 clean";
const STEPS: Step[] = ["R2 put", "R2 read back", "D1 batch", "R2 clean"];

/** Runs `fault` at one step of a sealing, before the call or after it was answered. */
function at(step: Step, when: "before" | "after", fault: () => Promise<void> | void): void {
  const hook = async (isIt: boolean, go: () => unknown): Promise<unknown> => {
    if (!isIt) return await go();
    if (when === "before") await fault();
    const result = await go();
    if (when === "after") await fault();
    return result;
  };
  const method = { "R2 put": "put", "R2 read back": "get", "R2 clean": "list" } as const;
  if (step === "D1 batch") {
    faults.ledger = ({ name }, go) => hook(name === "batch", go);
  } else {
    faults.content = ({ name, args }, go) =>
      hook(name === method[step] && JSON.stringify(args[0]).includes("segment/"), go);
  }
}

for (const step of STEPS) {
  for (const when of ["before", "after"] as const) {
    test(`a sealing that fails ${when} ${step} is finished by the next alarm`, async () => {
      const actor = await grown();
      const before = shown(await whole(actor));
      at(step, when, () => {
        throw new Error("Network connection lost.");
      });
      await actor.alarm();
      clearFaults();
      expect(shown(await whole(actor))).toEqual(before);
      await actor.alarm();
      expect(await sealed(actor)).toBeGreaterThanOrEqual(KEPT);
      expect((await counts(actor)).segments).toBe(1);
      expect(shown(await whole(actor))).toEqual(before);
      expect(must(await theater.verify(actor.id)).verdict).toBe("verified");
      expect(await objects(actor)).toHaveLength(1);
    });

    test(`an object that dies ${when} ${step} of a sealing finishes it in its next life`, async () => {
      const actor = await grown();
      const before = shown(await whole(actor));
      const gate = new Gate();
      at(step, when, () => gate.wait());
      const alarm = actor.alarm().catch(() => undefined);
      await gate.reached();
      await actor.crash();
      clearFaults();
      gate.open();
      await alarm;
      expect(shown(await whole(actor))).toEqual(before);
      await actor.ask([["log", "after"]]);
      must(await theater.head(actor.id));
      await actor.alarm();
      expect(await sealed(actor)).toBeGreaterThanOrEqual(KEPT);
      expect((await counts(actor)).segments).toBe(1);
      expect(shown(await whole(actor)).slice(0, before.length)).toEqual(before);
      expect(must(await theater.verify(actor.id)).verdict).toBe("verified");
      expect(await objects(actor)).toHaveLength(1);
    });
  }
}

/** Whether any object of the archive holds this text. */
async function archived(actor: Probe, text: string): Promise<boolean> {
  const wanted = hex(fromUtf8(text));
  for (const key of await objects(actor)) {
    const bytes = await (await bindings.CONTENT.get(key))?.bytes();
    if (hex(bytes ?? new Uint8Array()).includes(wanted)) return true;
  }
  return false;
}

async function withSecret(): Promise<{ actor: Probe; secret: string; seqs: number[] }> {
  const actor = await start();
  const secret = `secret ${crypto.randomUUID()}`;
  await actor.ask([["echo", secret]]);
  const seqs = (await actor.events())
    .filter(({ turn, type }) => turn === 2 && type === "turn.committed")
    .map(({ seq }) => seq);
  const [message] = (await actor.events())
    .filter(({ type }) => type === "message.received")
    .slice(-1);
  seqs.unshift(message?.seq ?? -1);
  const logs = Array.from({ length: 60 }, () => ["log", "x"]);
  while ((await actor.nextSeq()) < 2 * KEPT + 20) await actor.ask(logs);
  must(await theater.head(actor.id));
  return { actor, secret, seqs };
}

const erase = (actor: Probe, seqs: number[]) =>
  theater.erase(actor.id, { seqs, reason: "asked for", by: "tester" });

test("a sealed payload can be erased: its segment moves to an object without it", async () => {
  const { actor, secret, seqs } = await withSecret();
  await actor.alarm();
  expect(await archived(actor, secret)).toBe(true);
  const [old] = await objects(actor);
  const { event, complete } = must(await erase(actor, seqs));
  expect(complete).toBe(true);
  expect(await archived(actor, secret)).toBe(false);
  expect(await objects(actor)).toHaveLength(1);
  expect(await objects(actor)).not.toContain(old);
  const all = await whole(actor);
  expect(all.filter(({ payload }) => payload === null).map(({ seq }) => seq)).toEqual(seqs);
  expect(must(await theater.verify(actor.id)).verdict).toMatch(/^verified/);
  for (const seq of seqs) must(await theater.receipt(actor.id, seq));
  expect(must(await erase(actor, seqs)).event).toEqual(event); // again: nothing new
});

for (const step of STEPS) {
  test(`an erasure of a sealed payload that fails at ${step} is pending and then done`, async () => {
    const { actor, secret, seqs } = await withSecret();
    await actor.alarm();
    let reads = 0;
    at(step, "after", () => {
      // Before anything is recorded, the segment is read to see what may be erased; then to write it anew.
      if (step === "R2 read back" && ++reads <= 2) return;
      throw new Error("Network connection lost.");
    });
    if (step === "D1 batch") faults.ledger = down; // the pointer is swapped by a `run`
    expect(must(await erase(actor, seqs)).complete).toBe(false);
    clearFaults();
    await actor.crash();
    await actor.alarm();
    expect(await archived(actor, secret)).toBe(false);
    expect(await objects(actor)).toHaveLength(1);
    expect(must(await theater.verify(actor.id)).verdict).toMatch(/^verified/);
    expect(must(await erase(actor, seqs)).complete).toBe(true);
  });
}

test("a sealed payload is not erased by half: without R2 the erasure is refused", async () => {
  const { actor, secret, seqs } = await withSecret();
  await actor.alarm();
  const head = await actor.nextSeq();
  faults.content = down;
  expect(await erase(actor, seqs)).toMatchObject({ ok: false, error: { code: "unavailable" } });
  clearFaults();
  expect(await actor.nextSeq()).toBe(head);
  expect(must(await erase(actor, seqs)).complete).toBe(true);
  expect(await archived(actor, secret)).toBe(false);
});

test("what is erased while its run is being sealed is not in the archive in the end", async () => {
  const { actor, secret, seqs } = await withSecret();
  const gate = new Gate();
  at("D1 batch", "before", () => gate.wait());
  const alarm = actor.alarm();
  await gate.reached();
  clearFaults();
  expect(must(await erase(actor, seqs)).complete).toBe(false);
  gate.open();
  await alarm;
  await until(async () => !(await archived(actor, secret)));
  expect(await objects(actor)).toHaveLength(1);
  expect(must(await erase(actor, seqs)).complete).toBe(true);
  expect(must(await theater.verify(actor.id)).verdict).toMatch(/^verified/);
});

test("a ledger that was set back to before a sealing is filled from the archive and sealed again", async () => {
  const actor = await grown();
  const before = shown(await whole(actor));
  await actor.alarm();
  const { LEDGER } = bindings;
  const names = ["segment_never_leaves", "event_leaves_sealed"];
  const { results } = await LEDGER.prepare(
    `SELECT name, sql FROM sqlite_master WHERE name IN ('${names.join("','")}')`,
  ).all<{ name: string; sql: string }>();
  await LEDGER.batch([
    ...names.map((name) => LEDGER.prepare(`DROP TRIGGER ${name}`)),
    ...["event", "segment"].map((table) =>
      LEDGER.prepare(`DELETE FROM ${table} WHERE actor = ?`).bind(actor.id),
    ),
    ...results.map(({ sql }) => LEDGER.prepare(sql)),
  ]);
  await actor.ask([["log", "after"]]);
  for (let n = 0; n < 3; n++) await theater.head(actor.id); // the gap, then the refilling
  expect(shown(await whole(actor)).slice(0, before.length)).toEqual(before);
  await actor.alarm();
  expect((await counts(actor)).segments).toBe(1);
  expect((await counts(actor)).events).toBeLessThan(before.length - 200);
  expect(must(await theater.verify(actor.id)).verdict).toBe("verified");
});

test("a segment that is damaged or gone is named by whoever reads it", async () => {
  const actor = await grown();
  await actor.alarm();
  const [key = ""] = await objects(actor);
  const bytes = await (await bindings.CONTENT.get(key))?.bytes();
  const forged = bytes?.slice() ?? new Uint8Array();
  forged[5_000] = (forged[5_000] ?? 0) ^ 1;
  await bindings.CONTENT.put(key, forged);
  const damaged = await theater.verify(actor.id);
  expect(damaged.ok ? damaged.value.verdict : damaged.error.code).toMatch(
    /^(broken|chain-broken)$/,
  );
  await bindings.CONTENT.delete(key);
  expect(await theater.verify(actor.id)).toMatchObject({
    ok: false,
    error: { code: "chain-broken" },
  });
});

/** How many blocks are in the run of events of a receipt. */
async function blocksIn(receipt: string): Promise<number> {
  const { extra } = parseReceipt(receipt);
  const chunks = async function* () {
    yield extra ?? new Uint8Array();
  };
  let count = 0;
  for await (const _ of (await readCar(chunks())).blocks) count++;
  return count;
}

test("a receipt has its whole turn, wherever a segment begins in it", async () => {
  const actor = await grown();
  await actor.alarm();
  const last = await sealed(actor);
  const ends = (await whole(actor, ["turn.committed"])).map(({ seq }) => seq);
  const end = ends.find((seq) => seq > last) ?? -1;
  const begin = (ends.findLast((seq) => seq <= last) ?? -1) + 1;
  expect(begin).toBeLessThanOrEqual(last); // the turn lies across the end of the segment
  expect(await blocksIn(must(await theater.receipt(actor.id, end)))).toBe(2 * (end - begin + 1));
});

test("a guest sees its chain, however much of it is sealed, also in a turn that goes on", async () => {
  const [actor, peer] = [await grown(), await start()];
  await actor.alarm();
  expect(await sealed(actor)).toBeGreaterThan(0);
  const size = await actor.nextSeq();
  expect((await actor.ask([["chain"]])).gave).toEqual([size]);
  await actor.evict();
  const gate = new Gate();
  faults.peer = async ({ name }, go) => {
    if (name === `${peer.id} request`) await gate.wait();
    return await go();
  };
  const program = [["chain"], ["request", peer.id, [["turns"]]], ["chain"]];
  const longer = await actor.nextSeq();
  const asked = actor.ask(program, "key-1").catch(() => undefined);
  await gate.reached();
  await actor.crash();
  clearFaults();
  gate.open();
  await asked;
  const { gave } = await actor.ask(program, "key-1");
  expect(gave).toEqual([longer, "[0]", longer + 4]);
  expect(must(await theater.verify(actor.id)).verdict).toBe("verified");
});
