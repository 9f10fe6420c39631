// `theater dev`: the whole system on this machine. workerd runs the same Worker that is deployed, with
// D1, R2 and Durable Objects on disk in one folder, and listens on the loopback address only.

import { createHash, randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { TheaterError } from "../lib/errors.ts";
import { bundleWorker } from "./bundle.ts";
import { lockFolder, type FolderLock } from "./dev-lock.ts";
import { MIGRATOR, migrate } from "./dev-migrations.ts";
import { pluginBindings, pluginWorkers, readPlugins } from "./dev-plugins.ts";
import { childrenNamed } from "./dev-process.ts";
import { loopback, LOOPBACK } from "./loopback.ts";
import { readPlatform, type Platform } from "./platform.ts";

export interface DevOptions {
  /** 0 = any free one. */
  port: number;
  /** Folder of everything that must outlive the process; made if missing. */
  data: string;
  /** The bearer token that may do everything; a random one if not given. */
  token?: string | undefined;
  /** Databases of the ledger, 1 by default. Never fewer than the folder has had: its actors keep theirs. */
  shards?: number | undefined;
  /** The Worker's SEAL_EVENTS; its default if not given. */
  sealEvents?: number | undefined;
  /** As `--plugins` has them: `NAME=file` or a file. */
  plugins?: readonly string[];
  /** Folder of bundled components; by default the one that would be deployed. */
  bundled?: string | undefined;
  /** False: without Worker Loader, as on an account that has none. Only what is bundled runs. */
  loader?: boolean;
  /** File of another Worker to run in place of src/worker.ts: the drill's has faults around it. */
  worker?: string;
  /** Gets each line that a person should see, console output of the Worker included. */
  note?: (line: string) => void;
}

export interface DevServer {
  url: string;
  token: string;
  /** Takes the actor's object out of memory, as the platform does after a while without work. */
  evict(actor: string): Promise<void>;
  /** Ends workerd and gives the folder back. */
  dispose(): Promise<void>;
}

const ROOT = join(import.meta.dirname, "../..");
const WORKERD_POLL_MS = 10;

/** Resolves when the server answers. Throws `wrong-state` if the folder or the port is taken. */
export async function startDevServer(options: DevOptions): Promise<DevServer> {
  const token = options.token ?? randomBytes(24).toString("base64url");
  const folder = resolve(options.data);
  const note = options.note ?? (() => undefined);
  const plugins = await readPlugins(options.plugins ?? []);
  const { lock, orphan } = await lockFolder(folder);
  if (orphan !== undefined) note(`ended workerd ${orphan}, which a killed server had left running`);
  try {
    await requireFreePort(options.port);
    const platform = await readPlatform();
    const base = common(folder, platform, { note, shards: options.shards ?? 1 });
    const [modules, workers] = await Promise.all([
      bundleWorker({
        entry: options.worker,
        registered: plugins.registered,
        bundled: options.bundled,
      }),
      pluginWorkers(plugins, platform),
      migrateLedgers(base, lock),
    ]);
    const theater = {
      ...base,
      modules,
      serviceBindings: pluginBindings(plugins),
      // A socket of the Worker's own. Miniflare's entry socket would also answer
      // /cdn-cgi/local/r2/public/…, which shows every R2 object without a token, and takes twice as
      // long for each request (both measured with miniflare 5.20261102.0).
      unsafeDirectSockets: [{ host: LOOPBACK, port: options.port }],
      durableObjects: { ACTOR: { className: "Actor", useSQLite: true } },
      ...(options.loader === false ? {} : { workerLoaders: { LOADER: {} } }),
      bindings: {
        ...actorSettings(process.env),
        LOG_NAME: "theater.local",
        FETCH_LOCAL: "1",
        LOG_KEY: await logKey(folder),
        THEATER_TOKEN_SHA256: createHash("sha256").update(token).digest("hex"),
        ...(options.sealEvents === undefined ? {} : { SEAL_EVENTS: String(options.sealEvents) }),
      },
    };
    const miniflare = new Miniflare(
      convertV4MiniflareOptions({
        ...base,
        workers: [theater, ...workers],
        unsafeHandleRuntimeRestart: async () => {
          await recordWorkerd(lock);
          note("workerd ended unexpectedly and was started again");
        },
      }),
    );
    await ready(miniflare, lock);
    const url = (await miniflare.unsafeGetDirectURL()).origin;
    await lock.update({ url });
    const dispose = async (): Promise<void> => {
      await miniflare.dispose();
      await lock.release();
    };
    const evict = (actor: string): Promise<void> =>
      miniflare.unsafeEvictDurableObject("", "Actor", { name: actor });
    return { url, token, evict, dispose };
  } catch (thrown) {
    await lock.release();
    throw thrown;
  }
}

/** What actors may be granted to read or to send, and which hosts lead to them, from the environment that the server is started in. */
export function actorSettings(
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const names = Object.keys(environment).filter((name) =>
    /^ACTOR_(?:(?:ENV|SECRET)_.|HOSTS$)/.test(name),
  );
  return Object.fromEntries(names.map((name) => [name, environment[name] ?? ""]));
}

/** A development server signs with a key of its own, kept beside what it has signed. */
async function logKey(folder: string): Promise<string> {
  const file = join(folder, "log-key");
  const secret = randomBytes(32).toString("base64");
  // wx: the first one stays, because geneses name it.
  await writeFile(file, secret, { mode: 0o600, flag: "wx" }).catch(() => undefined);
  return await readFile(file, "utf8");
}

function common(
  folder: string,
  platform: Platform,
  { note, shards }: { note: (line: string) => void; shards: number },
) {
  const more = Array.from({ length: shards - 1 }, (_, n) => `LEDGER_${n + 1}`);
  return {
    ...loopback(platform),
    handleStructuredLogs: ({ message }: { message: string }) => note(message),
    d1Databases: ["LEDGER", ...more],
    r2Buckets: ["CONTENT"],
    resourcePersistencePath: join(folder, "workerd"),
  };
}

/** In a runtime of its own, because the real one fires alarms as soon as it runs. */
async function migrateLedgers(base: ReturnType<typeof common>, lock: FolderLock): Promise<void> {
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      ...base,
      handleStructuredLogs: () => undefined,
      modules: [{ type: "ESModule", path: "migrate.js", contents: MIGRATOR }],
    }),
  );
  try {
    await ready(miniflare, lock);
    for (const name of base.d1Databases) {
      await migrate(miniflare, name, join(ROOT, "migrations"));
    }
  } finally {
    await miniflare.dispose();
  }
}

/** Waits for workerd, and writes its pid down as soon as it exists: node may be killed any time. */
async function ready(miniflare: Miniflare, lock: FolderLock): Promise<void> {
  const stop = new AbortController();
  const recording = recordWorkerd(lock, stop.signal);
  try {
    await miniflare.ready;
    await recording;
  } catch (thrown) {
    await miniflare.dispose();
    throw thrown;
  } finally {
    stop.abort();
  }
}

/** Workerds of this process that stand in a lock already: with several servers, each has its own. */
const recorded = new Set<number>();

async function recordWorkerd(lock: FolderLock, stop?: AbortSignal): Promise<void> {
  while (stop?.aborted !== true) {
    const workerds = await childrenNamed(process.pid, "workerd");
    const workerd = workerds.find(({ pid }) => !recorded.has(pid));
    if (workerd !== undefined) {
      recorded.add(workerd.pid);
      return await lock.update({ workerd });
    }
    await sleep(WORKERD_POLL_MS);
  }
}

/** workerd's own message for a taken port names no remedy, and comes only after a second. */
async function requireFreePort(port: number): Promise<void> {
  const probe = createServer();
  const taken = await new Promise<boolean>((settle) => {
    probe.once("error", () => settle(true));
    probe.listen({ host: LOOPBACK, port }, () => settle(false));
  });
  if (taken) {
    throw new TheaterError("wrong-state", `port ${port} is taken; choose another with --port`, {
      port,
    });
  }
  await new Promise((closed) => probe.close(closed));
}
