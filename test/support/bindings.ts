// What the `workers` project of vitest.config.ts binds, in one typed place.
/// <reference types="@cloudflare/vitest-plugin/types" />

import type { D1Migration } from "cloudflare:test";
import { env } from "cloudflare:workers";

interface TestBindings {
  readonly LEDGER: D1Database;
  /** A second ledger, for tests that damage its schema. */
  readonly SCRATCH: D1Database;
  readonly CONTENT: R2Bucket;
  readonly MIGRATIONS: D1Migration[];
}

export const bindings = env as unknown as TestBindings;
