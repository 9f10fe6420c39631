// Upgrades in hard times: a rehearsal in many parts, turns that were interrupted, actors that are down or sealed, and
// others who want something else at the same moment.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { parseDigest } from "../../src/chain/cid.ts";
import { encodePayload } from "../../src/chain/payload.ts";
import { LoaderExecutor } from "../../src/executor/loader-executor.ts";
import { concat, fromUtf8 } from "../../src/lib/bytes.ts";
import { migrationDifference } from "../../src/replay/migration-check.ts";
import { moduleSetRef, readModuleSet } from "../../src/runtime/birth/module-sets.ts";
import { R2Store } from "../../src/store/r2-store.ts";
import type { UpgradeReport } from "../../src/runtime/upgrade/upgrades.ts";
import { clearFaults, faults, settings } from "./faults.ts";
import { bindings, Gate, must, patient, Probe, start, theater } from "./stage.ts";
import { registry } from "./worker.ts";
import { counting, manifestOf, migrating, say, upgrade, version } from "./versions.ts";

const KEPT = 30;

beforeAll(() => {
  settings.SEAL_EVENTS = String(KEPT);
});
afterAll(() => {
  settings.SEAL_EVENTS = "1000000";
});
afterEach(clearFaults);

const replay = async (actor: Probe) => must(await theater.replay(actor.id, null));

test("a rehearsal goes on where the last call ended, whatever became of the object meanwhile", async () => {
  const actor = await counting();
  for (const text of ["one", "two", "three"]) await say(actor, text);
  const same = await version("same");
  const parts: UpgradeReport[] = [];
  while (parts.at(-1)?.status !== "upgraded") {
    parts.push(must(await upgrade(actor, same, { by: patient, key: "k" })));
    if (parts.length === 4) await actor.crash();
    if (parts.length === 5) await say(actor, "four");
  }
  const ends = parts.map(({ rehearsal }) => rehearsal.to);
  expect(ends).toEqual(ends.toSorted((a, b) => a - b));
  expect(parts.slice(0, 5).map(({ status, event }) => [status, event])).toEqual(
    Array.from({ length: 5 }, () => ["rehearsing", null]),
  );
  expect(parts.at(-1)?.rehearsal).toMatchObject({ from: 0, turns: { agreed: 5 } });
});

test("another version, or another beginning, is another rehearsal", async () => {
  const actor = await counting();
  await say(actor, "special");
  const [same, other] = [await version("same"), await version("other")];
  for (let n = 0; n < 3; n++) await upgrade(actor, same, { by: patient });
  const { head } = await actor.summary();
  const differs = { ok: false, error: { code: "rehearsal-differs" } };
  expect(await upgrade(actor, other, { from: head.seq + 1 })).toMatchObject({ ok: true });
  expect(await upgrade(actor, same)).toMatchObject({ ok: true });
  expect(await upgrade(actor, other)).toMatchObject(differs);
});

test("an interrupted turn goes on with the version that began it, and the next one waits for its end", async () => {
  const [actor, peer] = [await start(), await start()];
  const response = await bindings.PROBE.fetch("http://probe/");
  const custom = fromUtf8("\u0004note"); // a section of that name, without content
  const bytes = concat([await response.bytes(), Uint8Array.of(0, custom.length), custom]);
  const { component } = must(await theater.upload(bytes));
  const gate = new Gate();
  faults.peer = async ({ name }, go) => {
    if (name === `${peer.id} request`) await gate.wait();
    return await go();
  };
  const asked = actor.ask([["request", peer.id, []], ["turns"]], "key");
  await gate.reached();
  await actor.crash();
  await asked;
  expect(await actor.hasOpenTurn()).toBe(true);
  const upgraded = upgrade(actor, component, {});
  gate.open();
  const report = must(await upgraded);
  expect(report).toMatchObject({ status: "upgraded", rehearsal: { turns: { agreed: 2 } } });
  const lines = await actor.lines();
  expect(lines.slice(-2)).toEqual(["turn.committed 2", "actor.upgraded 0"]);
  expect((await actor.ask([["turns"]])).gave).toEqual([1]);
  expect((await replay(actor)).verdict).toBe("verified");
});

test("of two upgrades at once one wins, and the other is told which", async () => {
  const actor = await counting();
  const answers = await Promise.all(
    [await version("same"), await version("other")].map((digest) => upgrade(actor, digest)),
  );
  expect(answers.filter(({ ok }) => ok)).toHaveLength(1);
  expect(answers.find(({ ok }) => !ok)).toMatchObject({ error: { code: "wrong-state" } });
});

test("an actor that is down is upgraded, and restarts as the new version", async () => {
  const actor = await counting();
  await say(actor, "one");
  await actor.change("stop");
  must(await upgrade(actor, await migrating("count")));
  expect((await actor.summary()).status).toBe("stopped");
  await actor.change("restart");
  expect(await say(actor, "two")).toBe("answer 2");
  await actor.change("stop");
  await actor.change("delete");
  expect(await upgrade(actor, await version("same"))).toMatchObject({
    error: { code: "wrong-state" },
  });
});

test("the version in force outlives sealing and eviction, is listed, and its event is never erased", async () => {
  const actor = await counting();
  const same = await version("same");
  const { event } = must(await upgrade(actor, same));
  const seq = event?.seq ?? 0;
  while ((await actor.nextSeq()) < 3 * KEPT) await say(actor, "more");
  must(await theater.head(actor.id));
  await actor.alarm();
  const [row] = await actor.sql("SELECT coalesce(max(last), -1) AS last FROM segment");
  expect(Number(row?.["last"])).toBeGreaterThan(seq);
  await actor.evict();
  expect((await actor.summary()).component).toBe(same);
  expect(await say(actor, "look")).toMatch(/^answer/);
  const { actors } = must(
    await theater.list({ status: null, parent: null, cursor: null, limit: 200 }),
  );
  expect(actors.find(({ id }) => id === actor.id)?.component).toBe(same);
  const erased = await theater.erase(actor.id, { seqs: [seq], reason: "asked", by: "tester" });
  expect(erased).toMatchObject({ ok: false, error: { code: "bad-request" } });
  expect((await replay(actor)).verdict).toBe("verified");
});

test("a fork goes on as the version of its point, and no upgrade makes it more than it was born as", async () => {
  const actor = await counting();
  await say(actor, "special");
  const { head } = await actor.summary();
  must(await upgrade(actor, await version("other"), { accept: "new words" }));
  const fork = async (at: number) =>
    new Probe(must(await theater.fork(actor.id, { at, component: null, name: null })).id);
  const [old, young] = [await fork(head.seq), await fork(head.seq + 1)];
  expect(await say(old, "special")).toBe("answer 2");
  expect(await say(young, "special")).toBe("differs 2");
  const handler = ["runtime", "message-server", "random"].map((type) => ({ type }));
  const manifest = manifestOf(await version("same"), { handler });
  expect(await upgrade(old, null, { manifest })).toMatchObject({ error: { code: "not-granted" } });
  expect(await upgrade(actor, null, { manifest, accept: "more" })).toMatchObject({ ok: true });
});

test("a migrated state that is not what the component makes is reported at its event", async () => {
  const { digest, description } = await loaded(await migrating("count"));
  const content = new R2Store(bindings.CONTENT);
  const executor = new LoaderExecutor(bindings.LOADER, registry.isPure);
  const named = { component: digest, modules: digest };
  const inForce = {
    modules: moduleSetRef(content, digest),
    description,
    since: 1,
    recorded: named,
    component: digest,
    grants: {},
    stateBytesMax: 100,
  };
  const migrated = (count: number) => {
    const state = [fromUtf8(JSON.stringify({ count }))];
    const { block } = encodePayload("actor.migrated", { state }, new Uint8Array(16));
    return { seq: 2, turn: 0, type: "actor.migrated", about: "", time: 0, payload: block };
  };
  const before = fromUtf8('{"n":4}');
  const find = async (count: number) =>
    await migrationDifference(executor, inForce, migrated(count), before);
  expect(await find(4)).toBeUndefined();
  expect(await find(5)).toMatchObject({
    seq: 2,
    expected: { fields: { state: [fromUtf8('{"count":5}')] } },
    found: { type: "actor.migrated", fields: { state: [fromUtf8('{"count":4}')] } },
  });
});

/** The module set of an uploaded component. */
async function loaded(component: string) {
  const { modules } = must(await theater.component(component));
  const digest = parseDigest(modules);
  if (digest === undefined) throw new Error("a module set has a digest");
  return { digest, ...(await readModuleSet(new R2Store(bindings.CONTENT), digest)) };
}

test("what an upgrade would find can be asked without one", async () => {
  const actor = await counting();
  await say(actor, "special");
  const first = await actor.nextSeq();
  await say(actor, "two");
  const before = await actor.nextSeq();
  const ask = async (component: string, from: number | null) =>
    must(await theater.rehearse(actor.id, { component, from, since: null, cursor: null }));
  expect(await ask(await version("same"), null)).toMatchObject({
    verdict: "verified",
    turns: { agreed: 3 },
  });
  expect(await ask(await version("chatty"), null)).toMatchObject({
    verdict: "diverged",
    difference: {
      seq: first - 2,
      expected: { about: "theater:simple/runtime#log", fields: { args: ["special"] } },
      found: { about: "theater:simple/runtime#log", fields: { args: ["more"] } },
    },
  });
  expect(await ask(await version("chatty"), first)).toMatchObject({
    verdict: "verified",
    turns: { agreed: 1 },
  });
  expect(await ask(await version("chatty"), before + 7)).toMatchObject({
    verdict: "verified",
    turns: { agreed: 0 },
  });
  expect(await actor.nextSeq()).toBe(before);
});
