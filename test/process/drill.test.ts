// The drill of `npm run drill`, short and with a seed: the server is killed while a tree of supervisors and
// workers is at work, and afterwards nothing may be lost, doubled or told differently by two chains.

import { afterAll, expect, test } from "vitest";
import { drill } from "../../bench/drill/drill.ts";
import { FAULTS } from "../../bench/drill/faults.ts";
import { endAll } from "./dev-process.ts";

afterAll(endAll);

const ROUNDS = 3;
const ACTORS = 14;

test(
  "a tree that is killed while it works loses nothing, doubles nothing, and its chains agree",
  { timeout: 180_000 },
  async () => {
    const options = {
      seed: "test",
      rounds: ROUNDS,
      actors: ACTORS,
      maxMs: Infinity,
      faults: FAULTS,
    };
    const table = await drill(options);
    expect(table).toMatchObject({ problems: [], lost: 0, doubled: 0, viewsDifferent: 0 });
    expect(table.actors).toBe(ACTORS);
    expect(table.rounds).toBe(ROUNDS);
    expect(table.acknowledged).toBe(table.operations);
    // Something was at stake.
    expect(table.acknowledged).toBeGreaterThan(ROUNDS * 5);
    expect(table.restartsSeen).toBeGreaterThan(0);
    expect(table.viewsCompared).toBe(ROUNDS * (ACTORS - 1));
  },
);
