// The drill of `npm run drill`, short and with a seed: a fault strikes the server while a tree of supervisors and
// workers is at work, and afterwards nothing may be lost, doubled or told differently by two chains.

import { afterAll, expect, test } from "vitest";
import { drill } from "../../bench/drill/drill.ts";
import { FAULTS } from "../../bench/drill/faults.ts";
import { endAll } from "./dev-process.ts";

afterAll(endAll);

/** Of all faults, those in which most happens; the whole list takes minutes. */
const NAMES = ["kill twice", "D1 unanswered", "Loader fails", "peers", "two lives"];
const ACTORS = 14;

test(
  "a tree that is struck while it works loses nothing, doubles nothing, and its chains agree",
  { timeout: 180_000 },
  async () => {
    const faults = FAULTS.filter(({ name }) => NAMES.includes(name));
    const rounds = faults.length;
    const table = await drill({ seed: "test", rounds, actors: ACTORS, maxMs: Infinity, faults });
    expect(table).toMatchObject({ problems: [], lost: 0, doubled: 0, viewsDifferent: 0 });
    expect(table.actors).toBe(ACTORS);
    expect(table.rounds).toBe(rounds);
    expect(table.acknowledged).toBe(table.operations);
    expect(table.byFault.map(({ fault }) => fault)).toEqual(NAMES);
    expect(table.byFault.filter(({ strikes }) => strikes === 0)).toEqual([]);
    // Something was at stake.
    expect(table.acknowledged).toBeGreaterThan(rounds * 5);
    expect(table.restartsSeen).toBeGreaterThan(0);
    expect(table.viewsCompared).toBe(rounds * (ACTORS - 1));
  },
);
