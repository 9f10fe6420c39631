// What a long chain costs: `npm run bench:chain [events]`, 100,000 by default. One actor makes them, 500 in
// a turn; then the chain is exported, verified offline, and single events are proved.

import { join } from "node:path";
import { buildActor } from "../src/cli/build-actor.ts";
import { exported, verified } from "./exported.ts";
import { watchMemory } from "./memory.ts";
import { median, withBench } from "./server.ts";

const EVENTS = Math.min(Number(process.argv[2] ?? 100_000), 1_000_000);
const PER_TURN = 500;
const VERIFY_RUNS = 5;

await withBench(async (bench) => {
  const { component } = await buildActor(join(import.meta.dirname, "logger"));
  const id = await bench.start(await bench.upload(component));
  const turns = Math.ceil(EVENTS / PER_TURN);
  const times: number[] = [];
  for (let turn = 0; turn < turns; turn++) {
    const at = performance.now();
    const { status } = await bench.call("POST", `/v1/actors/${id}/request`, String(PER_TURN - 2));
    if (status === 503) {
      // The ledger is more than its backlog behind, and the actor says so: as any client, come back later.
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      turn--;
      continue;
    }
    if (status !== 200) throw new Error(`turn ${turn} was answered ${status}`);
    times.push((performance.now() - at) / PER_TURN);
  }
  const tenth = Math.max(1, Math.floor(turns / 10));
  const [first, last] = [median(times.slice(1, 1 + tenth)), median(times.slice(-tenth))];
  const micros = (ms: number): string => `${(ms * 1000).toFixed(0)} µs`;
  console.log(
    `append, per event      first tenth ${micros(first)}, last tenth ${micros(last)}, ratio ${(last / first).toFixed(2)}`,
  );

  const memory = await watchMemory();
  const begun = performance.now();
  const car = await exported(bench, id);
  const exportMs = performance.now() - begun;
  console.log(
    `export as CAR          ${(car.length / 1e6).toFixed(1)} MB in ${exportMs.toFixed(0)} ms`,
  );

  console.log(`memory of workerd      ${await memory()} while it exports`);

  const rates: number[] = [];
  for (let run = 0; run < VERIFY_RUNS; run++) {
    const at = performance.now();
    const events = await verified(car, id);
    rates.push((events * 1000) / (performance.now() - at));
    if (run === 0) console.log(`events                 ${events}`);
  }
  console.log(
    `offline verification   ${median(rates).toFixed(0)} events/s on one core (median of ${VERIFY_RUNS})`,
  );

  const proofs: number[] = [];
  for (let n = 0; n < 20; n++) {
    const seq = Math.floor((EVENTS * n) / 20);
    const at = performance.now();
    const { status } = await bench.call("GET", `/v1/actors/${id}/chain/proof?seq=${seq}`);
    if (status !== 200) throw new Error(`the proof of ${seq} was answered ${status}`);
    proofs.push(performance.now() - at);
  }
  console.log(`inclusion proof        median ${median(proofs).toFixed(1)} ms, one request each`);
});
