// What an actor serves over HTTP, in its own database: the only writer of the table `site`. It changes in the
// transaction that commits a turn, and nowhere else but where the actor begins anew.

import { EMPTY_SITE, Site, type SiteEntry, type SiteTable } from "../../handlers/http-site.ts";

/** Made at the birth of an actor that may answer HTTP requests. */
export const SITE_TABLES = `
  -- Written by SiteRows. Servers, handlers, routes and middlewares by id; the row 0 has the id that comes next.
  CREATE TABLE site (id INTEGER PRIMARY KEY, entry TEXT NOT NULL) STRICT;
`;

const NEXT = 0;

export class SiteRows {
  readonly #sql: SqlStorage;
  readonly #isGranted: boolean;
  /** What is committed; undefined: to be read. */
  #table: SiteTable | undefined;

  constructor(sql: SqlStorage, isGranted: boolean) {
    this.#sql = sql;
    this.#isGranted = isGranted;
  }

  get table(): SiteTable {
    return (this.#table ??= this.#isGranted ? this.#read() : EMPTY_SITE);
  }

  /** For one turn. */
  draft(): Site {
    return new Site(this.table);
  }

  /** A transaction was undone. */
  forget(): void {
    this.#table = undefined;
  }

  /** In the transaction that commits the turn. */
  apply(draft: SiteTable): void {
    const before = this.table;
    for (const [id, entry] of draft.entries) {
      if (before.entries.get(id) !== entry) this.#put(id, JSON.stringify(entry));
    }
    for (const id of before.entries.keys()) {
      if (!draft.entries.has(id)) this.#sql.exec("DELETE FROM site WHERE id = ?", id);
    }
    if (before.next !== draft.next) this.#put(NEXT, String(draft.next));
    this.#table = undefined;
  }

  /** In the transaction in which the actor begins anew with its init, which makes its routes once more. */
  clear(): void {
    if (!this.#isGranted) return;
    this.#sql.exec("DELETE FROM site WHERE id <> ?", NEXT);
    this.#table = undefined;
  }

  #put(id: number, entry: string): void {
    this.#sql.exec("INSERT OR REPLACE INTO site VALUES (?, ?)", id, entry);
  }

  #read(): SiteTable {
    const rows = this.#sql
      .exec<{ id: number; entry: string }>("SELECT id, entry FROM site ORDER BY id")
      .toArray();
    const next = rows[0]?.id === NEXT ? Number(rows[0].entry) : EMPTY_SITE.next;
    const entries = rows.flatMap(({ id, entry }) =>
      id === NEXT ? [] : [[id, JSON.parse(entry) as SiteEntry] as const],
    );
    return { entries: new Map(entries), next };
  }
}
