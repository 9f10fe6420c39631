// A server of its own for one benchmark, in this process, on an empty folder.

import { mkdtemp, rm } from "node:fs/promises";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeBundled } from "../src/cli/bundled-folder.ts";
import { startTranspiler } from "../src/cli/component-transpiler.ts";
import { startDevServer, type DevServer } from "../src/cli/dev.ts";

const agent = new Agent({ keepAlive: true, maxSockets: 64 });

export interface Answer {
  status: number;
  body: Buffer;
}

export class Bench {
  readonly server: DevServer;

  constructor(server: DevServer) {
    this.server = server;
  }

  /** node:http, because fetch takes a third of the machine for itself. */
  call(method: string, path: string, body?: string | Uint8Array): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const headers = {
        authorization: `Bearer ${this.server.token}`,
        "content-type": "application/json",
      };
      const sent = request(this.server.url + path, { method, headers, agent }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }),
        );
      });
      // workerd closes a connection that was idle for 5 s, and a client that was busy verifying learns of
      // it only by using it. Nothing was admitted then.
      sent.on("error", (error: NodeJS.ErrnoException) => {
        const isStale = sent.reusedSocket && error.code === "ECONNRESET";
        if (isStale) this.call(method, path, body).then(resolve, reject);
        else reject(error);
      });
      sent.end(body);
    });
  }

  async json<T>(method: string, path: string, body?: string | Uint8Array): Promise<T> {
    const answer = await this.call(method, path, body);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.body.toString()}`);
    return JSON.parse(answer.body.toString()) as T;
  }

  async upload(wasm: Uint8Array): Promise<string> {
    return (await this.json<{ component: string }>("PUT", "/v1/components", wasm)).component;
  }

  async start(component: string): Promise<string> {
    const handler = [{ type: "runtime" }, { type: "message-server" }];
    const manifest = { name: "bench", version: "1", component, handler };
    const { id } = await this.json<{ id: string }>(
      "POST",
      "/v1/actors",
      JSON.stringify({ manifest }),
    );
    return id;
  }
}

export interface BenchOptions {
  /** A component that is bundled with the Worker, as `theater bundle` does it. */
  bundled?: Uint8Array;
  /** File of another Worker to run in place of src/worker.ts. */
  worker?: string;
}

export async function withBench<T>(
  run: (bench: Bench) => Promise<T>,
  options: BenchOptions = {},
): Promise<T> {
  const data = await mkdtemp(join(tmpdir(), "theater-bench-"));
  const server = await startBenchServer(data, options);
  try {
    return await run(new Bench(server));
  } finally {
    agent.destroy();
    await server.dispose();
    await rm(data, { recursive: true, force: true });
  }
}

/** A server on the folder `data`; the bundled component is kept in it too. */
export async function startBenchServer(data: string, options: BenchOptions): Promise<DevServer> {
  const bundled = join(data, "bundled");
  const { worker } = options;
  if (options.bundled !== undefined) await bundle(options.bundled, bundled);
  return await startDevServer({
    port: 0,
    data,
    bundled,
    ...(worker === undefined ? {} : { worker }),
  });
}

async function bundle(source: Uint8Array, folder: string): Promise<void> {
  const transpiler = await startTranspiler();
  try {
    await writeBundled(folder, { source, ...(await transpiler.transpile(source)) });
  } finally {
    await transpiler.dispose();
  }
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
