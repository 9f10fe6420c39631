// Forks: the same past, linked; a future of their own; and never more than their origin had.

import { afterEach, expect, test } from "vitest";
import type { Link } from "../../src/chain/value.ts";
import { Frontier, leafHash } from "../../src/chain/tree.ts";
import { toBase64, toUtf8 } from "../../src/lib/bytes.ts";
import type { ForkInput } from "../../src/runtime/actors.ts";
import { exported, replayExported } from "./exported-chain.ts";
import { clearFaults, faults, settings } from "./faults.ts";
import { otherProbe } from "./other-probe.ts";
import { bindings, hex, must, Probe, start, theater, until } from "./stage.ts";

afterEach(() => {
  clearFaults();
  delete settings.LOG_KEY;
});

const forkAnswer = async (actor: Probe, given: Partial<ForkInput> & { at: number }) =>
  await theater.fork(actor.id, { component: null, name: null, ...given });

async function forkOf(actor: Probe, given: Partial<ForkInput> & { at: number }): Promise<Probe> {
  return new Probe(must(await forkAnswer(actor, given)).id);
}

const keyed = (key: string) => ({ idempotency: { principal: "tester", key } });

const turnsOf = async (actor: Probe) => ((await actor.state()) as { turns: number }).turns;

test("a fork goes on from the state of then, and its origin does not notice", async () => {
  settings.LOG_KEY = toBase64(new Uint8Array(32).fill(9));
  const origin = await start();
  const { event } = await origin.ask([["turns"], ["pad", 70_000]]);
  const at = event?.seq ?? 0;
  await origin.ask([["turns"]]);
  await origin.ask([["schedule", "t", { after: 3_600_000 }, []]]);
  const [before, there] = [await origin.events(), await origin.summary()];
  const { head, ...made } = must(await forkAnswer(origin, { at, name: "what-if" }));
  const fork = new Probe(made.id);
  expect(made).toMatchObject({ name: "what-if", origin: { actor: origin.id, seq: at } });
  expect([await turnsOf(fork), head.seq]).toEqual([1, 1]);
  expect((await fork.ask([["turns"], ["padded"], ["timers"]])).gave).toEqual([1, 70_000, []]);
  expect(await turnsOf(fork)).toBe(2);
  expect([await origin.events(), await turnsOf(origin)]).toEqual([before, 3]);
  expect(await fork.summary()).toMatchObject({
    origin: made.origin,
    parent: null,
    component: there.component,
    handlers: there.handlers,
  });
  const [created, started] = await fork.events();
  const said = created?.fields["origin"] as Record<string, unknown>;
  expect(said).toMatchObject({ actor: origin.id, seq: at, size: before.length });
  expect(hex((said["event"] as Link).digest)).toBe(await digestAt(origin, at));
  expect(hex(said["root"] as Uint8Array)).toBe(await rootOf(origin, before.length));
  expect(started).toMatchObject({ type: "actor.started", fields: { reason: "forked" } });
  const report = must(await theater.replay(fork.id, null));
  expect(report).toMatchObject({ verdict: "verified", turns: { agreed: 1 } });
  expect(await replayExported(fork.id, await exported(fork.id))).toEqual(report);
  expect(must(await theater.verify(fork.id)).verdict).toBe("verified");
});

async function blocksOf(actor: Probe): Promise<Uint8Array[]> {
  return must(await actor.stub.journal(0, 1_000)).map(({ block }) => block);
}

async function rootOf(actor: Probe, size: number): Promise<string> {
  const tree = new Frontier();
  for (const block of (await blocksOf(actor)).slice(0, size)) tree.append(leafHash(block));
  return hex(tree.root());
}

async function digestAt(actor: Probe, seq: number): Promise<string> {
  const block = (await blocksOf(actor))[seq] ?? new Uint8Array();
  return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", block)));
}

test("a fork of a fork begins where that one was", async () => {
  const origin = await start();
  const { event } = await origin.ask([["turns"]]);
  const first = await forkOf(origin, { at: event?.seq ?? 0 });
  const second = await forkOf(first, { at: 1 }); // at once
  expect(await turnsOf(second)).toBe(1);
  await second.ask([["turns"]]);
  const third = await forkOf(second, { at: (await second.nextSeq()) - 1 });
  expect([await turnsOf(third), await turnsOf(origin)]).toEqual([2, 1]);
  expect((await third.summary()).origin).toMatchObject({ actor: second.id });
});

test("there is no fork of the inside of a turn, of what had not begun, and of what was erased", async () => {
  const origin = await start();
  const { event } = await origin.ask([["log", "x"]]);
  const end = event?.seq ?? 0;
  const refused = async (at: number) => {
    const answer = await forkAnswer(origin, { at });
    return answer.ok ? "forked" : answer.error;
  };
  expect(await refused(end - 1)).toMatchObject({
    code: "wrong-state",
    evidence: { turn: 2, before: end - 3, after: end },
  });
  for (const at of [0, 1, 2]) expect(await refused(at)).toMatchObject({ code: "wrong-state" });
  expect(await refused(end + 1)).toMatchObject({ code: "not-found" });
  must(await theater.erase(origin.id, { seqs: [end], reason: "asked", by: "tester" }));
  expect(await refused(end)).toMatchObject({ code: "erased", evidence: { seq: end } });
});

test("a fork of a child holds what the child held, and not what its manifest asks for", async () => {
  const stores = ["a".repeat(32), "b".repeat(32)];
  const parent = await start({
    handlers: { random: { max_bytes: 50 }, store: { stores: [stores[0]] } },
  });
  const child = await start({
    parent: parent.id,
    handlers: { random: { max_bytes: 70 }, store: { stores } },
  });
  const fork = await forkOf(child, { at: (await child.nextSeq()) - 1 });
  const grants = async (actor: Probe) => (await actor.events())[0]?.fields["grants"];
  expect(await grants(fork)).toEqual(await grants(child));
  expect(await grants(fork)).toMatchObject({
    held: { random: { maxBytes: 50 }, store: { stores: [stores[0]] } },
  });
});

test("another component goes on from there, if it needs nothing that the origin had not", async () => {
  const origin = await start();
  const { event } = await origin.ask([["turns"]]);
  const at = event?.seq ?? 0;
  const component = await otherProbe();
  const fork = await forkOf(origin, { at, component });
  expect((await fork.summary()).component).toBe(component);
  expect((await fork.ask([["turns"]])).gave).toEqual([1]);
  expect(toUtf8(await manifestOf(fork))).toContain(component);
  const tools = bindings as typeof bindings & { TOOLS: Fetcher };
  const wants = must(
    await theater.upload(await (await tools.TOOLS.fetch("http://tools/")).bytes()),
  );
  expect(await forkAnswer(origin, { at, component: wants.component })).toMatchObject({
    error: { code: "missing-handler" },
  });
});

async function manifestOf(actor: Probe): Promise<Uint8Array> {
  return new TextEncoder().encode(must(await theater.manifest(actor.id)));
}

test.each(["before", "behind"])(
  "a fork that is cut off %s the birth is the same one when it is asked for again",
  async (place) => {
    const origin = await start();
    const { event } = await origin.ask([["turns"]]);
    const asked = {
      at: event?.seq ?? 0,
      name: `cut-${place}-${origin.id.slice(0, 8)}`,
      ...keyed(origin.id),
    };
    let cut = 0;
    faults.peer = async ({ name }, go) => {
      if (!name.endsWith(" create") || cut > 0) return await go();
      cut++;
      if (place === "behind") {
        await go();
        await new Probe(name.split(" ")[0] ?? "").crash();
      }
      throw new Error("Network connection lost.");
    };
    expect((await forkAnswer(origin, asked)).ok).toBe(false);
    await origin.crash();
    await origin.ask([["turns"]]); // its chain has grown meanwhile
    const first = must(await forkAnswer(origin, asked));
    expect(must(await forkAnswer(origin, asked))).toEqual(first);
    const fork = new Probe(first.id);
    expect((await fork.lines()).slice(0, 2)).toEqual(["actor.created 0", "actor.started 0"]);
    expect(await turnsOf(fork)).toBe(1);
    await until(async () => (await named(asked.name)).length > 0);
    expect(await named(asked.name)).toEqual([first.id]);
    const { at, name, ...key } = asked;
    const other = await forkAnswer(origin, { at: at - 2, name, ...key });
    expect(other).toMatchObject({ error: { code: "key-reused" } });
  },
);

async function named(name: string): Promise<string[]> {
  const query = "SELECT id FROM actor WHERE name = ?";
  const { results } = await bindings.LEDGER.prepare(query).bind(name).all<{ id: string }>();
  return results.map(({ id }) => id);
}
