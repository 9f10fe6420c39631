// Reading a chain by what its events are about and when they were: from the ledger, and from the journal
// where the ledger does not answer.

import { afterEach, expect, test } from "vitest";
import type { ChainQuery } from "../../src/runtime/actors.ts";
import type { ChainEntry } from "../../src/runtime/protocol.ts";
import { clearFaults, down, faults } from "./faults.ts";
import { must, start, theater, type Probe, type Told } from "./stage.ts";

afterEach(clearFaults);

async function seqsOf(actor: Probe, filter: Partial<ChainQuery>, limit = 3): Promise<number[]> {
  const seqs: number[] = [];
  for (let next: number | null = 0; next !== null;) {
    const query = { from: next, to: null, types: [], ...filter, limit };
    const page: { entries: ChainEntry[]; next: number | null } = must(
      await theater.chain(actor.id, query),
    );
    expect(page.entries.length).toBeLessThanOrEqual(limit);
    seqs.push(...page.entries.map(({ seq }) => seq));
    next = page.next;
  }
  return seqs;
}

async function busy(): Promise<{ actor: Probe; events: Told[] }> {
  const actor = await start();
  for (let n = 0; n < 4; n++) {
    await actor.ask([["log", "x"], ["now"], ["put", "y"]]);
    await new Promise((resolve) => setTimeout(resolve, 5)); // another time
  }
  return { actor, events: await actor.events() };
}

for (const source of ["the ledger", "the journal"]) {
  const choose = async (actor: Probe): Promise<void> => {
    if (source === "the journal") faults.ledger = down;
    else must(await theater.head(actor.id)); // feeds the ledger
  };

  test(`${source} is read by what its events are about`, async () => {
    const { actor, events } = await busy();
    await choose(actor);
    const log = "theater:simple/runtime#log";
    const about = (wanted: (about: string) => boolean): number[] =>
      events.filter((event) => wanted(event.about)).map(({ seq }) => seq);
    expect(await seqsOf(actor, { about: log })).toEqual(about((text) => text === log));
    const store = "theater:simple/store";
    const ofStore = about((text) => text.startsWith(`${store}#`));
    expect(ofStore.length).toBeGreaterThan(8);
    expect(await seqsOf(actor, { about: store })).toEqual(ofStore);
    expect(await seqsOf(actor, { about: store }, 1)).toEqual(ofStore);
    expect(await seqsOf(actor, { about: "request" })).toEqual(about((text) => text === "request"));
    // The beginning of a name is not the name.
    expect(await seqsOf(actor, { about: "theater:simple/sto" })).toEqual([]);
    expect(await seqsOf(actor, { about: "theater:simple/runtime#lo" })).toEqual([]);
    const types = ["host.intended", "turn.committed"];
    const both = events.filter(
      ({ type, about: text }) => types[0] === type && text.startsWith(store),
    );
    expect(await seqsOf(actor, { types, about: store })).toEqual(both.map(({ seq }) => seq));
  });

  test(`${source} is read by time, from one moment and up to before another`, async () => {
    const { actor, events } = await busy();
    await choose(actor);
    const times = [...new Set(events.map(({ time }) => time))];
    expect(times.length).toBeGreaterThan(4);
    const moments = [0, ...times, (times.at(-1) ?? 0) + 1];
    for (const since of moments) {
      const until = moments[moments.indexOf(since) + 2];
      const wanted = events.filter(
        ({ time }) => time >= since && time < (until ?? Number.POSITIVE_INFINITY),
      );
      expect(await seqsOf(actor, { since, until }, 100)).toEqual(wanted.map(({ seq }) => seq));
    }
    const logs = events.filter(
      ({ about, time }) => about.endsWith("#log") && time >= (times[2] ?? 0),
    );
    expect(await seqsOf(actor, { since: times[2], about: "theater:simple/runtime" })).toEqual(
      logs.map(({ seq }) => seq),
    );
  });
}

test("a filter sees what was acknowledged a moment ago", async () => {
  const { actor } = await busy();
  must(await theater.head(actor.id));
  faults.ledger = ({ name }, go) => (name === "batch" ? down() : go()); // appends fail, reads do not
  await actor.ask([["log", "newest"]]);
  const newest = (await actor.events()).findLast(({ about }) => about.endsWith("#log"));
  const seqs = await seqsOf(actor, { about: "theater:simple/runtime#log", since: newest?.time });
  expect(seqs).toEqual([newest?.seq]);
});
