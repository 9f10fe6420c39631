// What actors take of workerd's memory while they do nothing: those that are awake, those that sleep, and the isolates
// of components. As growth of the resident memory of one workerd: Linux only, and rough for small numbers.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { buildActor } from "../../src/cli/build-actor.ts";
import { rssBytes } from "../memory.ts";
import { variant, type FurtherOptions, type Measurement } from "./measurement.ts";

const TINY = join(import.meta.dirname, "../../test/fixtures/tiny.wasm");
const SETTLE_MS = 1_500;

export async function memoryUse({ bench, isQuick }: FurtherOptions): Promise<Measurement[]> {
  const actors = isQuick ? 50 : 300;
  const isolates = isQuick ? 4 : 12;
  const tiny = await readFile(TINY);
  const known = await bench.upload(tiny);
  const live = async (component: string): Promise<string> => {
    const id = await bench.start(component);
    const { status } = await bench.call("POST", `/v1/actors/${id}/request`, "1");
    if (status !== 200) throw new Error(`a request was answered ${status}`);
    return id;
  };
  for (let n = 0; n < 20; n++) await live(known);
  const awake = await growth(actors, () => live(known));
  const { component } = await buildActor(join(import.meta.dirname, "../counter"));
  const inC = await growth(isolates, async (n) => live(await bench.upload(variant(tiny, 1e4 + n))));
  const inTs = await growth(isolates, async (n) =>
    live(await bench.upload(variant(component, 2e4 + n))),
  );
  const unit = "MB";
  return [
    { id: "memory.actor", name: "an actor that is awake and idle", value: awake / 1e6, unit },
    {
      id: "memory.isolate.C",
      name: "a component in C with its live instances and one actor",
      value: inC / 1e6,
      unit,
    },
    {
      id: "memory.isolate.TypeScript",
      name: "a component in TypeScript with its live instances and one actor",
      value: inTs / 1e6,
      unit,
    },
  ];
}

/** Bytes for each of `count`. */
async function growth(count: number, make: (n: number) => Promise<unknown>): Promise<number> {
  await sleep(SETTLE_MS);
  const before = await rssBytes();
  for (let n = 0; n < count; n++) await make(n);
  await sleep(SETTLE_MS);
  return Math.max(0, (await rssBytes()) - before) / count;
}
