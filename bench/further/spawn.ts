// What it takes until there is an actor: of a component that is new, and of one that is known; and what the platform
// takes for an object that was never there. What exactly is timed stands at the heads of ../spawn/births.ts and uploads.ts.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { median } from "../load/statistics.ts";
import { births } from "../spawn/births.ts";
import { uploads } from "../spawn/uploads.ts";
import { atMost, medianMs, variant, type FurtherOptions, type Measurement } from "./measurement.ts";

const TINY = join(import.meta.dirname, "../../test/fixtures/tiny.wasm");
const UPLOAD_TARGET = 1.5;
const SPAWN_TARGET = 3;
/** Of twenty births each: at least a hundred of each contender. */
const ROUNDS = 6;
const ROUNDS_QUICK = 5;

export async function spawnTimes({ bench, isQuick }: FurtherOptions): Promise<Measurement[]> {
  const tiny = await readFile(TINY);
  const firsts: string[] = [];
  for (let n = 0; n < 5; n++) firsts.push(await bench.upload(variant(tiny, n)));
  const first = await medianMs(firsts.length, (n) => bench.start(firsts[n] ?? ""));
  const [bare, actor] = await births(isQuick ? ROUNDS_QUICK : ROUNDS);
  if (bare === undefined || actor === undefined) throw new Error("nothing was measured");
  const [bareMs, laterMs] = [median(bare.ms), median(actor.ms)];
  const target = atMost(SPAWN_TARGET, "a bare object's first request", laterMs / bareMs);
  return [
    { id: "spawn.bare", name: "bare Durable Object, first request", value: bareMs, unit: "ms" },
    { id: "spawn.first", name: "actor of a component's first use", value: first, unit: "ms" },
    {
      id: "spawn.later",
      name: actor.name,
      value: laterMs,
      unit: "ms",
      ...(target === undefined ? {} : { target }),
    },
  ];
}

export async function uploadTimes(
  { isQuick }: FurtherOptions,
  { wasm, name }: { wasm: Uint8Array; name: string },
): Promise<Measurement[]> {
  const [transpiled, uploaded] = await uploads(wasm, {
    rounds: isQuick ? 3 : 5,
    times: isQuick ? 1 : 3,
  });
  if (transpiled === undefined || uploaded === undefined) throw new Error("nothing was measured");
  const [alone, all] = [median(transpiled.ms), median(uploaded.ms)];
  const target = atMost(UPLOAD_TARGET, "transpiling alone", all / alone);
  const size = `${name}, ${(wasm.length / 1024).toFixed(0)} KiB`;
  return [
    {
      id: `upload.transpile.${name}`,
      name: `transpiling alone (${size})`,
      value: alone,
      unit: "ms",
    },
    {
      id: `upload.reply.${name}`,
      name: `upload, start and first reply (${size})`,
      value: all,
      unit: "ms",
      ...(target === undefined ? {} : { target }),
    },
  ];
}
