// What a turn costs by each executor: `npm run bench:turn [seconds] [rounds]`. A counter in C (no time of its own to speak
// of) behind the whole stack: HTTP, turn, three events, commit; the ledger follows. Two servers, one after the other in
// each round, so that what else the machine does meets both alike. Numbers are of this machine only.

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { requestBytes } from "./load/connection.ts";
import { Counters } from "./load/counters.ts";
import { load } from "./load/load.ts";
import { median, quantile } from "./load/statistics.ts";
import { processorMs, workerds } from "./processor.ts";
import { digits, table } from "./report/table.ts";
import { Bench, startBenchServer } from "./server.ts";

const MS = Math.min(Number(process.argv[2] ?? 1), 60) * 1_000;
const ROUNDS = Math.min(Number(process.argv[3] ?? 7), 100);
const ACTORS = 32;
const WASM = join(import.meta.dirname, "../test/fixtures/tiny.wasm");

const SHAPES = [
  { name: "1 actor, 1 caller", actors: 1, callers: 1 },
  { name: "1 actor, 32 callers", actors: 1, callers: 32 },
  { name: "32 actors, 32 callers", actors: ACTORS, callers: 32 },
] as const;

interface Contender {
  name: string;
  port: number;
  workerd: number | undefined;
  requests: Buffer[];
  stop(): Promise<void>;
  /** By the shape's name, one of each round: turns per second, p50 in ms, processor time in ms per turn. */
  rounds: Record<string, { rate: number; p50: number; cpu: number }[]>;
}

async function start(name: string, bundled: boolean): Promise<Contender> {
  const wasm = await readFile(WASM);
  const folder = await mkdtemp(join(tmpdir(), "theater-bench-"));
  const server = await startBenchServer(folder, bundled ? { bundled: wasm } : {});
  const workerd = (await workerds()).at(-1);
  const bench = new Bench(server);
  const component = await bench.upload(wasm);
  const headers = { authorization: `Bearer ${server.token}` };
  const requests: Buffer[] = [];
  for (let n = 0; n < ACTORS; n++) {
    const path = `/v1/actors/${await bench.start(component)}/request`;
    requests.push(requestBytes({ method: "POST", path, headers, body: "x" }));
  }
  const stop = async (): Promise<void> => {
    await server.dispose();
    await rm(folder, { recursive: true, force: true });
  };
  return { name, port: Number(new URL(server.url).port), workerd, requests, stop, rounds: {} };
}

async function round(contender: Contender, counters: Counters): Promise<void> {
  const { port, requests, workerd, rounds } = contender;
  for (const { name, actors, callers: width } of SHAPES) {
    const asked = { port, requests: requests.slice(0, actors), width, check: counters.check };
    const before = workerd === undefined ? Number.NaN : await processorMs(workerd);
    const { rate, times } = await load({ ...asked, ms: MS });
    const after = workerd === undefined ? Number.NaN : await processorMs(workerd);
    const cpu = (after - before) / times.length;
    (rounds[name] ??= []).push({ rate, p50: quantile(times, 0.5), cpu });
  }
}

const note = (line: string): void => void process.stderr.write(`${line}\n`);

const seconds = ((ROUNDS + 1) * 2 * SHAPES.length * MS) / 1_000;
note(`${ROUNDS} rounds and one before them, for two servers: about ${Math.ceil(seconds + 10)} s`);
const contenders = [await start("by the Loader", false), await start("bundled", true)];
const counters = contenders.map(() => new Counters(ACTORS));
for (let n = -1; n < ROUNDS; n++) {
  for (const [index, contender] of contenders.entries()) {
    await round(contender, counters[index] ?? new Counters(ACTORS));
    const rates = SHAPES.map(({ name }) => digits(contender.rounds[name]?.at(-1)?.rate ?? NaN));
    const which = n === -1 ? "warm" : `round ${n + 1} of ${ROUNDS}`;
    note(`${which}, ${contender.name}: ${rates.join(", ")} turns/s`);
    if (n === -1) contender.rounds = {}; // warm
  }
}
for (const each of counters) each.settle();
for (const { name } of SHAPES) {
  const rows = contenders.map((contender) => {
    const of = (key: "rate" | "p50" | "cpu"): number =>
      median((contender.rounds[name] ?? []).map((one) => one[key]));
    return [contender.name, of("rate"), of("p50"), of("cpu")] as const;
  });
  const ratios = [1, 2, 3].map((column) => Number(rows[1]?.[column]) / Number(rows[0]?.[column]));
  console.log(`\n${name}\n`);
  const lines = [...rows, ["bundled ÷ Loader", ...ratios] as const];
  const cells = lines.map(([first, ...numbers]) => [first, ...numbers.map(digits)]);
  console.log(table(["", "turns/s", "p50 ms", "CPU ms per turn"], cells));
}
for (const contender of contenders) await contender.stop();
process.exit();
