// The second table: each group of measurements on a server of its own, within a time limit. A group that fails is
// reported with its reason, and the others go on.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { buildActor } from "../../src/cli/build-actor.ts";
import { withBench } from "../server.ts";
import { chainTimes } from "./chain.ts";
import { costOfMillion, type CostPart } from "./cost.ts";
import { countedTurns, type PerTurn } from "./counts.ts";
import type { FurtherOptions, Measurement } from "./measurement.ts";
import { memoryUse } from "./memory.ts";
import { messageTimes } from "./messages.ts";
import { replayTimes } from "./replay.ts";
import { socketTimes } from "./sockets.ts";
import { spawnTimes, uploadTimes } from "./spawn.ts";

const FOLDER = join(import.meta.dirname, "..");
const TINY = join(FOLDER, "../test/fixtures/tiny.wasm");
const COUNTING = "bench/further/counting-worker.ts";
const GROUP_MS_MAX = 360_000;

export interface Further {
  measurements: Measurement[];
  perTurn: PerTurn[];
  /** Dollars for a million turns, for each of `perTurn`. */
  costs: { id: string; parts: CostPart[] }[];
  errors: string[];
}

type Group = "spawn" | "upload" | "messages" | "sockets" | "chain" | "replay" | "memory" | "counts";

export async function further(
  options: Omit<FurtherOptions, "bench">,
  only?: readonly string[],
): Promise<Further> {
  const found: Further = { measurements: [], perTurn: [], costs: [], errors: [] };
  const group = async (name: Group, run: (given: FurtherOptions) => Promise<Measurement[]>) => {
    if (only?.includes(name) === false) return;
    const entry = name === "counts" ? { worker: COUNTING } : {};
    const work = withBench(async (bench) => await run({ ...options, bench }), entry);
    try {
      found.measurements.push(...(await within(GROUP_MS_MAX, work)));
      options.note(`measured ${name}`);
    } catch (thrown) {
      found.errors.push(`${name}: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
    }
  };
  await group("memory", memoryUse);
  await group("spawn", spawnTimes);
  await group("upload", uploads);
  await group("messages", messageTimes);
  await group("sockets", socketTimes);
  await group("replay", replayTimes);
  await group("counts", async (given) => {
    found.perTurn.push(...(await countedTurns(given)));
    return found.perTurn.flatMap(heldAgainst);
  });
  await group("chain", chainTimes);
  found.costs = found.perTurn.map((per) => ({ id: per.id, parts: costOfMillion(per) }));
  return found;
}

const ROWS_TARGET = 3;
const STATEMENTS_TARGET = 0.1;

/** The targets for what a turn makes the platform do. */
function heldAgainst({ id, name, sqliteRowsWritten, d1Statements }: PerTurn): Measurement[] {
  const held = (what: string, value: number, bound: number): Measurement => ({
    id: `counts.${what}.${id}`,
    name: `${what} in a turn: ${name}`,
    value,
    unit: "",
    target: { text: `≤ ${bound}`, ratio: value / bound, isMet: value <= bound },
  });
  const rows = held("rows written in SQLite", sqliteRowsWritten, ROWS_TARGET);
  // Of a quiet actor each turn is a flush.
  return id === "quiet"
    ? [rows]
    : [rows, held("statements to D1", d1Statements, STATEMENTS_TARGET)];
}

async function uploads(options: FurtherOptions): Promise<Measurement[]> {
  const { component } = await buildActor(join(FOLDER, "counter"));
  const tiny = await readFile(TINY);
  return [
    ...(await uploadTimes(options, { wasm: tiny, name: "C" })),
    ...(await uploadTimes(options, { wasm: component, name: "TypeScript" })),
  ];
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${ms / 1000} s`)), ms);
  });
  return await Promise.race([work, late]).finally(() => clearTimeout(timer));
}
