// What a replay costs: `npm run bench:replay [turns]`, 4,000 by default. One actor answers so many requests, one after
// the other, over HTTP; then its server replays the chain, and `theater replay` an exported file of it. The component
// is the counter of bench/turn.ts, and then one in JavaScript, whose instances alone cost more than its turns.

import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildActor } from "../src/cli/build-actor.ts";
import { watchMemory } from "./memory.ts";
import { median, withBench, type Bench } from "./server.ts";

const TURNS = Math.min(Number(process.argv[2] ?? 4_000), 100_000);
const REPLAYS = 3;
const MAIN = join(import.meta.dirname, "../src/cli/main.ts");
const WASM = join(import.meta.dirname, "../test/fixtures/tiny.wasm");

interface Report {
  verdict: string;
  turns: { agreed: number };
  chain: { events: number };
  next: string | null;
}

function line(
  name: string,
  ms: number,
  { turns, originalMs }: { turns: number; originalMs: number },
): void {
  const rate = ((turns * 1000) / ms).toFixed(0).padStart(6);
  const ratio = (originalMs / ms).toFixed(1).padStart(6);
  console.log(`  ${name.padEnd(34)} ${ms.toFixed(0).padStart(7)} ms ${rate} turns/s ${ratio} ×`);
}

/** All parts of one replay by the server. */
async function byServer(bench: Bench, id: string): Promise<{ turns: number; events: number }> {
  let [cursor, turns, events]: [string | null, number, number] = [null, 0, 0];
  do {
    const query: string = cursor === null ? "" : `?cursor=${cursor}`;
    const report: Report = await bench.json("POST", `/v1/actors/${id}/chain/replay${query}`);
    if (report.verdict !== "verified") throw new Error(JSON.stringify(report));
    turns += report.turns.agreed;
    events += report.chain.events;
    cursor = report.next;
  } while (cursor !== null);
  return { turns, events };
}

/** The whole command, with the start of node and workerd and with verifying the file. */
async function command(bench: Bench, ...args: string[]): Promise<number> {
  const begun = performance.now();
  const env = {
    ...process.env,
    THEATER_URL: bench.server.url,
    THEATER_TOKEN: bench.server.token,
    THEATER_TRUST: join(tmpdir(), "theater-bench-trust.json"),
  };
  const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: "ignore" });
  const code = await new Promise((resolve) => child.once("close", resolve));
  if (code !== 0) throw new Error(`theater ${args.join(" ")} ended with ${String(code)}`);
  return performance.now() - begun;
}

async function measure(bench: Bench, name: string, wasm: Uint8Array, count: number): Promise<void> {
  const id = await bench.start(await bench.upload(wasm));
  const begun = performance.now();
  for (let n = 0; n < count; n++) {
    const { status } = await bench.call("POST", `/v1/actors/${id}/request`, "1");
    if (status !== 200) throw new Error(`request ${n} was answered ${status}`);
  }
  const original = { turns: count, originalMs: performance.now() - begun };
  console.log(`${name}, ${count} requests, one after the other`);
  line("originally, over HTTP", original.originalMs, original);
  const memory = await watchMemory();
  const times: number[] = [];
  let events = 0;
  for (let run = 0; run < REPLAYS; run++) {
    const at = performance.now();
    const replayed = await byServer(bench, id);
    times.push(performance.now() - at);
    if (replayed.turns !== count + 1) throw new Error(`${replayed.turns} turns were replayed`);
    events = replayed.events;
  }
  line(`replayed by its server (median of ${REPLAYS})`, median(times), original);
  console.log(
    `  ${((events * 1000) / median(times)).toFixed(0)} events/s, memory of workerd ${await memory()}`,
  );
  const folder = await mkdtemp(join(tmpdir(), "theater-bench-"));
  const file = join(folder, "chain.car");
  await command(bench, "export", id, "-o", file);
  line("theater replay file.car, in all", await command(bench, "replay", file), original);
  await rm(folder, { recursive: true, force: true });
}

await withBench(async (bench) => {
  await measure(bench, "counter in C", await readFile(WASM), TURNS);
  const { component } = await buildActor(join(import.meta.dirname, "logger"));
  await measure(bench, "logger in JavaScript", component, Math.ceil(TURNS / 10));
});
