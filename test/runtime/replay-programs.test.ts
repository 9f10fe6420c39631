// Whatever an actor lives through, its chain is enough.

import fc from "fast-check";
import { expect, test } from "vitest";
import { live } from "./live.ts";
import { lives, startProgrammed, stepsOfRows } from "./programs.ts";
import { bindings, must, theater } from "./stage.ts";

const given = bindings as unknown as { REPLAY_PROGRAMS: string; REPLAY_SEED: string };
const PROGRAMS = Number(given.REPLAY_PROGRAMS);
const SEED = Number(given.REPLAY_SEED);

test("all steps", { timeout: 60_000 }, async () => {
  const [actor, peer] = [await startProgrammed(), await startProgrammed({ name: "peer" })];
  const pool = await stepsOfRows(actor, peer);
  const t = Date.now();
  await live(actor, peer, [{ what: "request", steps: pool }]);
  console.log(pool.length, "steps", Date.now() - t);
  const lines = await actor.lines();
  console.log(lines.filter((l) => !l.startsWith("host")).join("\n"));
  const t2 = Date.now();
  const report = must(await theater.replay(actor.id, null));
  console.log(Date.now() - t2, JSON.stringify(report, null, 1).slice(0, 3000));
});

test("random", { timeout: 600_000 }, async () => {
  const peer = await startProgrammed({ name: "peer" });
  const pool = await stepsOfRows(peer, peer);
  for (const life of fc.sample(lives(pool, 10), { numRuns: PROGRAMS, seed: SEED })) {
    const t = Date.now();
    const actor = await startProgrammed();
    await live(actor, peer, life);
    const t2 = Date.now();
    const report = must(await theater.replay(actor.id, null));
    console.log(life.map((l) => l.what).join(" "), t2 - t, Date.now() - t2, JSON.stringify(report.turns), report.verdict, JSON.stringify(report.difference));
    expect(report.verdict).toBe("verified");
  }
});
