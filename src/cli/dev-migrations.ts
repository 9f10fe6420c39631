// Brings the local ledger to the newest schema before any actor can run: an alarm that fell due while the
// server was down fires at start, without a request, and must find its tables. Deployed ledgers get the
// same files from `wrangler d1 migrations apply`, in the same order and the same table.

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { TheaterError } from "../lib/errors.ts";

/** What takes the statements: a Worker with the databases bound, MIGRATOR in it. */
interface Migrating {
  dispatchFetch(
    url: string,
    init: { method: string; body: string },
  ): Promise<{ json(): Promise<unknown> }>;
}

/**
 * Runs each `[sql, ...values]` of a request as one transaction, in the database that the path names. A Worker of its
 * own, because Miniflare's `getD1Database` stands still for each answer: 0.8 s of a start (5.20261102.0).
 */
export const MIGRATOR = `export default {
  async fetch(request, env) {
    const ledger = env[new URL(request.url).pathname.slice(1)];
    const statements = (await request.json()).map(([sql, ...values]) => ledger.prepare(sql).bind(...values));
    try {
      return Response.json({ rows: (await ledger.batch(statements)).at(-1).results });
    } catch (thrown) {
      return Response.json({ refused: thrown.message });
    }
  },
};`;

const APPLIED_TABLE = `create table if not exists d1_migrations (
  id integer primary key autoincrement,
  name text unique,
  applied_at timestamp default current_timestamp not null
)`;

/** Applies to the ledger of that name what is missing, each file in one transaction with the note that it was applied. */
export async function migrate(
  worker: Migrating,
  ledger: string,
  folder: string,
): Promise<string[]> {
  const run = async (...statements: (readonly string[])[]): Promise<{ name: string }[]> => {
    const asked = { method: "POST", body: JSON.stringify(statements) };
    const answer = await worker.dispatchFetch(`http://migrate/${ledger}`, asked);
    const told = (await answer.json()) as { rows: { name: string }[] } | { refused: string };
    if ("refused" in told) throw new Error(told.refused);
    return told.rows;
  };
  const applied = new Set(
    (await run([APPLIED_TABLE], ["select name from d1_migrations"])).map(({ name }) => name),
  );
  const names = (await readdir(folder)).filter((name) => name.endsWith(".sql")).toSorted();
  const missing = names.filter((name) => !applied.has(name));
  for (const name of missing) {
    const sql = await readFile(join(folder, name), "utf8");
    // Local D1 runs all statements of one prepared text, so nothing has to split triggers at their
    // semicolons; batch() is one transaction (both measured on workerd 1.20261102).
    await run([sql], ["insert into d1_migrations (name) values (?1)", name]).catch(
      (thrown: unknown) => {
        const reason = thrown instanceof Error ? thrown.message : String(thrown);
        throw new TheaterError("internal", `migration ${name} cannot be applied: ${reason}`);
      },
    );
  }
  return missing;
}
