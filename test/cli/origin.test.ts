// Whether a fork comes from where it says: every lie about it is found, with the origin's chain at hand.

import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { writeChainCar } from "../../src/chain/car.ts";
import { parseCid } from "../../src/chain/cid.ts";
import type { Origin } from "../../src/chain/event-types.ts";
import { toLine } from "../../src/chain/ndjson.ts";
import type { stateSaid } from "../../src/chain/recorded-state.ts";
import { Frontier, leafHash } from "../../src/chain/tree.ts";
import { Link } from "../../src/chain/value.ts";
import { checkOrigins } from "../../src/cli/verify-origin.ts";
import type { Context } from "../../src/cli/context.ts";
import { fromUtf8 } from "../../src/lib/bytes.ts";
import { ChainBuilder, digestOf, genesis } from "../chain/sample-chain.ts";

const context = { connection: {}, output: { note: () => undefined } } as unknown as Context;

/** An actor with three turns; the second leaves the state as it was. */
function lived(name: string, states = ["one", null, "three"]): ChainBuilder {
  const chain = new ChainBuilder()
    .add("actor.created", genesis(name))
    .add("actor.started", { reason: "created", attempt: 1, by: null, state: null });
  for (const [n, state] of states.entries()) {
    const seq = chain.lines.length;
    chain.received("request", n + 1, "body");
    chain.add(
      "turn.committed",
      { message: seq, state: state === null ? null : [fromUtf8(state)], result: null, sends: [] },
      { turn: n + 1 },
    );
  }
  return chain;
}

function originAt(chain: ChainBuilder, seq: number): Origin {
  const tree = new Frontier();
  for (const { block } of chain.lines) tree.append(leafHash(block));
  const event = parseCid(chain.lines[seq]?.cid ?? "");
  return { actor: chain.actor, seq, event, size: tree.size, root: tree.root() };
}

async function fileOf(chain: ChainBuilder, kind = "ndjson"): Promise<string> {
  const file = join(await mkdtemp(join(tmpdir(), "theater-origin-")), `chain.${kind}`);
  if (kind === "ndjson") {
    await writeFile(file, chain.lines.map(toLine).join("\n"));
  } else {
    await writeFile(file, writeChainCar(parseCid(chain.head().cid), chain.lines));
  }
  return file;
}

const SECOND_END = 5;
const from = (origin: Origin, state: string) => ({
  origin,
  state: { state: fromUtf8(state) } satisfies ReturnType<typeof stateSaid>,
});

test.each(["ndjson", "car"])("a fork is held against its origin in a file: %s", async (kind) => {
  const chain = lived("origin");
  const file = await fileOf(chain, kind);
  const told = await checkOrigins(context, from(originAt(chain, SECOND_END), "one"), [file]);
  expect(told).toMatchObject([
    { actor: chain.actor, checked: true, stateAgrees: true, problem: null },
  ]);
});

test("without the origin's chain a fork's word is not checked", async () => {
  const chain = lived("origin");
  const told = await checkOrigins(context, from(originAt(chain, 5), "one"), undefined);
  expect(told).toMatchObject([{ checked: false, stateAgrees: null, problem: null }]);
});

const chain = lived("origin");
const honest = originAt(chain, SECOND_END);
const other = lived("origin", ["one", "two", "three"]);

test.each([
  [
    "another event",
    { ...honest, event: new Link("dag-cbor", digestOf("x")) },
    "one",
    chain,
    "origin-event",
  ],
  ["another root", { ...honest, root: digestOf("x") }, "one", chain, "origin-root"],
  ["another state", honest, "three", chain, "origin-state"],
  ["more events than there are", { ...honest, size: 9 }, "one", chain, "origin-cut-off"],
  ["an event behind the end", { ...honest, seq: 8 }, "one", chain, "origin-cut-off"],
  ["a chain that is another's", honest, "one", lived("somebody"), "origin-broken"],
  // The same genesis, and so the same id: but another past.
  ["a chain that was rewritten", honest, "one", other, "origin-event"],
] as const)("%s is found", async (_, origin, state, shown, code) => {
  const [told] = await checkOrigins(context, from(origin, state), [await fileOf(shown)]);
  expect(told?.problem?.code).toBe(code);
});

test("a state that was erased is nothing to compare, and no lie", async () => {
  const erased = lived("origin");
  const [holder] = erased.lines.splice(3, 1);
  if (holder !== undefined) erased.lines.splice(3, 0, { ...holder, payload: null });
  const [told] = await checkOrigins(context, from(honest, "one"), [await fileOf(erased)]);
  expect(told).toMatchObject({ checked: true, stateAgrees: null, problem: null });
});

test("a fork of a fork is followed to the first chain, each by its own file", async () => {
  const middle = new ChainBuilder()
    .add("actor.created", { ...genesis("middle"), origin: honest })
    .add("actor.started", { reason: "forked", attempt: 1, by: null, state: [fromUtf8("one")] });
  const beginning = from(originAt(middle, 1), "one");
  const files = [await fileOf(middle), await fileOf(chain, "car")];
  const told = await checkOrigins(context, beginning, files);
  expect(told.map(({ actor, problem }) => [actor, problem])).toEqual([
    [middle.actor, null],
    [chain.actor, null],
  ]);
  expect(await checkOrigins(context, beginning, files.slice(0, 1))).toMatchObject([
    { checked: true },
    { checked: false, actor: chain.actor },
  ]);
});
