import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

const migrations = await readD1Migrations(join(import.meta.dirname, "migrations"));

const platform = {
  compatibilityDate: "2026-10-20",
  compatibilityFlags: ["nodejs_compat"],
  d1Databases: ["LEDGER", "SCRATCH"],
  r2Buckets: ["CONTENT"],
  bindings: { MIGRATIONS: migrations },
};

const probe = join(import.meta.dirname, "build/runtime-probe.wasm");

export default defineConfig({
  test: {
    projects: [
      // Pure code and whole processes: formats, tidy, the command line.
      {
        test: {
          name: "node",
          include: ["test/**/*.test.ts"],
          exclude: ["test/**/*.workerd.test.ts", "test/process/**", "test/runtime/**"],
        },
      },
      // Whatever needs the platform: real D1 and R2 in workerd, on storage of its own per test file.
      {
        plugins: [cloudflareTest({ miniflare: platform })],
        test: {
          name: "workers",
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
              serviceBindings: {
                PROBE: async () => new Response(await readFile(probe)),
              },
            },
          }),
        ],
        test: {
          name: "runtime",
          isolate: false,
          include: ["test/runtime/*.test.ts"],
          globalSetup: ["test/runtime/build-probe.ts"],
          testTimeout: 30_000,
          setupFiles: ["test/support/migrate.ts"],
        },
      },
      // Whole servers as processes, started and killed; one at a time, because they are timed.
      {
        test: {
          name: "process",
          include: ["test/process/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
    ],
    reporters: ["default", "./test/support/count-reporter.ts"],
  },
});
