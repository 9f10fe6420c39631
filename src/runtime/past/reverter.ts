// Reverts: gives an actor the state again that it had after an earlier event, as a new event. Nothing is deleted.
//
// Only the state goes back. What the turns behind that event did elsewhere was acknowledged: what they sent stays
// sent, and leaves if it has not; answers under an Idempotency-Key, timers, open requests, channels, children and
// files are as they are.
//
// Invariant: the event, the state and the key are one transaction, between two turns, and the state is the one that
// the chain held a moment before.

import { digestText } from "../../chain/cid.ts";
import type { LedgerEntry } from "../../chain/ledger.ts";
import { decodePayload } from "../../chain/payload.ts";
import { equalBytes, fromUtf8 } from "../../lib/bytes.ts";
import { assert, TheaterError } from "../../lib/errors.ts";
import { STATE_TYPES, stateSaid } from "../../chain/recorded-state.ts";
import type { Genesis } from "../birth/genesis.ts";
import { messageKey, type Idempotency, type MessageKey } from "../mail/idempotency.ts";
import { REVERT_TURNS_MAX, type Reverted, type RevertInput } from "../protocol.ts";
import type { Cell } from "../record/cell.ts";
import type { Blocks } from "../record/content.ts";
import type { Feeder } from "../record/feeder.ts";
import type { Journal } from "../record/journal.ts";
import type { Runner } from "../turn/runner.ts";
import { readUpgrade, type CurrentVersion } from "../upgrade/version.ts";
import { erased, refOf, type Past } from "./past.ts";

interface ReverterParts {
  sql: SqlStorage;
  journal: Journal;
  cell: Cell;
  past: Past;
  blocks: Blocks;
  idempotency: Idempotency;
  runner: Runner;
  feeder: Feeder;
  genesis: Genesis;
  version: CurrentVersion;
}

/** What else may happen while the state is read is another revert or an erasure: both are rare. */
const TRIES_MAX = 5;
/** Events that are looked at to find the turn before the first one that is undone. */
const LOOKED_MAX = 100_000;

const WALKED = [...STATE_TYPES, "message.received", "actor.upgraded"] as const;

/** What puts another component in force, with the state that it goes on from. */
const CHANGED: ReadonlySet<string> = new Set(["actor.upgraded", "actor.migrated"]);

export class Reverter {
  readonly #parts: ReverterParts;

  constructor(parts: ReverterParts) {
    this.#parts = parts;
  }

  /**
   * Waits for the running turn. Throws `wrong-state` for an actor that is deleted or never began, for more turns than
   * there were since it began, for an event inside a turn or before init's end, and where another component ran then;
   * `erased` where what held the state, or says whether a turn committed, is gone.
   */
  async revert(input: RevertInput): Promise<Reverted> {
    const { runner } = this.#parts;
    const { principal, key, turns, to, reason } = input;
    const body = fromUtf8(JSON.stringify([turns, to, reason]));
    const keyed = key === null ? null : messageKey({ principal, key }, body);
    const known = await this.#known(keyed);
    if (known !== undefined) return known;
    this.#requireRevertible();
    try {
      return await runner.between(() => this.#between(input, keyed));
    } finally {
      runner.start();
    }
  }

  async #between(input: RevertInput, key: MessageKey | null): Promise<Reverted> {
    const { journal, cell, past, blocks } = this.#parts;
    for (let tried = 0; tried < TRIES_MAX; tried++) {
      const known = await this.#known(key); // a repetition may have come through meanwhile
      if (known !== undefined) return known;
      this.#requireRevertible();
      if (cell.get("openTurn") != null) {
        const message = "A turn has acted and could not be ended yet: try again.";
        throw new TheaterError("busy", message);
      }
      const newest = this.#newestState();
      const toSeq = input.turns === null ? input.to : await this.#before(input.turns);
      await this.#requirePlace(toSeq);
      const { state, event } = await past.stateAt(toSeq);
      const held = state === null ? [] : [state];
      const reverted = await blocks.keep(held, () =>
        journal.transaction((): Reverted | undefined => {
          if (newest !== this.#newestState() || this.#isErased(event?.seq)) return undefined;
          this.#requireRevertible();
          const fields = { toSeq, by: input.principal, reason: input.reason, state: held };
          const { seq, cid } = journal.append({
            type: "actor.reverted",
            about: "",
            turn: 0,
            fields,
          });
          cell.setState(state);
          if (key !== null) this.#parts.idempotency.keep("revert", key, seq);
          return { event: { seq, cid }, toSeq, stateBytes: state?.length ?? null };
        }),
      );
      if (reverted !== undefined) return reverted;
    }
    throw new TheaterError("busy", "The actor is being reverted by others too: try again.");
  }

  /** What the same key did before. Throws `key-reused`, and `erased` where the event itself is. */
  async #known(key: MessageKey | null): Promise<Reverted | undefined> {
    const { idempotency, past } = this.#parts;
    const seq = key === null ? undefined : idempotency.find("revert", key);
    if (seq === undefined) return undefined;
    const entry = await past.entry(seq);
    const { toSeq, state } = revertOf(entry);
    const { state: bytes } = await past.stateAt(seq);
    assert(state.length > 0 === (bytes !== null), "a revert holds the state that it restores");
    return { event: refOf(entry), toSeq, stateBytes: bytes?.length ?? null };
  }

  /** The event after which the actor was before its last `turns` turns that committed and were not undone since. */
  async #before(turns: number): Promise<number> {
    const { journal, past } = this.#parts;
    assert(turns >= 1 && turns <= REVERT_TURNS_MAX, `1 to ${REVERT_TURNS_MAX} turns at a time`);
    let undone = 0;
    let looked = 0;
    /** Of the earliest turn so far: if that is an init, the actor was not before it. */
    let message = -1;
    for (let at = journal.head.seq; at >= 0;) {
      let next = -1;
      for await (const entry of past.backwards(at, WALKED)) {
        if (++looked > LOOKED_MAX) throw tooFar();
        const { seq, type, about } = entry;
        if (type === "actor.reverted") {
          next = revertOf(entry).toSeq; // what is between stands in the chain, and is undone already
          break;
        }
        if (type === "turn.committed") {
          if (undone === turns) return seq;
          if (entry.payload.block === null) throw erased(seq);
          ({ message } = decodePayload(type, entry.payload.block));
          undone++;
        }
        // The component that runs now began there, with what the one before it left or what it made of that.
        if (undone === turns && CHANGED.has(type)) return seq;
        if (type === "actor.started" && isBeginning(entry)) {
          if (undone === turns) return seq;
          throw tooMany(turns, undone);
        }
        if (about === "lifecycle" && seq === message) throw tooMany(turns, undone - 1);
      }
      at = next;
    }
    throw tooMany(turns, Math.max(0, undone - 1));
  }

  async #requirePlace(toSeq: number): Promise<void> {
    const { past } = this.#parts;
    await past.requireBetween(toSeq);
    await past.requireBegun(toSeq);
    this.#requireSameComponent(toSeq);
  }

  /** What another component left is nothing that this one wrote. */
  #requireSameComponent(toSeq: number): void {
    const { journal, genesis, version } = this.#parts;
    const range = { from: 0, to: toSeq }; // upgrades never leave the journal
    const [upgrade] = journal.entriesBack(range, ["actor.upgraded"], 1);
    const block = upgrade?.payload.block;
    const { component } = block == null ? genesis : readUpgrade(block);
    if (equalBytes(component, version.now.component)) return;
    const message = `Another component ran at event ${toSeq}: roll the upgrade back first, or name an event behind ${version.now.seq}.`;
    const evidence = { seq: toSeq, component: digestText(component), upgraded: version.now.seq };
    throw new TheaterError("wrong-state", message, evidence);
  }

  #requireRevertible(): void {
    const { cell, feeder } = this.#parts;
    const { status } = cell;
    if (feeder.isForked) {
      const message = "The ledger holds another history of this actor: it cannot go on as either.";
      throw new TheaterError("chain-fork", message);
    }
    if (status !== "deleted" && cell.get("begun") === true) return;
    const message =
      status === "deleted"
        ? "The actor is deleted, and stays as it is: fork it to go on from an earlier state."
        : "The actor's init did not succeed: there is no state to go back to.";
    throw new TheaterError("wrong-state", message, { status });
  }

  /** The seq of the newest event that may say what the state is; it is not sealed, or nothing has happened since. */
  #newestState(): number {
    const { sql } = this.#parts;
    const query =
      "SELECT seq FROM event WHERE type IN (SELECT value FROM json_each(?)) ORDER BY seq DESC LIMIT 1";
    const [row] = sql.exec<{ seq: number }>(query, JSON.stringify(STATE_TYPES)).toArray();
    return row?.seq ?? -1;
  }

  #isErased(seq: number | undefined): boolean {
    if (seq === undefined) return false;
    return this.#parts.sql.exec("SELECT 1 FROM erasure WHERE seq = ?", seq).toArray().length > 0;
  }
}

function revertOf({ seq, payload }: LedgerEntry): { toSeq: number; state: readonly unknown[] } {
  if (payload.block === null) throw erased(seq);
  return decodePayload("actor.reverted", payload.block);
}

/** Whether an `actor.started` says what the actor begins with, without init. */
function isBeginning({ type, payload }: LedgerEntry): boolean {
  return stateSaid({ type, payload: payload.block }) !== undefined;
}

function tooMany(asked: number, there: number): TheaterError {
  const message = `There are ${there} turns to undo, not ${asked}: what an actor begins with is not undone.`;
  return new TheaterError("wrong-state", message, { asked, turns: there });
}

function tooFar(): TheaterError {
  const message = `The turn is more than ${LOOKED_MAX} events back: name the event to go back to.`;
  return new TheaterError("too-large", message, { limit: LOOKED_MAX });
}
