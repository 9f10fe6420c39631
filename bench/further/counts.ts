// What turns make the platform do, counted at the exits of the Worker and its objects: under load and one at a time.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { cpuSeconds } from "../memory.ts";
import { requestBytes } from "../load/connection.ts";
import { Counters } from "../load/counters.ts";
import { load } from "../load/load.ts";
import type { Bench } from "../server.ts";
import type { Counts } from "./counters.ts";
import type { FurtherOptions } from "./measurement.ts";

const TINY = join(import.meta.dirname, "../../test/fixtures/tiny.wasm");
const CATCH_UP_MS_MAX = 60_000;
/** Longer than the ledger's feeder ever waits: an actor counts as quiet after it. */
const QUIET_MS = 1_200;
/** A round of load; then it is looked whether the turns suffice. */
const ROUND_MS = 2_000;
const ROUNDS_MAX = 30;

/** Of one turn. */
export interface PerTurn extends Counts {
  id: string;
  name: string;
  turns: number;
  /** Of workerd as a whole, in milliseconds: D1 and R2 as they are simulated here included. */
  cpuMs: number;
  /** How long an object is at work for one turn, in milliseconds. */
  wallMs: number;
}

export async function countedTurns({ bench, isQuick }: FurtherOptions): Promise<PerTurn[]> {
  const component = await bench.upload(await readFile(TINY));
  const one = [await bench.start(component)];
  // So that sealed segments are in it as often as they come.
  const turns = isQuick ? 1_000 : 9_000;
  // The quiet one first: what other actors have left to do would be counted with its few turns.
  const rarely = await counted(bench, {
    id: "quiet",
    name: "1 actor, a request now and then",
    actors: one,
    work: quiet(one[0] ?? "", isQuick ? 4 : 12),
  });
  const alone = await counted(bench, {
    id: "one",
    name: "1 actor, 32 callers",
    actors: one,
    work: busy(one, turns),
  });
  const many = await Promise.all(Array.from({ length: 32 }, () => bench.start(component)));
  const together = await counted(bench, {
    id: "many",
    name: "32 actors, 32 callers",
    actors: many,
    work: busy(many, turns),
  });
  return [alone, together, rarely];
}

/** Does its turns, and says how many and how long an object was at work for all of them. */
type Work = (bench: Bench) => Promise<{ turns: number; wallMs: number }>;

function busy(actors: readonly string[], wanted: number): Work {
  return async (bench) => {
    const headers = { authorization: `Bearer ${bench.server.token}` };
    const requests = actors.map((id) =>
      requestBytes({ method: "POST", path: `/v1/actors/${id}/request`, headers, body: "x" }),
    );
    const port = Number(new URL(bench.server.url).port);
    const { check } = new Counters(actors.length);
    const begun = performance.now();
    let turns = 0;
    for (let round = 0; turns < wanted && round < ROUNDS_MAX; round++) {
      turns += (await load({ port, requests, width: 32, ms: ROUND_MS, check })).times.length;
    }
    // Each actor's object is at work all the time.
    return { turns, wallMs: (performance.now() - begun) * actors.length };
  };
}

function quiet(id: string, turns: number): Work {
  return async (bench) => {
    let wallMs = 0;
    for (let turn = 0; turn < turns; turn++) {
      await sleep(QUIET_MS);
      const begun = performance.now();
      await bench.call("POST", `/v1/actors/${id}/request`, "x");
      wallMs += performance.now() - begun;
    }
    return { turns, wallMs };
  };
}

async function counted(
  bench: Bench,
  { id, name, actors, work }: { id: string; name: string; actors: readonly string[]; work: Work },
): Promise<PerTurn> {
  await Promise.all(actors.map((actor) => caughtUp(bench, actor)));
  await sleep(QUIET_MS);
  const [before, cpu] = [await counts(bench), await cpuSeconds()];
  const { turns, wallMs } = await work(bench);
  // What the turns have left to do counts too; looking whether it is done does not.
  await sleep(QUIET_MS);
  const [after, cpuAfter] = [await counts(bench), await cpuSeconds()];
  const per = Object.fromEntries(
    Object.entries(after).map(([key, value]) => [
      key,
      (value - before[key as keyof Counts]) / turns,
    ]),
  ) as unknown as Counts;
  return {
    id,
    name,
    turns,
    ...per,
    cpuMs: ((cpuAfter - cpu) * 1000) / turns,
    wallMs: wallMs / turns,
  };
}

async function counts(bench: Bench): Promise<Counts> {
  return await bench.json<Counts>("GET", "/bench/counts");
}

async function caughtUp(bench: Bench, id: string): Promise<void> {
  for (const begun = Date.now(); Date.now() - begun < CATCH_UP_MS_MAX; await sleep(100)) {
    const { head, ledgerSeq } = await bench.json<{ head: { seq: number }; ledgerSeq: number }>(
      "GET",
      `/v1/actors/${id}`,
    );
    if (ledgerSeq === head.seq) return;
  }
  throw new Error("the ledger did not catch up");
}
