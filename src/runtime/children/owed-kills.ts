// Kills that nobody has acknowledged, of children that were given up: whoever comes back after that must not go on.
// Repeated until they are answered, whatever becomes of the supervisor meanwhile.

import type { ChildRow } from "./child-rows.ts";

export interface OwedKill {
  actor: string;
  incarnation: number;
  /** As in the order: null for a child that is known to have been born. */
  genesis: Uint8Array | null;
}

interface Stored extends Record<string, SqlStorageValue> {
  actor: string;
  incarnation: number;
  genesis: ArrayBuffer | null;
}

export class OwedKills {
  readonly #sql: SqlStorage;
  /** Kept in memory: every turn asks, and mostly there are none. */
  #known: readonly OwedKill[] | undefined;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  get all(): readonly OwedKill[] {
    this.#known ??= this.#sql
      .exec<Stored>("SELECT * FROM owed_kill")
      .toArray()
      .map(({ genesis, ...owed }) => ({
        ...owed,
        genesis: genesis === null ? null : new Uint8Array(genesis),
      }));
    return this.#known;
  }

  /** In the transaction that gives the child up. A kill of a later incarnation is one of all before it. */
  add({ actor, born, genesis }: ChildRow, incarnation: number): void {
    this.#known = undefined;
    const given = born ? null : genesis;
    const query = "INSERT OR REPLACE INTO owed_kill VALUES (?, ?, ?)";
    this.#sql.exec(query, actor, incarnation, given);
  }

  /** In the transaction that records the answer. */
  settle({ actor, incarnation }: OwedKill): void {
    this.#known = undefined;
    const query = "DELETE FROM owed_kill WHERE actor = ? AND incarnation <= ?";
    this.#sql.exec(query, actor, incarnation);
  }

  /** After a transaction that was undone. */
  forget(): void {
    this.#known = undefined;
  }
}
