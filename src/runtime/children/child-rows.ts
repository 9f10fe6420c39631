// The children of an actor by name: which actor each of them is. Written by Keeper and Spawner; what a
// supervisor means to do with them is in its own row.

/** As the supervisor knows a child. */
export interface ChildRow {
  /** Its name in the manifest; the actor's id for one that was spawned. */
  name: string;
  actor: string;
  /** The block of its `actor.created` payload: composed once, so that a birth may be repeated. */
  genesis: Uint8Array;
  initState: Uint8Array | null;
  /** Whether it begins with that state as it is, without init. */
  asIs: boolean;
  /** The call that spawned it, `<actor>/<turn>/<call>`; null for a child of the manifest. */
  call: string | null;
  /** The turn of that call; 0 for a child of the manifest. */
  turn: number;
  /** Whether its birth is known to have happened. */
  born: boolean;
  /** The incarnation whose end is recorded; -1 before the first. */
  exited: number;
}

interface Stored extends Record<string, SqlStorageValue> {
  name: string;
  actor: string;
  genesis: ArrayBuffer;
  init: ArrayBuffer | null;
  as_is: number;
  call: string | null;
  turn: number;
  born: number;
  exited: number;
}

export const CHILD_TABLES = `
  -- Written by ChildRows. The actors that this one has as children.
  CREATE TABLE child (
    name TEXT PRIMARY KEY,
    actor TEXT NOT NULL UNIQUE,
    genesis BLOB NOT NULL,
    init BLOB,
    as_is INTEGER NOT NULL,
    call TEXT UNIQUE,
    turn INTEGER NOT NULL,
    born INTEGER NOT NULL,
    exited INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX child_turn ON child (turn) WHERE call IS NOT NULL;
  -- Written by Keeper. The supervisor as src/supervision knows it, as JSON, and when it wants to be looked at.
  CREATE TABLE supervisor (one INTEGER PRIMARY KEY CHECK (one = 1), state TEXT NOT NULL, wake INTEGER) STRICT;
  -- Written by OwedKills. Children that were given up and may come back.
  CREATE TABLE owed_kill (actor TEXT PRIMARY KEY, incarnation INTEGER NOT NULL, genesis BLOB) STRICT, WITHOUT ROWID;
  -- Written by Notices. Ends of this actor that its supervisor has not acknowledged.
  CREATE TABLE notice (n INTEGER PRIMARY KEY AUTOINCREMENT, incarnation INTEGER NOT NULL, notice TEXT NOT NULL) STRICT;
`;

export class ChildRows {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  all(): ChildRow[] {
    return this.#read("SELECT * FROM child");
  }

  byName(name: string): ChildRow | undefined {
    return this.#read("SELECT * FROM child WHERE name = ?", name)[0];
  }

  byActor(actor: string): ChildRow | undefined {
    return this.#read("SELECT * FROM child WHERE actor = ?", actor)[0];
  }

  byCall(call: string): ChildRow | undefined {
    return this.#read("SELECT * FROM child WHERE call = ?", call)[0];
  }

  /** What a turn has spawned. */
  ofTurn(turn: number): ChildRow[] {
    return this.#read("SELECT * FROM child WHERE turn = ? AND call IS NOT NULL", turn);
  }

  /** Those of them whose birth is not known to have happened. */
  unbornOfTurn(turn: number): ChildRow[] {
    const query = "SELECT * FROM child WHERE turn = ? AND call IS NOT NULL AND born = 0";
    return this.#read(query, turn);
  }

  add(row: Omit<ChildRow, "born" | "exited">): void {
    const { name, actor, genesis, initState, asIs, call, turn } = row;
    this.#sql.exec(
      "INSERT INTO child VALUES (?, ?, ?, ?, ?, ?, ?, 0, -1)",
      name,
      actor,
      genesis,
      initState,
      asIs ? 1 : 0,
      call,
      turn,
    );
  }

  noteBorn(name: string): void {
    this.#sql.exec("UPDATE child SET born = 1, init = NULL WHERE name = ?", name);
  }

  noteExited(name: string, incarnation: number): void {
    this.#sql.exec("UPDATE child SET exited = ? WHERE name = ?", incarnation, name);
  }

  remove(name: string): void {
    this.#sql.exec("DELETE FROM child WHERE name = ?", name);
  }

  #read(query: string, ...bindings: SqlStorageValue[]): ChildRow[] {
    return this.#sql
      .exec<Stored>(query, ...bindings)
      .toArray()
      .map(({ genesis, init, as_is, born, ...row }) => ({
        ...row,
        genesis: new Uint8Array(genesis),
        initState: init === null ? null : new Uint8Array(init),
        asIs: as_is === 1,
        born: born === 1,
      }));
  }
}
