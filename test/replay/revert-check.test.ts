// A revert that restores another state than it says is found, wherever the state of then was recorded.

import { expect, test } from "vitest";
import { decodeEvent } from "../../src/chain/event.ts";
import type { RecordedEvent } from "../../src/replay/recorded-turn.ts";
import { revertRule } from "../../src/replay/revert-check.ts";
import { fromUtf8 } from "../../src/lib/bytes.ts";
import { ChainBuilder, genesis } from "../chain/sample-chain.ts";

const STARTED = { reason: "created", attempt: 1, by: null, state: null };

/** Two states, then so many events that say nothing of it, then a revert to an event with a state. */
function chainOf(revert: { toSeq: number; state: string | null }, idle: number): ChainBuilder {
  const chain = new ChainBuilder().add("actor.created", genesis("x")).add("actor.started", STARTED);
  for (const state of ["one", "two"]) {
    const seq = chain.lines.length;
    const fields = { message: seq, state: [fromUtf8(state)], result: null, sends: [] };
    chain.received("send", 0, "body").add("turn.committed", fields, { turn: 1 });
  }
  for (let n = 0; n < idle; n++) chain.add("actor.paused", { by: "ops" });
  const state = revert.state === null ? [] : [fromUtf8(revert.state)];
  return chain.add("actor.reverted", { by: "ops", reason: "r", toSeq: revert.toSeq, state });
}

async function ruleOf(chain: ChainBuilder, erased = -1): Promise<string | undefined> {
  const eventAt = (seq: number): RecordedEvent | undefined => {
    const line = chain.lines[seq];
    if (line === undefined) return undefined;
    const { turn, type, about, time } = decodeEvent(line.block);
    return { seq, turn, type, about, time, payload: seq === erased ? null : line.payload };
  };
  const source = {
    async *pages(from: number, to: number) {
      yield chain.lines
        .slice(from, to + 1)
        .map((line) => ({ ...line, payload: line.seq === erased ? null : line.payload }));
    },
  };
  const [event] = [eventAt(chain.head().seq)];
  if (event === undefined) throw new Error("a chain has a head");
  return await revertRule(event, { source, earlier: async (seq) => eventAt(seq) });
}

test.each([
  [3, "one", 0],
  [4, "one", 0], // between two turns
  [5, "two", 0],
  [600, "two", 700], // far behind what recorded it
  [1, null, 0],
])("back to event %d restores %j", async (toSeq, state, idle) => {
  expect(await ruleOf(chainOf({ toSeq, state }, idle))).toBeUndefined();
});

test.each([
  [3, "two", 0],
  [5, "one", 0],
  [5, "forged", 0],
  [600, "one", 700],
  [1, "one", 0],
  [5, null, 0],
])("back to event %d restores no %j", async (toSeq, state, idle) => {
  const rule = `The state that it restores is not the one after event ${toSeq}.`;
  expect(await ruleOf(chainOf({ toSeq, state }, idle))).toBe(rule);
});

test("what was erased says nothing against a revert", async () => {
  expect(await ruleOf(chainOf({ toSeq: 5, state: "forged" }, 0), 5)).toBeUndefined();
});
