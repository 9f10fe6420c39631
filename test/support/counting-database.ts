// A D1 database that counts the rows that its statements read and write: what D1 bills, as it says itself.

export class CountingDatabase {
  readonly #db: D1Database;
  readonly #own = new WeakMap<D1PreparedStatement, D1PreparedStatement>();
  rowsRead = 0;
  rowsWritten = 0;

  constructor(db: D1Database) {
    this.#db = db;
  }

  get database(): D1Database {
    return {
      prepare: (query: string) => this.#statement(this.#db.prepare(query)),
      batch: async (statements: D1PreparedStatement[]) => {
        const results = await this.#db.batch(statements.map((one) => this.#own.get(one) ?? one));
        for (const { meta } of results) this.#count(meta);
        return results;
      },
    } as D1Database;
  }

  #statement(statement: D1PreparedStatement): D1PreparedStatement {
    const first = async <T>(column?: string): Promise<unknown> => {
      const { results, meta } = await statement.all<Record<string, T>>();
      this.#count(meta);
      return column === undefined ? (results[0] ?? null) : (results[0]?.[column] ?? null);
    };
    const counted = {
      bind: (...values: unknown[]) => this.#statement(statement.bind(...values)),
      first,
    } as unknown as D1PreparedStatement;
    this.#own.set(counted, statement);
    return counted;
  }

  #count(meta: D1Meta): void {
    this.rowsRead += meta.rows_read;
    this.rowsWritten += meta.rows_written;
  }
}
