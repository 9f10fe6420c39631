// Whatever an actor lives through, its chain is enough: a replay makes every event of its turns again, and any
// single change to the chain or to the component is found at the event that was named beforehand.
//
// `npm run drill:replay` is the same with a hundred programs; REPLAY_SEED chooses others.

import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { decodePayload } from "../../src/chain/payload.ts";
import type { ReplayReport } from "../../src/replay/report.ts";
import { replayTree } from "../../src/replay/replay-tree.ts";
import type { ReplaySource, SourceEntry } from "../../src/replay/source.ts";
import { ChainCopy } from "./chain-copy.ts";
import {
  chainOf,
  executor,
  sourceOf,
  firstWrong,
  modulesOf,
  rebuilt,
  replayOf,
} from "./copied-replay.ts";
import { settings } from "./faults.ts";
import { exported, replayExported } from "./exported-chain.ts";
import { live } from "./live.ts";
import { mutationsOf } from "./mutations.ts";
import { lives, startProgrammed, stepsOfRows } from "./programs.ts";
import { notAsSigned } from "./signed-chain.ts";
import { bindings, must, theater, type Probe } from "./stage.ts";
import { tamperings } from "./tampering.ts";
import { registry } from "./worker.ts";

const given = bindings as unknown as { REPLAY_PROGRAMS: string; REPLAY_SEED: string };
const PROGRAMS = Number(given.REPLAY_PROGRAMS);
const SEED = Number(given.REPLAY_SEED);
/** Happenings of a program, and changes of one kind to its chain. */
const LENGTH = 8;
const CHANGES = 2;

interface Lived {
  id: string;
  entries: readonly SourceEntry[];
}

const lived: Lived[] = [];
/** The one that they all ask, and send to. */
let peer: Probe;
const choose = randomFrom(SEED);

/** Mulberry32: the same numbers for the same seed. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

beforeAll(
  async () => {
    peer = await startProgrammed({ name: "peer" });
    const pool = await stepsOfRows(peer, peer);
    const programs = fc.sample(lives(pool, LENGTH), { numRuns: PROGRAMS, seed: SEED });
    // Once every call there is; then what chance makes of them.
    const all = [{ what: "request", steps: [...pool, ["variant"], ["say"]] }] as const;
    for (const [n, program] of [all, ...programs].entries()) {
      // By turns in the object's own isolate and in one of the Loader's, which all of them are replayed in.
      settings.BUNDLED = n % 2 === 0 ? "on" : "off";
      const actor = await startProgrammed();
      await live(actor, peer, program);
      lived.push({ id: actor.id, entries: await chainOf(actor.id) });
    }
    delete settings.BUNDLED;
  },
  60_000 + PROGRAMS * 20_000,
);

const TIMEOUT = { timeout: 60_000 + PROGRAMS * 60_000 };

test("a replay makes every event of every turn again, byte for byte", TIMEOUT, async () => {
  for (const { id, entries } of lived) {
    expect(must(await theater.replay(id, null))).toMatchObject({ verdict: "verified" });
    expect(await rebuilt(id, entries)).toEqual(entries.map(({ cid }) => cid));
  }
});

test("all of them together say of one another what each says itself", TIMEOUT, async () => {
  const source = async (actor: string): Promise<ReplaySource | undefined> => {
    const chain = await theater.chain(actor, { from: 0, to: 0, types: [], limit: 1 });
    if (!chain.ok) return undefined;
    const entries = await chainOf(actor);
    return sourceOf(actor, entries, entries.at(-1));
  };
  const report = await replayTree({
    root: peer.id,
    actors: lived.map(({ id }) => id),
    cursor: null,
    source,
    newest: async (actor) => must(await theater.head(actor)).seq,
    executor,
    functions: (about) => registry.findHostFunction(about)?.fn,
    runMs: 60_000 + PROGRAMS * 60_000,
  });
  expect(report).toMatchObject({ verdict: "verified", mismatches: [], next: null });
  expect(report.links.matched).toBeGreaterThan(lived.length * 2);
  expect(report.links).toMatchObject({ erased: 0, unchecked: 0, pending: 0 });
});

test(
  "an exported file replays alone to the same report, and goes on from any place",
  TIMEOUT,
  async () => {
    let foreign = 0;
    for (const { id } of lived) {
      const car = await exported(id);
      const report = await replayExported(id, car);
      const { turns, ...server } = must(await theater.replay(id, null));
      // What was shown of another chain is in that chain, and not in the file.
      foreign += report.turns.foreign;
      const agreed = turns.agreed - report.turns.foreign;
      expect(report).toEqual({
        ...server,
        turns: { ...turns, agreed, foreign: turns.agreed - agreed },
      });
      const parts: number[] = [];
      for (let cursor: string | null = null; ;) {
        const part: ReplayReport = await replayExported(id, car, { cursor, runMs: 0 });
        parts.push(part.turns.agreed);
        cursor = part.next;
        if (cursor === null) break;
      }
      expect(parts.reduce((sum, one) => sum + one, 0)).toBe(report.turns.agreed);
      expect(parts.length).toBeGreaterThan(report.turns.agreed / 2);
    }
    expect(foreign).toBeGreaterThan(0);
  },
);

test("a file without what its turns need is refused by the name of the missing", async () => {
  const [{ id } = { id: "" }] = lived;
  const missing = { code: "not-found", evidence: { include: "component" } };
  await expect(replayExported(id, await exported(id, ["manifest"]))).rejects.toMatchObject(missing);
  const actor = await startProgrammed();
  await actor.ask([["fill", 70_000]]);
  await actor.ask([["say"]]);
  const bare = await exported(actor.id, ["component"]);
  const lacking = { code: "not-found", evidence: { include: "blocks" } };
  await expect(replayExported(actor.id, bare)).rejects.toMatchObject(lacking);
});

test("a change with all hashes made to fit is found where it was said", TIMEOUT, async () => {
  const [missed, kinds] = [[] as unknown[], new Map<string, number>()];
  for (const { id, entries } of lived) {
    const copy = ChainCopy.of(id, entries);
    expect(copy.entries().map(({ cid }) => cid)).toEqual(entries.map(({ cid }) => cid));
    for (const { name, at, expected, chain } of mutationsOf(copy, choose, CHANGES)) {
      kinds.set(name, (kinds.get(name) ?? 0) + 1);
      const changed = chain.entries();
      const report = await replayOf(id, changed);
      const found = firstWrong(report);
      if (found !== expected) {
        const { difference, chain: verdict } = report;
        missed.push({ id, name, at, expected, found, difference, firstBad: verdict.firstBad });
      }
      if (expected !== null) continue;
      // The guest cannot tell: what was signed can.
      const signed = await notAsSigned(id, { entries, changed, at });
      if (signed !== at) missed.push({ id, name, at, signed });
    }
  }
  expect(missed).toEqual([]);
  expect(kinds.size).toBeGreaterThan(20);
});

test("a change whose hashes do not fit is found where it is", TIMEOUT, async () => {
  const missed: unknown[] = [];
  for (const { id, entries } of lived) {
    for (const { name, at, changed } of tamperings(entries, choose)) {
      const report = await replayOf(id, changed, entries);
      const found = firstWrong(report);
      if (found !== at) missed.push({ name, at, found, report });
    }
  }
  expect(missed).toEqual([]);
});

test("another component is found at the first event that it makes otherwise", TIMEOUT, async () => {
  const variant = await startProgrammed({ isVariant: true });
  const [genesis] = await chainOf(variant.id);
  const { modules } = decodePayload("actor.created", genesis?.payload ?? new Uint8Array());
  const loaded = await modulesOf(modules.digest);
  let found = 0;
  for (const { id, entries } of lived) {
    const { events } = ChainCopy.of(id, entries);
    const isNamed = ({ fields }: (typeof events)[number]): boolean =>
      (fields["args"] as unknown[] | undefined)?.[0] === "variant-one";
    const expected = events.find(isNamed)?.was ?? null;
    const report = await replayOf(id, entries, entries, {
      override: async (recorded) => ({ ...recorded, ...loaded, component: modules.digest }),
    });
    expect([id, firstWrong(report)]).toEqual([id, expected]);
    if (expected !== null) found++;
  }
  expect(found).toBeGreaterThan(0);
});
