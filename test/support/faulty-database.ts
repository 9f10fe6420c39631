// A D1 database whose next batch fails the way a network fails: before it arrives, or after it was
// written and before the answer came back. Everything else is the real database. It also enforces
// D1's documented limit on a parameter, because the local runtime takes more.

const PARAMETER_BYTES_MAX = 2_000_000;

export type Fault = "lost" | "answer lost";

export class FaultyDatabase {
  readonly #db: D1Database;
  #fault: Fault | undefined;
  /** The longest parameter that was bound so far, in bytes. */
  longestParameter = 0;

  constructor(db: D1Database) {
    this.#db = db;
  }

  /** This object as the type that the code under test takes. */
  get database(): D1Database {
    return this as unknown as D1Database;
  }

  failNext(fault: Fault): void {
    this.#fault = fault;
  }

  prepare(query: string): { bind(...values: unknown[]): D1PreparedStatement } {
    return {
      bind: (...values) => {
        for (const value of values) {
          if (typeof value !== "string") continue;
          const size = new TextEncoder().encode(value).length;
          this.longestParameter = Math.max(this.longestParameter, size);
          if (size > PARAMETER_BYTES_MAX) {
            throw new Error("D1_ERROR: string or blob too big: SQLITE_TOOBIG");
          }
        }
        return this.#db.prepare(query).bind(...values);
      },
    };
  }

  async batch(statements: D1PreparedStatement[]): Promise<D1Result[]> {
    const fault = this.#fault;
    this.#fault = undefined;
    if (fault === "lost") throw new Error("D1_ERROR: Network connection lost.");
    const results = await this.#db.batch(statements);
    if (fault === "answer lost") throw new Error("D1_ERROR: Network connection lost.");
    return results;
  }
}
