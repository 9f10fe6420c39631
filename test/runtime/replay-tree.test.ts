// A whole tree replayed together: what its actors said to one another is what each heard. Whoever rewrites one chain,
// with all its hashes and so that its own replay agrees, is contradicted by the others.

import { beforeAll, expect, test } from "vitest";
import type { Value } from "../../src/chain/value.ts";
import { fromUtf8, toUtf8 } from "../../src/lib/bytes.ts";
import { replayTree } from "../../src/replay/replay-tree.ts";
import type { SourceEntry } from "../../src/replay/source.ts";
import type { LinkKind, TreeReport } from "../../src/replay/tree-report.ts";
import { ChainCopy, type CopiedEvent } from "./chain-copy.ts";
import { chainOf, executor, sourceOf } from "./copied-replay.ts";
import { rest } from "./live.ts";
import { programManifest, startProgrammed } from "./programs.ts";
import { must, Probe, theater, until, type Program } from "./stage.ts";
import { registry } from "./worker.ts";

const HOST = "theater:simple/message-server-host";
const SUPERVISOR = "theater:simple/supervisor";

let root: Probe;
let one: Probe;
let two: Probe;
let three: Probe;
const chains = new Map<string, SourceEntry[]>();

const request = (to: string, program: Program) =>
  ["call", `${HOST}#request`, to, { $json: program }] as const;
const send = (to: string, program: Program) =>
  ["call", `${HOST}#send`, to, { $json: program }] as const;

/** An order goes from the root to its workers, and word of it comes back. */
beforeAll(async () => {
  root = await startProgrammed({ name: "root" });
  const manifest = await programManifest("worker");
  const spawn = `${SUPERVISOR}#spawn`;
  await root.ask([
    ["as", "one", spawn, manifest, null],
    ["as", "two", spawn, manifest, null],
    ["as", "three", spawn, manifest, null],
  ]);
  const { vars } = (await root.state()) as { vars: Record<"one" | "two" | "three", string> };
  [one, two, three] = [new Probe(vars.one), new Probe(vars.two), new Probe(vars.three)];
  await root.ask([
    request("$one", [
      ["say"],
      request(two.id, [
        ["keep", "asked by one"],
        ["answer", "yes"],
      ]),
    ]),
    send("$two", [["log", "first"], send(root.id, [["say"]])]),
    send("$two", [
      ["blind", "theater:simple/timing#now"],
      ["variant", "quiet"],
    ]),
    send("$two", [["log", "second"]]),
    ["blind", `${HOST}#request`, "$one", { $json: [["answer", "never looked at"]] }],
    request("$two", [["refuse"]]),
    request("$three", [["trap"]]),
    ["say"],
  ]);
  await root.ask([["as", "channel", `${HOST}#open-channel`, "$one", { $json: [["say"]] }]]);
  await root.ask([
    ["call", `${HOST}#send-on-channel`, "$channel", { $json: [["log", "on the channel"]] }],
    ["call", `${HOST}#close-channel`, "$channel"],
    ["call", "theater:edge/timers#schedule", "soon", { tag: "at", val: 0 }, { $json: [["say"]] }],
  ]);
  // Answered by a later turn than its own.
  const asked = root.ask([request("$one", [["answer", "later"]]), ["say"]]);
  await until(async () => (await one.sql("SELECT 1 FROM deferred")).length === 1);
  await one.ask([
    ["as", "request", `${HOST}#list-outstanding-requests`],
    ["call", `${HOST}#respond-to-request`, "$request", { $json: "at last" }],
  ]);
  await asked;
  for (const actor of [root, one, two]) await rest(actor);
  await root.ask([["call", `${SUPERVISOR}#stop-child`, "$two"]]);
  for (const actor of [root, one, two, three]) chains.set(actor.id, await chainOf(actor.id));
}, 60_000);

/** The tree with other chains in the place of some, in parts of so many ms. */
async function replayed(
  changed: ReadonlyMap<string, SourceEntry[]> = new Map(),
  runMs = 60_000,
  newest?: (actor: string) => number,
): Promise<TreeReport[]> {
  const entries = (actor: string) => changed.get(actor) ?? chains.get(actor);
  const parts: TreeReport[] = [];
  for (let cursor: string | null = null; ;) {
    const part: TreeReport = await replayTree({
      root: root.id,
      actors: [],
      cursor,
      source: async (actor) => {
        const own = entries(actor);
        return own && sourceOf(actor, own, own.at(-1));
      },
      newest: async (actor) => newest?.(actor) ?? (entries(actor)?.length ?? 0) - 1,
      executor,
      functions: (about) => registry.findHostFunction(about)?.fn,
      runMs,
    });
    parts.push(part);
    cursor = part.next;
    if (cursor === null) return parts;
  }
}

test("a tree with messages in all directions agrees, and every link has its other end", async () => {
  const report = must(await theater.replayTree(root.id, null));
  expect(report).toMatchObject({
    root: root.id,
    verdict: "verified",
    links: { outside: 0, erased: 0, unchecked: 0, pending: 0 },
    mismatches: [],
    more: false,
    next: null,
  });
  expect(report.actors.map(({ actor, verdict }) => [actor, verdict])).toEqual(
    [root, one, two, three].map(({ id }) => [id, "verified"]),
  );
  expect(report.links.matched).toBeGreaterThan(20);
});

test("in many parts it says the same as in one", async () => {
  const [whole] = await replayed();
  const parts = await replayed(new Map(), 0);
  expect(parts.length).toBeGreaterThan(5);
  const sums = { matched: 0, turns: 0 };
  for (const { links, actors, verdict, mismatches } of parts) {
    expect([verdict, mismatches]).toEqual(["verified", []]);
    sums.matched += links.matched;
    for (const { turns } of actors) sums.turns += turns.agreed;
  }
  const turns = whole?.actors.reduce((sum, each) => sum + each.turns.agreed, 0);
  expect(sums).toEqual({ matched: whole?.links.matched, turns });
});

interface Rewriting {
  name: string;
  actor: () => Probe;
  kind: LinkKind;
  /** The event that is changed; where it is found, if not there. */
  at: (events: readonly CopiedEvent[]) => number;
  found?: (events: readonly CopiedEvent[], at: number) => number;
  change: (chain: ChainCopy, at: number) => ChainCopy;
}

const withFields = (chain: ChainCopy, at: number, fields: Record<string, Value>): ChainCopy =>
  chain.changed(at, (event) => ({ fields: { ...event.fields, ...fields } }));
const bodyOf = ({ fields }: CopiedEvent): string => {
  const body = (fields["params"] as Value[]).at(-1);
  return body instanceof Uint8Array ? toUtf8(body) : "";
};
const message = (events: readonly CopiedEvent[], words: string): number =>
  events.findIndex((event) => event.type === "message.received" && bodyOf(event).includes(words));

const rewritings: Rewriting[] = [
  {
    name: "the body of a message that was received",
    actor: () => two,
    kind: "message",
    at: (events) => message(events, "second"),
    change: (chain, at) => {
      const params = [fromUtf8(`${bodyOf(chain.at(at))} `)];
      return withFields(chain, at, { params });
    },
  },
  {
    name: "the sender of a message that was received",
    actor: () => two,
    kind: "message",
    at: (events) => message(events, "second"),
    change: (chain, at) => withFields(chain, at, { from: chain.actor }),
  },
  {
    name: "an answer that was heard and not looked at",
    actor: () => root,
    kind: "reply",
    at: (events) =>
      1 +
      events.findIndex(
        ({ type, fields }) =>
          type === "host.intended" &&
          toUtf8(((fields["args"] as Value[])[1] ?? new Uint8Array()) as Uint8Array).includes(
            "never",
          ),
      ),
    change: (chain, at) => withFields(chain, at, { result: { ok: fromUtf8("something else") } }),
  },
  {
    name: "the head that a child left",
    actor: () => root,
    kind: "exit",
    at: (events) => events.findIndex(({ type }) => type === "child.exited"),
    change: (chain, at) => {
      const { size } = chain.at(at).fields as { size: number };
      return withFields(chain, at, { size: size - 1 });
    },
  },
  {
    name: "a message that was received twice",
    actor: () => two,
    kind: "message",
    at: (events) => message(events, "second"),
    found: (_, at) => at + 1,
    change: (chain, at) => {
      const copy = { ...chain.at(at), was: -1 };
      return new ChainCopy(chain.actor, chain.events.toSpliced(at + 1, 0, copy));
    },
  },
];

/** Without a message and its turn, as if it had never come: later turns count one less. */
function without(chain: ChainCopy, at: number): ChainCopy {
  const end = chain.events.find(
    ({ type, fields }) => type === "turn.committed" && fields["message"] === at,
  );
  const turn = end?.turn ?? 0;
  const events = chain.events
    .filter((event) => event.was !== at && event.turn !== turn)
    .map((event) => {
      const { key } = event.fields;
      if (event.turn < turn) return event;
      const now = event.turn - 1;
      if (typeof key !== "string") return { ...event, turn: now };
      const moved = key.replace(/\/\d+\//, `/${now}/`);
      return { ...event, turn: now, fields: { ...event.fields, key: moved } };
    });
  return new ChainCopy(chain.actor, events);
}

test("a message that is gone with its turn is missed at the next one from its sender", async () => {
  const chain = ChainCopy.of(two.id, chains.get(two.id) ?? []);
  const quiet = message(chain.events, "quiet");
  const next = message(chain.events, "second");
  expect(next).toBeGreaterThan(quiet);
  const changed = without(chain, quiet).entries();
  const [report] = await replayed(new Map([[two.id, changed]]));
  expect(report?.actors.map(({ verdict }) => verdict)).toEqual(Array(4).fill("verified"));
  const gone = chain.events.filter(({ was, turn }) => {
    const { turn: own } = chain.events.find(({ fields }) => fields["message"] === quiet) ?? {
      turn: 0,
    };
    return was < next && (was === quiet || turn === own);
  });
  expect(report?.mismatches[0]).toMatchObject({
    kind: "message",
    actor: two.id,
    seq: next - gone.length,
    rule: "What the other one sent before it is not in this chain.",
  });
});

test("behind an actor whose own replay differs nothing is judged, and what is before it is", async () => {
  const chain = ChainCopy.of(one.id, chains.get(one.id) ?? []);
  const said = chain.events.findIndex(({ about }) => about.endsWith("#log"));
  const changed = withFields(chain, said, { args: ["something else"] }).entries();
  const [report] = await replayed(new Map([[one.id, changed]]));
  expect(report).toMatchObject({ verdict: "diverged", next: null });
  const verdicts = report?.actors.map(({ actor, verdict }) => [actor === one.id, verdict]);
  expect(verdicts).toContainEqual([true, "diverged"]);
  expect(verdicts?.filter(([, verdict]) => verdict === "verified")).toHaveLength(3);
  expect(report?.actors.find(({ actor }) => actor === one.id)?.difference?.seq).toBe(said);
  expect(report?.links.unchecked).toBeGreaterThan(0);
  // The others name events of it that have other hashes now; none of them is blamed for more.
  for (const { rule } of report?.mismatches ?? []) expect(rule).toMatch(/another hash/);
});

test("a chain that goes on while it is replayed is not blamed for what was not read of it", async () => {
  const newest = (actor: string): number => (chains.get(actor)?.length ?? 0) - 1;
  for (const { id } of [root, one, two]) {
    const entries = chains.get(id) ?? [];
    for (const length of [3, Math.ceil(entries.length / 2), entries.length - 1]) {
      const [report] = await replayed(new Map([[id, entries.slice(0, length)]]), 60_000, newest);
      expect([length, report?.verdict, report?.mismatches]).toEqual([length, "verified", []]);
    }
    if (id === root.id) continue; // without its births there is no tree
    // And one that ends there is.
    const [cut] = await replayed(new Map([[id, entries.slice(0, 3)]]));
    expect(cut?.verdict).toBe("mismatched");
  }
});

test("what was erased is counted and nobody is blamed for it", async () => {
  const erased = new Map(
    [...chains].map(([id, entries]): [string, SourceEntry[]] => [
      id,
      entries.map((entry) =>
        entry.seq === 0 || entry.seq % 5 > 0 ? entry : { ...entry, payload: null },
      ),
    ]),
  );
  const [report] = await replayed(erased);
  expect(report).toMatchObject({ verdict: "verified", mismatches: [] });
  expect(report?.links.erased).toBeGreaterThan(0);
});

test.each(rewritings)(
  "$name: rewritten, with all that follows, it is found by the other chain",
  async ({ actor, kind, at, found, change }) => {
    const { id } = actor();
    const chain = ChainCopy.of(id, chains.get(id) ?? []);
    const place = at(chain.events);
    expect(place).toBeGreaterThan(0);
    const changed = change(chain, place).entries();
    const [report] = await replayed(new Map([[id, changed]]));
    // By itself each chain agrees with its replay.
    expect(report?.actors.map(({ verdict }) => verdict)).toEqual(Array(4).fill("verified"));
    expect(report?.verdict).toBe("mismatched");
    const expected = found?.(chain.events, place) ?? place;
    expect(report?.mismatches[0]).toMatchObject({ kind, actor: id, seq: expected });
  },
);
