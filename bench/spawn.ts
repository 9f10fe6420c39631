// What a birth costs: `npm run bench:spawn [rounds]`. One client, one request after the other; a bare Durable Object that
// was never asked before beside an actor that did not exist before, by turns, so that what else the machine does meets
// both alike. Then a component that nobody has seen, from its upload to its first reply, beside its transpilation alone.

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { bundleWorker } from "../src/cli/bundle.ts";
import { loopback } from "../src/cli/loopback.ts";
import { readPlatform } from "../src/cli/platform.ts";
import { buildActor } from "../src/cli/build-actor.ts";
import { endEverything } from "./compare/peer-process.ts";
import { serveWorker } from "./compare/worker-server.ts";
import { Connection, requestBytes } from "./load/connection.ts";
import { median, quantile } from "./load/statistics.ts";
import { processorMs, workerds } from "./processor.ts";
import { digits, table } from "./report/table.ts";
import { startBenchServer } from "./server.ts";

const ROUNDS = Math.min(Number(process.argv[2] ?? 9), 100);
const BIRTHS = 20;
const UPLOADS = 3;
const TINY = await readFile(join(import.meta.dirname, "../test/fixtures/tiny.wasm"));
const SCRIPT = (await buildActor(join(import.meta.dirname, "counter"))).component;

/** One way to do something for the first time, with what each took. */
interface Contender {
  name: string;
  workerd: number | undefined;
  port: number;
  /** The nth time, of something that nobody has asked before. */
  once(connection: Connection, n: number): Promise<void>;
  stop: () => Promise<void>;
  ms: number[];
  /** Processor time of its workerd for one, by round. */
  cpuMs: number[];
}

interface Asked {
  method: string;
  path: string;
  headers?: Record<string, string>;
  body: string;
}

async function told(connection: Connection, asked: Asked): Promise<string> {
  const { status, body } = await connection.ask(requestBytes(asked));
  if (status >= 300) throw new Error(`${asked.method} ${asked.path}: ${status} ${body}`);
  return body;
}

async function bareObject(): Promise<Contender> {
  const entry = join(import.meta.dirname, "compare/objects-worker.ts");
  const objects = { COUNTER: "Counter", JOURNALLED: "Journalled" };
  const served = await serveWorker({ entry, objects, prefix: "/counter/" });
  return {
    ...(await measured("bare Durable Object")),
    port: served.port,
    once: async (connection, n) => {
      await told(connection, { method: "POST", path: `/counter/new-${n}`, body: "x" });
    },
    stop: endEverything,
  };
}

interface Theater {
  port: number;
  headers: Record<string, string>;
  stop: () => Promise<void>;
}

async function startTheater(bundled?: Uint8Array): Promise<Theater> {
  const folder = await mkdtemp(join(tmpdir(), "theater-bench-"));
  const server = await startBenchServer(folder, bundled === undefined ? {} : { bundled });
  return {
    port: Number(new URL(server.url).port),
    headers: { authorization: `Bearer ${server.token}`, "content-type": "application/json" },
    async stop() {
      await server.dispose();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** `named`: each with a manifest of its own, which has to be stored. */
async function spawn(name: string, named: boolean, bundled?: Uint8Array): Promise<Contender> {
  const theater = await startTheater(bundled);
  const own = await measured(name);
  const { headers, port, stop } = theater;
  const first = await Connection.open(port);
  const component = await upload(first, headers, TINY);
  first.close();
  const once = async (connection: Connection, n: number): Promise<void> => {
    await born(connection, headers, { component, name: named ? `bench-${n}` : "bench" });
  };
  return { ...own, port, once, stop };
}

type Headers = Record<string, string>;

async function upload(connection: Connection, headers: Headers, wasm: Uint8Array): Promise<string> {
  const head = requestBytes({
    method: "PUT",
    path: "/v1/components",
    headers: { ...headers, "content-length": String(wasm.length) },
  });
  const { status, body } = await connection.ask(Buffer.concat([head, wasm]));
  if (status >= 300) throw new Error(`PUT /v1/components: ${status} ${body}`);
  return (JSON.parse(body) as { component: string }).component;
}

async function born(
  connection: Connection,
  headers: Headers,
  manifest: { component: string; name: string },
): Promise<string> {
  const handler = [{ type: "runtime" }, { type: "message-server" }];
  const body = JSON.stringify({ manifest: { ...manifest, version: "1", handler } });
  const answer = await told(connection, { method: "POST", path: "/v1/actors", headers, body });
  return (JSON.parse(answer) as { id: string }).id;
}

/** The same component under another digest: with a section that means nothing. */
const variant = (wasm: Uint8Array, n: number): Uint8Array =>
  Buffer.concat([wasm, Uint8Array.of(0, 5, 4), Buffer.from(String(n).padStart(4, "0"))]);

/** From the upload to the reply to a first request. */
async function uploads(name: string, wasm: Uint8Array): Promise<Contender> {
  const { headers, port, stop } = await startTheater();
  const once = async (connection: Connection, n: number): Promise<void> => {
    const component = await upload(connection, headers, variant(wasm, n));
    const id = await born(connection, headers, { component, name: "bench" });
    const path = `/v1/actors/${id}/request`;
    await told(connection, { method: "POST", path, headers, body: "1" });
  };
  return { ...(await measured(name)), port, once, stop };
}

/** `path`: "/" for the transpilation alone, "/load" to start the isolate of it as well. */
async function transpilations(name: string, wasm: Uint8Array, path: string): Promise<Contender> {
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      ...loopback(await readPlatform()),
      modules: await bundleWorker({ entry: "bench/spawn/transpile-worker.ts" }),
      unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
      workerLoaders: { LOADER: {} },
    }),
  );
  await miniflare.ready;
  const { port } = await miniflare.unsafeGetDirectURL();
  return {
    ...(await measured(name)),
    port: Number(port),
    once: async (connection, n) => {
      const bytes = variant(wasm, n);
      const headers = { "content-length": String(bytes.length) };
      const head = requestBytes({ method: "POST", path, headers });
      const { status, body } = await connection.ask(Buffer.concat([head, bytes]));
      if (status !== 200) throw new Error(`${status} ${body}`);
    },
    stop: () => miniflare.dispose(),
  };
}

async function measured(name: string): Promise<Omit<Contender, "port" | "once" | "stop">> {
  return { name, workerd: (await workerds()).at(-1), ms: [], cpuMs: [] };
}

/** `times` in each round by each of them; the first of them is what the others are held against. */
async function compare(title: string, contenders: Contender[], times: number): Promise<void> {
  let n = 0;
  for (let round = -1; round < ROUNDS; round++) {
    for (const contender of contenders) {
      const before = contender.workerd === undefined ? NaN : await processorMs(contender.workerd);
      const ms: number[] = [];
      const connection = await Connection.open(contender.port); // an idle one is closed
      for (let each = 0; each < times; each++) {
        const at = performance.now();
        await contender.once(connection, n++);
        ms.push(performance.now() - at);
      }
      connection.close();
      const after = contender.workerd === undefined ? NaN : await processorMs(contender.workerd);
      if (round === -1) continue; // warm
      contender.ms.push(...ms);
      contender.cpuMs.push((after - before) / times);
    }
  }
  const rows = contenders.map(({ name, ms, cpuMs }) => {
    const [p50, cpu] = [median(ms), median(cpuMs)];
    const [first] = contenders;
    const ratio = [p50 / median(first?.ms ?? []), cpu / median(first?.cpuMs ?? [])];
    const numbers = [p50, quantile(ms, 0.99), ratio[0] ?? NaN, cpu, ratio[1] ?? NaN];
    return [name, ...numbers.map(digits)];
  });
  const head = [title, "p50 ms", "p99 ms", "× first", "CPU ms", "× first"];
  console.log(`\n${table(head, rows)}`);
  for (const contender of contenders) await contender.stop();
}

await compare(
  "first request, known component",
  [
    await bareObject(),
    await spawn("actor, manifest known", false),
    await spawn("actor, manifest of its own", true),
    await spawn("actor, manifest known, bundled", false, TINY),
  ],
  BIRTHS,
);
for (const [language, wasm] of [
  ["C", TINY],
  ["TypeScript", SCRIPT],
] as const) {
  const contenders = [
    await transpilations(`transpilation, ${language}`, wasm, "/"),
    await transpilations(`and start of its isolate, ${language}`, wasm, "/load"),
    await uploads(`upload to first reply, ${language}`, wasm),
  ];
  await compare("new component", contenders, UPLOADS);
}
process.exit();
