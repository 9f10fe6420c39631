// What a turn costs: `npm run bench [seconds]`. A counter in C (no time of its own to speak of) behind the
// whole stack: HTTP, turn, three events, commit; the ledger follows. Numbers are of this machine only.

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startDevServer, type DevServer } from "../src/cli/dev.ts";

const SECONDS = Math.min(Number(process.argv[2] ?? 5), 60);
const WASM = join(import.meta.dirname, "../test/fixtures/tiny.wasm");
const agent = new Agent({ keepAlive: true, maxSockets: 64 });

function call(
  server: DevServer,
  method: string,
  path: string,
  body: string | Buffer,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${server.token}`, "content-type": "application/json" };
    const sent = request(new URL(path, server.url), { method, headers, agent }, (response) => {
      let text = "";
      response.on("data", (chunk) => (text += String(chunk)));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

async function start(server: DevServer, component: string): Promise<string> {
  const manifest = {
    name: "tiny",
    version: "1",
    component,
    handler: [{ type: "runtime" }, { type: "message-server" }],
  };
  const { text } = await call(server, "POST", "/v1/actors", JSON.stringify({ manifest }));
  return (JSON.parse(text) as { id: string }).id;
}

/** `width` callers, each waiting for its answer before it asks again, for SECONDS. */
async function load(
  server: DevServer,
  ids: readonly string[],
  width: number,
): Promise<{ rate: number; times: number[] }> {
  const times: number[] = [];
  const begun = performance.now();
  const end = begun + SECONDS * 1000;
  const caller = async (index: number): Promise<void> => {
    while (performance.now() < end) {
      const at = performance.now();
      const { status } = await call(
        server,
        "POST",
        `/v1/actors/${ids[index % ids.length]}/request`,
        "x",
      );
      if (status !== 200) throw new Error(`a request was answered ${status}`);
      times.push(performance.now() - at);
    }
  };
  await Promise.all(Array.from({ length: width }, (_, index) => caller(index)));
  return { rate: (times.length * 1000) / (performance.now() - begun), times };
}

function line(name: string, { rate, times }: { rate: number; times: number[] }): void {
  times.sort((a, b) => a - b);
  const at = (share: number): string =>
    (times[Math.floor(times.length * share)] ?? 0).toFixed(2).padStart(7);
  console.log(
    `${name.padEnd(34)} ${rate.toFixed(0).padStart(6)} turns/s   p50 ${at(0.5)} ms   p99 ${at(0.99)} ms`,
  );
}

const data = await mkdtemp(join(tmpdir(), "theater-bench-"));
const server = await startDevServer({ port: 0, data, note: () => undefined });
try {
  const put = await call(server, "PUT", "/v1/components", await readFile(WASM));
  const { component } = JSON.parse(put.text) as { component: string };
  const ids = [];
  for (let n = 0; n < 32; n++) ids.push(await start(server, component));
  await load(server, ids, 8); // warm
  line("1 actor, 1 caller", await load(server, ids.slice(0, 1), 1));
  line("1 actor, 32 callers", await load(server, ids.slice(0, 1), 32));
  line("32 actors, 32 callers", await load(server, ids, 32));
} finally {
  agent.destroy();
  await server.dispose();
  await rm(data, { recursive: true, force: true });
}
