// A D1 database that counts the rows that its statements read: what D1 bills, as it says itself.

export class CountingDatabase {
  readonly #db: D1Database;
  rowsRead = 0;

  constructor(db: D1Database) {
    this.#db = db;
  }

  get database(): D1Database {
    return { prepare: (query: string) => this.#statement(this.#db.prepare(query)) } as D1Database;
  }

  #statement(statement: D1PreparedStatement): D1PreparedStatement {
    const count = async <T>(column?: string): Promise<unknown> => {
      const { results, meta } = await statement.all<Record<string, T>>();
      this.rowsRead += meta.rows_read;
      return column === undefined ? (results[0] ?? null) : (results[0]?.[column] ?? null);
    };
    return {
      bind: (...values: unknown[]) => this.#statement(statement.bind(...values)),
      first: count,
    } as unknown as D1PreparedStatement;
  }
}
