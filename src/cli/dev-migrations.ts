// Brings the local ledger to the newest schema before any actor can run: an alarm that fell due while the
// server was down fires at start, without a request, and must find its tables. Deployed ledgers get the
// same files from `wrangler d1 migrations apply`, in the same order and the same table.

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Miniflare } from "miniflare";
import { TheaterError } from "../lib/errors.ts";

type Ledger = Awaited<ReturnType<Miniflare["getD1Database"]>>;

const APPLIED_TABLE = `create table if not exists d1_migrations (
  id integer primary key autoincrement,
  name text unique,
  applied_at timestamp default current_timestamp not null
)`;

/** Applies what is missing, each file in one transaction with the note that it was applied. */
export async function migrate(ledger: Ledger, folder: string): Promise<string[]> {
  await ledger.prepare(APPLIED_TABLE).run();
  const { results } = await ledger
    .prepare("select name from d1_migrations")
    .all<{ name: string }>();
  const applied = new Set(results.map(({ name }) => name));
  const names = (await readdir(folder)).filter((name) => name.endsWith(".sql")).toSorted();
  const missing = names.filter((name) => !applied.has(name));
  for (const name of missing) {
    const sql = await readFile(join(folder, name), "utf8");
    const note = ledger.prepare("insert into d1_migrations (name) values (?1)").bind(name);
    // Local D1 runs all statements of one prepared text, so nothing has to split triggers at their
    // semicolons; batch() is one transaction (both measured on workerd 1.20261102).
    await ledger.batch([ledger.prepare(sql), note]).catch((thrown: unknown) => {
      const reason = thrown instanceof Error ? thrown.message : String(thrown);
      throw new TheaterError("internal", `migration ${name} cannot be applied: ${reason}`);
    });
  }
  return missing;
}
