// What a replay costs: `npm run bench:replay [turns] [longest]`, 2,000 by default. An actor answers so many requests,
// one after the other, over HTTP; then its server replays the chain, and `theater replay` an exported file of it: three
// rounds, each with an actor of its own, because a machine is not the same from minute to minute. The component is the
// counter of bench/turn.ts, and then one in JavaScript, whose instances alone cost more than its turns. At the end chains
// of a sixteenth, a quarter and all of `longest` turns, 27,000 by default, say whether memory grows with their length.

import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildActor } from "../src/cli/build-actor.ts";
import { cpuSeconds, watchMemory } from "./memory.ts";
import { median, withBench, type Bench } from "./server.ts";

const TURNS = Math.min(Number(process.argv[2] ?? 2_000), 100_000);
const LONGEST = Math.min(Number(process.argv[3] ?? 27_000), 1_000_000);
const ROUNDS = 3;
const REPLAYS = 2;
/** Callers at once, where it is not their time that counts. */
const WIDTH = 32;
const MAIN = join(import.meta.dirname, "../src/cli/main.ts");
const WASM = join(import.meta.dirname, "../test/fixtures/tiny.wasm");

interface Report {
  verdict: string;
  turns: { agreed: number };
  chain: { events: number };
  next: string | null;
}

/** Of each round, what the same turns took in these ways. */
interface Times {
  original: number[];
  server: number[];
  file: number[];
  /** Processor of workerd for a turn, ms. */
  cpu: { original: number[]; server: number[] };
}

function line(name: string, times: readonly number[], { original }: Times, turns: number): void {
  const ms = median(times);
  const ratios = times.map((time, round) => (original[round] ?? 0) / time);
  const rate = ((turns * 1000) / ms).toFixed(0).padStart(6);
  const ratio = median(ratios).toFixed(1).padStart(6);
  console.log(`  ${name.padEnd(30)} ${ms.toFixed(0).padStart(7)} ms ${rate} turns/s ${ratio} ×`);
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

/** The whole command, with the start of node and workerd and with verifying the file, ms. */
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

async function request(bench: Bench, id: string): Promise<void> {
  const { status } = await bench.call("POST", `/v1/actors/${id}/request`, "1");
  if (status !== 200) throw new Error(`a request was answered ${status}`);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

async function replayed(bench: Bench, id: string, count: number): Promise<number> {
  const { turns, events } = await byServer(bench, id);
  if (turns !== count + 1) throw new Error(`${turns} turns were replayed`);
  return events;
}

async function measure(bench: Bench, name: string, wasm: Uint8Array, count: number): Promise<void> {
  const component = await bench.upload(wasm);
  const cpu: Times["cpu"] = { original: [], server: [] };
  const times: Times = { original: [], server: [], file: [], cpu };
  for (let round = 0; round < ROUNDS; round++) {
    const id = await bench.start(component);
    const begun = await cpuSeconds();
    times.original.push(
      await timed(async () => {
        for (let n = 0; n < count; n++) await request(bench, id);
      }),
    );
    const done = await cpuSeconds();
    const all = async (): Promise<void> => {
      for (let n = 0; n < REPLAYS; n++) await replayed(bench, id, count);
    };
    times.server.push((await timed(all)) / REPLAYS);
    cpu.original.push(((done - begun) * 1000) / count);
    cpu.server.push((((await cpuSeconds()) - done) * 1000) / count / REPLAYS);
    const folder = await mkdtemp(join(tmpdir(), "theater-bench-"));
    const file = join(folder, "chain.car");
    await command(bench, "export", id, "-o", file);
    times.file.push(await command(bench, "replay", file));
    await rm(folder, { recursive: true, force: true });
  }
  console.log(`${name}, ${count} requests, one after the other, medians of ${ROUNDS} rounds`);
  line("originally, over HTTP", times.original, times, count);
  line("replayed by its server", times.server, times, count);
  line("theater replay file.car, in all", times.file, times, count);
  const [live, again] = [median(cpu.original), median(cpu.server)].map((ms) => ms.toFixed(2));
  console.log(`  processor of workerd for a turn: originally ${live} ms, replayed ${again} ms`);
}

/** Chains of the same turns: the longest is replayed once before, so that V8 has the heap that it wants. */
async function lengths(bench: Bench, wasm: Uint8Array): Promise<void> {
  const component = await bench.upload(wasm);
  const chains: { id: string; count: number }[] = [];
  for (const count of [LONGEST / 16, LONGEST / 4, LONGEST].map(Math.ceil)) {
    const id = await bench.start(component);
    let left = count;
    const caller = async (): Promise<void> => {
      while (left-- > 0) await request(bench, id);
    };
    await Promise.all(Array.from({ length: WIDTH }, caller));
    chains.push({ id, count });
  }
  console.log("memory of workerd while it replays, behind a first replay of the longest");
  for (const { id, count } of chains.slice(-1)) await replayed(bench, id, count);
  for (const { id, count } of chains) {
    const memory = await watchMemory();
    const begun = performance.now();
    const events = await replayed(bench, id, count);
    const ms = ((performance.now() - begun) / count).toFixed(2);
    const length = `${count} turns, ${events} events`;
    console.log(`  ${length.padEnd(30)} ${await memory()}, ${ms} ms for a turn`);
  }
}

await withBench(async (bench) => {
  const counter = await readFile(WASM);
  await measure(bench, "counter in C", counter, TURNS);
  const { component } = await buildActor(join(import.meta.dirname, "logger"));
  await measure(bench, "logger in JavaScript", component, Math.ceil(TURNS / 10));
  await lengths(bench, counter);
});
