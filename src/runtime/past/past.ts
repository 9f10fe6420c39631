// Finds what was: the state after an event, the events of a turn, whether an event stands between two turns.
//
// Cost: what is not sealed is found by the journal's own rows. Each sealed segment says which turn and which state it
// ended with, so at most one of them (SEGMENT_EVENTS_MAX events) is read for an answer, from the event asked for
// backwards; a chain of any length costs no more.

import { cidText } from "../../chain/cid.ts";
import type { EventType } from "../../chain/event-types.ts";
import type { LedgerEntry } from "../../chain/ledger.ts";
import { decodePayload } from "../../chain/payload.ts";
import { Link } from "../../chain/value.ts";
import { assert, TheaterError } from "../../lib/errors.ts";
import { STATE_TYPES, stateSaid } from "../../chain/recorded-state.ts";
import { isEnd } from "../../replay/turns.ts";
import type { Blocks } from "../record/content.ts";
import type { History } from "../record/history.ts";
import type { Journal } from "../record/journal.ts";
import type { PastState, TurnPlace } from "../protocol.ts";

interface PastParts {
  sql: SqlStorage;
  journal: Journal;
  history: History;
  blocks: Blocks;
}

interface Segment extends Record<string, SqlStorageValue> {
  first: number;
  last: number;
  /** The newest turn that had an event by its end; 0: none. */
  turn: number;
  /** The event that recorded the state of its end. */
  state: number | null;
}

const BEGINNINGS = ["turn.committed", "actor.started", "actor.migrated", "actor.reverted"] as const;

/** Events of one reading backwards: the first is about a turn's, the others grow with the distance. */
const WINDOW_MIN = 64;
const WINDOW_MAX = 1_024;

export class Past {
  readonly #parts: PastParts;

  constructor(parts: PastParts) {
    this.#parts = parts;
  }

  /**
   * The state after event `at`. Throws `not-found` behind the head, and `erased`, which names the event whose payload
   * held it.
   */
  async stateAt(at: number): Promise<PastState> {
    const event = await this.#stateEvent(at);
    if (event === undefined) return { state: null, event: null };
    const said = stateSaid({ type: event.type, payload: event.payload.block });
    assert(said !== undefined, "the event says what the state is");
    if (said === "erased") throw erased(event.seq);
    const { state } = said;
    const bytes = state instanceof Link ? await this.#parts.blocks.get(state) : state;
    return { state: bytes, event: refOf(event) };
  }

  /** The event that says what the state was after `at`; undefined: it was none from the beginning on. */
  async #stateEvent(at: number): Promise<LedgerEntry | undefined> {
    this.requireKnown(at);
    const says = ({ type, payload }: LedgerEntry): boolean =>
      stateSaid({ type, payload: payload.block }) !== undefined;
    const { sealed } = this.#parts.history;
    for (const entry of this.#inJournal(at, sealed + 1, STATE_TYPES)) if (says(entry)) return entry;
    const last = Math.min(at, sealed);
    if (last < 0) return undefined;
    let segment = this.#segmentOf(last);
    if (last < segment.last) {
      for await (const entry of this.#inSegment(segment, last, STATE_TYPES)) {
        if (says(entry)) return entry;
      }
      if (segment.first === 0) return undefined;
      segment = this.#segmentOf(segment.first - 1);
    }
    return segment.state === null ? undefined : await this.entry(segment.state);
  }

  /** Where turn `turn` stands in the chain. Throws `not-found` for one that was not begun. */
  async turn(turn: number): Promise<TurnPlace> {
    const { journal } = this.#parts;
    if (turn < 1 || turn > journal.lastTurn()) {
      const message = `The actor has run ${journal.lastTurn()} turns: there is no turn ${turn}.`;
      throw new TheaterError("not-found", message, { turn });
    }
    const place = { turn, message: null, from: -1, to: -1, end: null } as TurnPlace;
    for await (const { seq, type, turn: of, payload } of this.#fromTurn(turn)) {
      if (of !== turn) continue;
      if (place.from < 0) place.from = seq;
      place.to = seq;
      if (type === "message.received") place.message = seq;
      if (!isEnd(type)) continue;
      place.end = type;
      if (payload.block !== null) place.message = decodePayload(type, payload.block).message;
      break;
    }
    return place;
  }

  /** The chain from the turn's first event on, or from a little before. */
  #fromTurn(turn: number): AsyncGenerator<LedgerEntry> {
    const { sql, history, journal } = this.#parts;
    const query = "SELECT first FROM segment WHERE turn >= ? ORDER BY last LIMIT 1";
    const [row] = sql.exec<{ first: number }>(query, turn).toArray();
    const first = row?.first ?? journal.beginOfTurn(turn, history.sealed + 1);
    assert(first !== undefined, `turn ${turn} has an event`);
    return history.events(first, journal.head.seq);
  }

  /** The newest turn that had begun by event `at`; 0 before the first. */
  async turnBy(at: number): Promise<number> {
    this.requireKnown(at);
    const { journal, history } = this.#parts;
    const { sealed } = history;
    const own = journal.turnBy({ from: sealed + 1, to: at });
    const last = Math.min(at, sealed);
    if (own > 0 || last < 0) return own;
    const segment = this.#segmentOf(last);
    if (last === segment.last) return segment.turn;
    for await (const { turn } of this.#inSegment(segment, last)) if (turn > 0) return turn;
    return segment.first === 0 ? 0 : this.#segmentOf(segment.first - 1).turn;
  }

  /**
   * Throws `wrong-state` for an event inside a turn: what a turn does becomes real at its end. The evidence names the
   * last event before the turn and, if it has ended, the one that ended it.
   */
  async requireBetween(at: number): Promise<void> {
    const turn = await this.turnBy(at);
    if (turn === 0) return;
    const { from, to, end } = await this.turn(turn);
    if (end !== null && to <= at) return;
    const after = end === null ? "is not over" : `ends at event ${to}`;
    const message = `Event ${at} is inside turn ${turn}, which ${after}: name an event between two turns, like ${from - 1}.`;
    throw new TheaterError("wrong-state", message, { turn, before: from - 1, after: end && to });
  }

  /** Throws `wrong-state` for an event before the actor had begun: there was no state to go on from. */
  async requireBegun(at: number): Promise<void> {
    this.requireKnown(at);
    for await (const { type, payload } of this.backwards(at, BEGINNINGS)) {
      if (type === "turn.committed") return;
      if (stateSaid({ type, payload: payload.block }) !== undefined) return;
    }
    const message = `The actor had not begun at event ${at}: name one behind the end of its first turn.`;
    throw new TheaterError("wrong-state", message, { seq: at });
  }

  /** Events of these types from `at` down, the newest first. What is sealed meanwhile is found where it went. */
  async *backwards(at: number, types: readonly EventType[]): AsyncGenerator<LedgerEntry> {
    const { journal, history } = this.#parts;
    for (let to = at; to >= 0;) {
      const { sealed } = history;
      if (to > sealed) {
        const page = journal.entriesBack({ from: sealed + 1, to }, types, WINDOW_MIN);
        to = (page.at(-1)?.seq ?? sealed + 1) - 1;
        yield* page;
      } else {
        const segment = this.#segmentOf(to);
        yield* this.#inSegment(segment, to, types);
        to = segment.first - 1;
      }
    }
  }

  async entry(seq: number): Promise<LedgerEntry> {
    const [entry] = await this.#parts.history.entries(seq, 1);
    assert(entry !== undefined, `event ${seq} is in the chain`);
    return entry;
  }

  requireKnown(at: number): void {
    const { seq } = this.#parts.journal.head;
    if (at <= seq) return;
    throw new TheaterError("not-found", `The chain ends at event ${seq}.`, { seq: at });
  }

  *#inJournal(at: number, floor: number, types: readonly EventType[]): Generator<LedgerEntry> {
    const { journal } = this.#parts;
    for (let to = at; ;) {
      const page = journal.entriesBack({ from: floor, to }, types, WINDOW_MIN);
      yield* page;
      const last = page.at(-1);
      if (last === undefined) return;
      to = last.seq - 1;
    }
  }

  async *#inSegment(
    { first }: Segment,
    at: number,
    types?: readonly EventType[],
  ): AsyncGenerator<LedgerEntry> {
    let count = WINDOW_MIN;
    for (let to = at; to >= first; count = Math.min(2 * count, WINDOW_MAX)) {
      const from = Math.max(first, to - count + 1);
      const window: LedgerEntry[] = [];
      for await (const entry of this.#parts.history.events(from, to)) {
        if (types?.some((type) => type === entry.type) !== false) window.push(entry);
      }
      yield* window.reverse();
      to = from - 1;
    }
  }

  #segmentOf(seq: number): Segment {
    const query =
      "SELECT first, last, turn, state FROM segment WHERE last >= ? ORDER BY last LIMIT 1";
    const [row] = this.#parts.sql.exec<Segment>(query, seq).toArray();
    assert(row !== undefined, `event ${seq} is sealed`);
    return row;
  }
}

export function refOf({ seq, cid }: LedgerEntry): { seq: number; cid: string } {
  return { seq, cid: cidText(new Link("dag-cbor", cid)) };
}

export function erased(seq: number): TheaterError {
  const message = `The payload of event ${seq}, which held the state, was erased: ask for another event.`;
  return new TheaterError("erased", message, { seq });
}
