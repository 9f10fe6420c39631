// Replays a chain as its events come in: each turn runs again from the recorded state before it. Where all
// turns agree, the whole history does, because each begins where the one before ended.

import { toJson, type Json } from "../chain/ndjson.ts";
import { Link } from "../chain/value.ts";
import { stateSaid } from "./recorded-state.ts";
import type { RecordedEvent } from "./recorded-turn.ts";
import { replayTurn, type ReplayParts } from "./replay-turn.ts";
import { TurnReader, type EarlierEvent, type TurnEvents } from "./turns.ts";
import type { Difference } from "./verdict.ts";

export interface ChainReplayParts extends ReplayParts {
  /** For a replay that begins in the middle. */
  earlier: EarlierEvent;
}

/** Where a replay can go on: between two turns. */
export interface Place {
  /** The first event that has not been looked at. */
  seq: number;
  /** The event that recorded the state at that point; null: there was none before. */
  stateSeq: number | null;
}

/** Turns that a report names one by one; it counts all. */
const ERASED_LISTED_MAX = 1_000;

export class ChainReplay {
  readonly #parts: ChainReplayParts;
  readonly #reader: TurnReader;
  /** Undefined where what recorded it was erased. */
  #state: Uint8Array | null | undefined = null;
  #place: Place = { seq: 0, stateSeq: null };
  readonly counts = { agreed: 0, cut: 0, erased: 0 };
  /** The first turns that could not be run, by number. */
  readonly erasedTurns: number[] = [];
  difference: Difference | undefined;
  #diverged: TurnEvents | undefined;

  constructor(parts: ChainReplayParts) {
    this.#parts = parts;
    this.#reader = new TurnReader(parts.earlier);
  }

  get place(): Place {
    return this.#place;
  }

  get turns(): number {
    return this.counts.agreed + this.counts.cut + this.counts.erased;
  }

  /** Begins at a place that another replay of this chain gave. */
  async begin(place: Place): Promise<void> {
    this.#place = place;
    if (place.stateSeq === null) return;
    const event = await this.#parts.earlier(place.stateSeq);
    await this.#noteState(event);
  }

  /** Takes the next event, oldest first. False once the guest has done something else. */
  async next(event: RecordedEvent): Promise<boolean> {
    if (this.difference !== undefined) return false;
    if (event.turn === 0) await this.#noteState(event);
    const turn = await this.#reader.next(event);
    if (turn !== undefined) {
      const told = await replayTurn(this.#parts, turn, this.#state);
      if (told.verdict === "diverged") {
        this.difference = told.difference;
        this.#diverged = turn;
        return false;
      }
      this.counts[told.verdict]++;
      const isListed = this.erasedTurns.length < ERASED_LISTED_MAX;
      if (told.verdict === "erased" && isListed) this.erasedTurns.push(turn.turn);
      if (event.type === "turn.committed") await this.#noteState(event);
    }
    // Between turns nothing is pending but messages, and those are found again by their seq.
    const isBetween = turn !== undefined || event.turn === 0;
    if (isBetween && !this.#reader.isOpen) this.#place = { ...this.#place, seq: event.seq + 1 };
    return true;
  }

  /** Runs the turn that diverged once more: whether its guest does the same again. */
  async divergesAgain(): Promise<boolean> {
    if (this.#diverged === undefined) return false;
    const told = await replayTurn(this.#parts, this.#diverged, this.#state);
    if (told.verdict !== "diverged" || this.difference === undefined) return false;
    return JSON.stringify(readable(told.difference)) === JSON.stringify(readable(this.difference));
  }

  async #noteState(event: RecordedEvent | undefined): Promise<void> {
    const said = event === undefined ? "erased" : stateSaid(event);
    if (said === undefined) return; // as it was
    if (event === undefined || said === "erased") {
      this.#state = undefined;
      return;
    }
    const { state } = said;
    this.#state = state instanceof Link ? await this.#parts.read(state) : state;
    this.#place = { ...this.#place, stateSeq: event.seq };
  }
}

function readable({ seq, expected, found }: Difference): Json {
  return [seq, expected && toJson(expected.fields), found && toJson(found.fields)];
}
