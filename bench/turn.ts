// What a turn costs: `npm run bench:turn [seconds]`. A counter in C (no time of its own to speak of) behind
// the whole stack: HTTP, turn, three events, commit; the ledger follows. Numbers are of this machine only.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { withBench, type Bench } from "./server.ts";

const SECONDS = Math.min(Number(process.argv[2] ?? 5), 60);
const WASM = join(import.meta.dirname, "../test/fixtures/tiny.wasm");

interface Load {
  rate: number;
  times: number[];
}

/** `width` callers, each waiting for its answer before it asks again, for SECONDS. */
async function load(bench: Bench, ids: readonly string[], width: number): Promise<Load> {
  const times: number[] = [];
  const begun = performance.now();
  const end = begun + SECONDS * 1000;
  const caller = async (index: number): Promise<void> => {
    const path = `/v1/actors/${ids[index % ids.length]}/request`;
    while (performance.now() < end) {
      const at = performance.now();
      const { status } = await bench.call("POST", path, "x");
      if (status !== 200) throw new Error(`a request was answered ${status}`);
      times.push(performance.now() - at);
    }
  };
  await Promise.all(Array.from({ length: width }, (_, index) => caller(index)));
  return { rate: (times.length * 1000) / (performance.now() - begun), times };
}

function line(name: string, { rate, times }: Load): void {
  times.sort((a, b) => a - b);
  const at = (share: number): string =>
    (times[Math.floor(times.length * share)] ?? 0).toFixed(2).padStart(7);
  const turns = rate.toFixed(0).padStart(6);
  console.log(`${name.padEnd(24)} ${turns} turns/s   p50 ${at(0.5)} ms   p99 ${at(0.99)} ms`);
}

await withBench(async (bench) => {
  const component = await bench.upload(await readFile(WASM));
  const ids: string[] = [];
  for (let n = 0; n < 32; n++) ids.push(await bench.start(component));
  await load(bench, ids, 8); // warm
  line("1 actor, 1 caller", await load(bench, ids.slice(0, 1), 1));
  line("1 actor, 32 callers", await load(bench, ids.slice(0, 1), 32));
  line("32 actors, 32 callers", await load(bench, ids, 32));
});
