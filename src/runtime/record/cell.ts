// What an actor is between turns: its state and a few single values. Written only inside the journal's
// transactions, together with the events that say the same.

import { concat, equalBytes } from "../../lib/bytes.ts";
import type { ExitKind } from "../../supervision/spec.ts";
import type { MessageKey } from "../mail/idempotency.ts";
import type { ActorStatus } from "../protocol.ts";
import { PART_BYTES_MAX } from "../tables.ts";
import type { RehearsalMark } from "../upgrade/upgrade-input.ts";

/** What it takes to go on with an interrupted turn, besides what the chain says. */
export interface OpenTurn {
  turn: number;
  /** The seq of its message. */
  message: number;
  key: MessageKey | null;
  /** The actors whose turns wait for it. */
  waiting: readonly string[];
  /** When the caller stops waiting, ms since the epoch. */
  deadlineMs?: number;
  /** How often it was begun again. */
  resumed: number;
}

export interface CellValues {
  status: ActorStatus;
  /** Why it is stopped or failed; empty otherwise. */
  reason: string;
  /** What the ledger said when it was found to hold another history; absent while it was not. */
  forked: string;
  createdMs: number;
  parent: string | null;
  /** The `actor.upgraded` that says what runs; absent where genesis does. */
  version: number;
  /** How far the rehearsal of another version is; null while none is under way. */
  rehearsal: RehearsalMark | null;
  /** A turn that has flushed events and has not ended. */
  openTurn: OpenTurn | null;
  /** The call of the guest's last order to a child: given again after a crash, it is not a second one. */
  command: string;
  /** Whether an init has committed, or was not needed: only then is there a state to go on from. */
  begun: boolean;
  /** Of a child: which start of it this is, by its supervisor's count; absent is 0, its birth. */
  incarnation: number;
  /** Of a child: no start up to this one may happen any more. */
  stoppedUpTo: number;
  /** Of a child whose init failed rather than refused: why. */
  initFailure: ExitKind | null;
  /** Of a child: the `actor.started` of the newest start that its supervisor ordered. */
  started: number;
  /** Of a child: the key of an operator who has asked for a start that has still to happen. */
  restartKey: MessageKey | null;
  /** Of a child that an operator stopped: its supervisor had not heard of that when it decided about starts up to this one. */
  heldUpTo: number;
  /** Which of the ledger's databases this chain is in, for ever. */
  shard: number;
  /** The ledger's head as last heard; written along with other things, so it may lag behind. */
  acknowledged: number;
  /** What the directory is known to show; null where it may show nothing. */
  listed: { status: ActorStatus; dueMs: number | null } | null;
  /** The newest id that was given to a WebSocket; absent before the first. */
  sockets: number;
  /** The run that is being sealed ends here; null while none is. It starts behind the last segment. */
  sealing: number | null;
}

export class Cell {
  readonly #sql: SqlStorage;
  #state: Uint8Array | null | undefined;
  /** Values as they were read, undefined for one that is absent: a turn asks for several, and they rarely change. */
  readonly #values = new Map<keyof CellValues, unknown>();
  /** Whether a state that is set is written later, and whether there is one. */
  #isLater = false;
  /** Rows of the state on disk; undefined: to be found out. */
  #parts: number | undefined;
  #isUnwritten = false;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  get status(): ActorStatus {
    return this.get("status") ?? "failed";
  }

  /** The newest committed state. */
  get state(): Uint8Array | null {
    if (this.#state === undefined) {
      const rows = this.#sql
        .exec<{ bytes: ArrayBuffer }>("SELECT bytes FROM state ORDER BY part")
        .toArray();
      this.#state =
        rows.length === 0 ? null : concat(rows.map(({ bytes }) => new Uint8Array(bytes)));
    }
    return this.#state;
  }

  isState(state: Uint8Array | null): boolean {
    return isSameState(state, this.state);
  }

  /** In a transaction; `forget` has to be called where it is undone. */
  setState(state: Uint8Array | null): void {
    this.#state = state;
    if (this.#isLater) this.#isUnwritten = true;
    else this.#writeState(state);
  }

  /** In a transaction: of all states that `work` sets, the last is written. */
  once<T>(work: () => T): T {
    this.#isLater = true;
    const result = work();
    if (this.#isUnwritten) this.#writeState(this.state);
    this.#isLater = this.#isUnwritten = false;
    return result;
  }

  /** After a transaction that was undone. */
  forget(): void {
    this.#state = this.#parts = undefined;
    this.#values.clear();
    this.#isLater = this.#isUnwritten = false;
  }

  /** The first part is written over: that is one row, where to delete and to insert it would be two. */
  #writeState(state: Uint8Array | null): void {
    const parts = state === null ? 0 : Math.max(1, Math.ceil(state.length / PART_BYTES_MAX));
    // Nearly every state has one part, as the one before had: to delete none would be a statement more for each turn.
    if (this.#parts !== parts) this.#sql.exec("DELETE FROM state WHERE part >= ?", parts);
    this.#parts = parts;
    for (let part = 0; part < parts; part++) {
      const bytes = state?.subarray(part * PART_BYTES_MAX, (part + 1) * PART_BYTES_MAX) ?? null;
      const query =
        "INSERT INTO state VALUES (?, ?) ON CONFLICT DO UPDATE SET bytes = excluded.bytes";
      this.#sql.exec(query, part, bytes);
    }
  }

  get<K extends keyof CellValues>(name: K): CellValues[K] | undefined {
    if (!this.#values.has(name)) {
      const [row] = this.#sql
        .exec<{ value: string }>("SELECT value FROM cell WHERE name = ?", name)
        .toArray();
      this.#values.set(name, row === undefined ? undefined : JSON.parse(row.value));
    }
    return this.#values.get(name) as CellValues[K] | undefined;
  }

  set<K extends keyof CellValues>(name: K, value: CellValues[K]): void {
    this.#values.delete(name);
    this.#sql.exec("INSERT OR REPLACE INTO cell VALUES (?, ?)", name, JSON.stringify(value));
  }
}

export function isSameState(one: Uint8Array | null, other: Uint8Array | null): boolean {
  if (one === null || other === null) return one === other;
  return equalBytes(one, other);
}
