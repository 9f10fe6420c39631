import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { build } from "esbuild";
import { defineConfig } from "vitest/config";
import { answerPage } from "./test/conformance/page.ts";
import { LongFirst } from "./test/support/long-first.ts";

// Hundreds of these tests start `node`, most for a second: what one of them has compiled serves the others.
// Node keys the cache by content, so it is never out of date.
process.env["NODE_COMPILE_CACHE"] ??= join(import.meta.dirname, "build/compiled");

const migrations = await readD1Migrations(join(import.meta.dirname, "migrations"));

const platform = {
  compatibilityDate: "2026-10-20",
  compatibilityFlags: ["nodejs_compat"],
  d1Databases: ["LEDGER", "SCRATCH"],
  r2Buckets: ["CONTENT"],
  bindings: { MIGRATIONS: migrations },
};

/** A plug-in in a Worker of its own; test/runtime/plugins.test.ts tells it how to misbehave. */
const mischief = await build({
  entryPoints: [join(import.meta.dirname, "test/runtime/mischief.ts")],
  bundle: true,
  write: false,
  format: "esm",
  external: ["cloudflare:workers"],
  loader: { ".wit": "text" },
});

const pluginActor = join(import.meta.dirname, "build/plugin-probe.wasm");
const exchange = join(import.meta.dirname, "build/exchange-actor.wasm");
const tools = join(import.meta.dirname, "build/tools-actor.wasm");
const probe = join(import.meta.dirname, "build/runtime-probe.wasm");
const programs = join(import.meta.dirname, "build/program-actor.wasm");

/** "…/plain" or "…/migrating". */
const upgrading = (url: string): string =>
  join(import.meta.dirname, `build/upgrade-${new URL(url).pathname.slice(1)}.wasm`);

/** What an operator sets for actors; test/runtime/environment.test.ts asks for it. */
const settings = {
  ACTOR_ENV_REGION: "eu",
  ACTOR_ENV_APP_MODE: "test",
  ACTOR_ENV_APP_TOKEN: "denied-value",
  ACTOR_ENV_API_KEY: "a variable of the same name as a secret",
  ACTOR_SECRET_API_KEY: 'sk-live-"quoted" & 0123456789',
  ACTOR_SECRET_OTHER_KEY: "another-secret-value",
  ACTOR_SECRET_SHORT: "short",
};

/** More would be more workerds at once than tests with deadlines can take. */
const WORKERS_MAX = 4;

export default defineConfig({
  test: {
    // Files of all projects side by side: one of the runtime keeps one core busy, and one of the others about as much.
    maxWorkers: Math.min(Math.max(availableParallelism(), 2), WORKERS_MAX),
    sequence: { sequencer: LongFirst },
    projects: [
      // Pure code and whole processes: formats, tidy, the command line.
      {
        test: {
          name: "node",
          testTimeout: 30_000,
          include: ["test/**/*.test.ts"],
          exclude: [
            "test/**/*.workerd.test.ts",
            "test/process/**",
            "test/runtime/**",
            "test/conformance/**",
          ],
        },
      },
      // Whatever needs the platform: real D1 and R2 in workerd, on storage of its own per test file.
      {
        plugins: [cloudflareTest({ miniflare: platform })],
        test: {
          name: "workers",
          testTimeout: 30_000,
          include: ["test/**/*.workerd.test.ts"],
          setupFiles: ["test/support/migrate.ts"],
        },
      },
      // The runtime's rules, on the real Worker with its Durable Objects and the Worker Loader.
      {
        plugins: [
          cloudflareTest({
            main: "test/runtime/worker.ts",
            wrangler: { configPath: "./wrangler.toml" },
            miniflare: {
              ...platform,
              bindings: {
                ...platform.bindings,
                ...settings,
                EXCHANGE_MESSAGES: process.env["EXCHANGE_MESSAGES"] ?? "200",
                EXCHANGE_SEED: process.env["EXCHANGE_SEED"] ?? "1",
                REPLAY_PROGRAMS: process.env["REPLAY_PROGRAMS"] ?? "2",
                REPLAY_SEED: process.env["REPLAY_SEED"] ?? "1",
                BUNDLED: process.env["BUNDLED"] ?? "off",
              },
              serviceBindings: {
                PROBE: async () => new Response(await readFile(probe)),
                EXCHANGE: async () => new Response(await readFile(exchange)),
                TOOLS: async () => new Response(await readFile(tools)),
                PROGRAMS: async () => new Response(await readFile(programs)),
                UPGRADE: async ({ url }: { url: string }) =>
                  new Response(await readFile(upgrading(url))),
                CONFORMANCE: answerPage,
                COMPONENT_WITH_PLUGINS: async () => new Response(await readFile(pluginActor)),
                PLUGIN_MISCHIEF: { name: "mischief", entrypoint: "Mischief" },
              },
              workers: [
                {
                  name: "mischief",
                  modules: true,
                  script: mischief.outputFiles[0]?.text ?? "",
                  compatibilityDate: platform.compatibilityDate,
                },
              ],
            },
          }),
        ],
        test: {
          name: "runtime",
          isolate: false,
          include: ["test/runtime/*.test.ts", "test/conformance/*.test.ts"],
          globalSetup: [
            "test/runtime/build-actors.ts",
            "test/runtime/origin-server.ts",
            "test/conformance/components.ts",
            "test/conformance/page.ts",
          ],
          testTimeout: 30_000,
          setupFiles: ["test/support/migrate.ts"],
        },
      },
      // Whole servers as processes, started and killed.
      {
        test: {
          name: "process",
          include: ["test/process/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
    reporters: ["default", "./test/support/count-reporter.ts"],
  },
});
