// Runs one Worker in a workerd of its own, through the Miniflare API, on a socket of the Worker's own: as `theater
// dev` does it, so that nothing but the Worker differs.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { loopback, LOOPBACK } from "../../src/cli/loopback.ts";
import { readPlatform } from "../../src/cli/platform.ts";
import { endLater } from "./peer-process.ts";
import { BODY, KEYS, type Served } from "./served.ts";

export interface WorkerOptions {
  entry: string;
  /** Binding → class, all with SQLite. */
  objects: Record<string, string>;
  /** Before the key. */
  prefix: string;
  versions?: Record<string, string>;
}

export async function serveWorker(options: WorkerOptions): Promise<Served> {
  const folder = await mkdtemp(join(tmpdir(), "theater-bench-worker-"));
  const contents = await bundled(options.entry);
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      ...loopback(await readPlatform()),
      modules: [{ type: "ESModule", path: "worker.js", contents }],
      unsafeDirectSockets: [{ host: LOOPBACK, port: 0 }],
      durableObjects: Object.fromEntries(
        Object.entries(options.objects).map(([binding, className]) => [
          binding,
          { className, useSQLite: true },
        ]),
      ),
      workerLoaders: { LOADER: {} },
      resourcePersistencePath: folder,
    }),
  );
  endLater(async () => {
    await miniflare.dispose();
    await rm(folder, { recursive: true, force: true });
  });
  await miniflare.ready;
  const { port } = await miniflare.unsafeGetDirectURL();
  return {
    port: Number(port),
    paths: Array.from({ length: KEYS }, (_, key) => `${options.prefix}key-${key}`),
    headers: {},
    body: BODY,
    versions: options.versions ?? {},
  };
}

async function bundled(entry: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2024",
    platform: "node",
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:*"],
    logLevel: "silent",
  });
  return outputFiles[0]?.text ?? "";
}
