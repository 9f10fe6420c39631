// Set-up of every test file that runs in workerd: the schema as `wrangler d1 migrations apply` makes it.

import { applyD1Migrations } from "cloudflare:test";
import { bindings } from "./bindings.ts";

await applyD1Migrations(bindings.LEDGER, bindings.MIGRATIONS);
await applyD1Migrations(bindings.SCRATCH, bindings.MIGRATIONS);
