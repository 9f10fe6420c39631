// What an actor serves over HTTP, in its own database: the only writer of the table `site`. It changes in the
// transaction that commits a turn, and nowhere else. An actor that never serves anything has no such table.

import { EMPTY_SITE, Site, type SiteEntry, type SiteTable } from "../../handlers/http-site.ts";

const TABLE = `
  -- Written by SiteRows. Servers, handlers, routes and middlewares by id; the row 0 has the id that comes next.
  CREATE TABLE IF NOT EXISTS site (id INTEGER PRIMARY KEY, entry TEXT NOT NULL) STRICT;
`;

const NEXT = 0;

export class SiteRows {
  readonly #sql: SqlStorage;
  /** What is committed; undefined: to be read. */
  #table: SiteTable | undefined;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  get table(): SiteTable {
    return (this.#table ??= this.#read());
  }

  /** For one turn. `anew`: with nothing but the ids that were given before. */
  draft(anew: boolean): Site {
    const { table } = this;
    return new Site(anew ? { entries: EMPTY_SITE.entries, next: table.next } : table);
  }

  /** A transaction was undone. */
  forget(): void {
    this.#table = undefined;
  }

  /** In the transaction that commits the turn. */
  apply(draft: SiteTable): void {
    const before = this.table;
    const changed = [...draft.entries].filter(([id, entry]) => before.entries.get(id) !== entry);
    const gone = [...before.entries.keys()].filter((id) => !draft.entries.has(id));
    if (changed.length + gone.length === 0) return;
    this.#sql.exec(TABLE);
    for (const [id, entry] of changed) this.#put(id, JSON.stringify(entry));
    for (const id of gone) this.#sql.exec("DELETE FROM site WHERE id = ?", id);
    if (before.next !== draft.next) this.#put(NEXT, String(draft.next));
    this.#table = undefined;
  }

  #put(id: number, entry: string): void {
    this.#sql.exec("INSERT OR REPLACE INTO site VALUES (?, ?)", id, entry);
  }

  #read(): SiteTable {
    const tables = "SELECT 1 FROM sqlite_master WHERE name = 'site'";
    if (this.#sql.exec(tables).toArray().length === 0) return EMPTY_SITE;
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
