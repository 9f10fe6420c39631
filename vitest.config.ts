import { join } from "node:path";
import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

const migrations = await readD1Migrations(join(import.meta.dirname, "migrations"));

export default defineConfig({
  test: {
    projects: [
      // Pure code and whole processes: formats, tidy, the command line.
      {
        test: {
          name: "node",
          include: ["test/**/*.test.ts"],
          exclude: ["test/**/*.workerd.test.ts", "test/process/**"],
        },
      },
      // Whatever needs the platform: real D1 and R2 in workerd, on storage of its own per test file.
      {
        plugins: [
          cloudflareTest({
            miniflare: {
              compatibilityDate: "2026-10-20",
              compatibilityFlags: ["nodejs_compat"],
              d1Databases: ["LEDGER", "SCRATCH"],
              r2Buckets: ["CONTENT"],
              bindings: { MIGRATIONS: migrations },
            },
          }),
        ],
        test: {
          name: "workers",
          include: ["test/**/*.workerd.test.ts"],
          setupFiles: ["test/support/migrate.ts"],
        },
      },
    ],
  },
});
