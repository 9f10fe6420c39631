// Replays a chain as its events come in: each turn runs again from the recorded state before it. Where all
// turns agree, the whole history does, because each begins where the one before ended.

import { isEventType } from "../chain/event-types.ts";
import { toJson, type Json } from "../chain/ndjson.ts";
import { decodePayload } from "../chain/payload.ts";
import { Link } from "../chain/value.ts";
import type { ComponentDescription } from "../executor/wit-type.ts";
import { assert, TheaterError } from "../lib/errors.ts";
import { Aftermath } from "./aftermath.ts";
import { changesComponent, inForceFrom, type InForce, type Override } from "./in-force.ts";
import { migrationDifference } from "./migration-check.ts";
import type { Place } from "./place.ts";
import { stateSaid } from "../chain/recorded-state.ts";
import type { RecordedEvent } from "./recorded-turn.ts";
import { replayTurn, type ReplayParts } from "./replay-turn.ts";
import type { ReplaySource } from "./source.ts";
import { TurnForm } from "./turn-form.ts";
import { TurnReader, type EarlierEvent, type TurnEvents } from "./turns.ts";
import type { Did, Difference } from "./verdict.ts";
import { viewAgain } from "./view-again.ts";

export interface ChainReplayParts extends Pick<ReplayParts, "executor" | "functions"> {
  source: ReplaySource;
  /** For a replay that begins in the middle. */
  earlier: EarlierEvent;
  /** What runs instead of what is on record. */
  override?: Override | undefined;
  /** Told of each turn that ended as it is on record, with what the guest did where it agreed. */
  onTurn?: ((turn: TurnEvents, did: Did | undefined) => void) | undefined;
}

/** Turns that a report names one by one; it counts all. */
const ERASED_LISTED_MAX = 1_000;

export class ChainReplay {
  readonly #parts: ChainReplayParts;
  readonly #turnParts: ReplayParts;
  readonly #reader: TurnReader;
  #form = new TurnForm(true);
  #aftermath: Aftermath;
  /** Undefined where what recorded it was erased. */
  #state: Uint8Array | null | undefined = null;
  /** What runs the next turn; undefined before the genesis. */
  #inForce: InForce | undefined;
  #place: Place = { seq: 0, stateSeq: null, componentSeq: 0 };
  readonly counts = { agreed: 0, cut: 0, erased: 0 };
  /** The first turns that could not be run, by number. */
  readonly erasedTurns: number[] = [];
  difference: Difference | undefined;
  #diverged: TurnEvents | undefined;

  constructor(parts: ChainReplayParts) {
    const { source, executor, functions } = parts;
    const { actor, read } = source;
    const chainAgain: ReplayParts["chainAgain"] = (recorded) => viewAgain(source, recorded);
    this.#turnParts = { actor, read, executor, functions, chainAgain };
    this.#parts = parts;
    this.#reader = new TurnReader(parts.earlier);
    this.#aftermath = new Aftermath(parts.earlier, true);
  }

  get place(): Place {
    return this.#place;
  }

  get turns(): number {
    return this.counts.agreed + this.counts.cut + this.counts.erased;
  }

  /** What ran last: by it a difference is to be read. */
  get inForce(): InForce {
    assert(this.#inForce !== undefined, "a chain begins with its genesis");
    return this.#inForce;
  }

  get description(): ComponentDescription {
    return this.inForce.description;
  }

  /** Begins at a place that another replay of this chain gave. */
  async begin({ seq, stateSeq, componentSeq }: Place): Promise<void> {
    // An upgrade keeps of what was before it what it does not name; all of that stands in the genesis.
    for (const each of new Set([0, componentSeq])) {
      await this.#noteComponent(await this.#earlier(each));
    }
    if (stateSeq !== null) await this.#noteState(await this.#parts.earlier(stateSeq));
    this.#place = { seq, stateSeq, componentSeq };
    this.#form = new TurnForm(false);
    this.#aftermath = new Aftermath(this.#parts.earlier, false);
  }

  /** Takes the next event, oldest first. False once the guest has done something else. */
  async next(event: RecordedEvent): Promise<boolean> {
    if (this.difference !== undefined) return false;
    const rule = this.#form.next(event) ?? (await this.#aftermath.next(event));
    if (rule !== undefined) {
      this.difference = brokenRule(event, rule);
      return false;
    }
    if (changesComponent(event)) await this.#noteComponent(event);
    if (event.type === "actor.migrated" && !(await this.#migratesAgain(event))) return false;
    if (event.turn === 0) await this.#noteState(event);
    const turn = await this.#reader.next(event);
    if (turn !== undefined) {
      const told = await replayTurn(this.#turnParts, this.inForce, turn, this.#state);
      if (told.verdict === "diverged") {
        this.difference = told.difference;
        this.#diverged = turn;
        return false;
      }
      this.counts[told.verdict]++;
      this.#aftermath.ended(turn, told.verdict === "agreed");
      this.#parts.onTurn?.(turn, told.verdict === "agreed" ? told.did : undefined);
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
    const told = await replayTurn(this.#turnParts, this.inForce, this.#diverged, this.#state);
    if (told.verdict !== "diverged" || this.difference === undefined) return false;
    return JSON.stringify(readable(told.difference)) === JSON.stringify(readable(this.difference));
  }

  /** Whether the component makes of the state before what is on record. */
  async #migratesAgain(event: RecordedEvent): Promise<boolean> {
    const { executor } = this.#parts;
    const difference = await migrationDifference(executor, this.inForce, event, this.#state);
    this.difference = difference;
    return difference === undefined;
  }

  async #noteComponent(event: RecordedEvent): Promise<void> {
    const { source, override } = this.#parts;
    const modules: ReplaySource["modules"] = (named) => source.modules(named);
    this.#inForce = await inForceFrom(event, this.#inForce, { modules, override });
    this.#place = { ...this.#place, componentSeq: event.seq };
  }

  async #earlier(seq: number): Promise<RecordedEvent> {
    const event = await this.#parts.earlier(seq);
    if (event !== undefined && changesComponent(event)) return event;
    const message = `Event ${seq} puts no component in force: begin without a cursor.`;
    throw new TheaterError("bad-request", message, { seq });
  }

  async #noteState(event: RecordedEvent | undefined): Promise<void> {
    const said = event === undefined ? "erased" : stateSaid(event);
    if (said === undefined) return; // as it was
    if (event === undefined || said === "erased") {
      this.#state = undefined;
      return;
    }
    const { state } = said;
    this.#state = state instanceof Link ? await this.#parts.source.read(state) : state;
    this.#place = { ...this.#place, stateSeq: event.seq };
  }
}

function brokenRule({ seq, turn, type, about, payload }: RecordedEvent, rule: string): Difference {
  const broken = { seq, turn, found: null, rule };
  if (payload === null || !isEventType(type)) return { ...broken, expected: null };
  const { salt: _, ...fields } = decodePayload(type, payload);
  return { ...broken, expected: { type, about, fields } };
}

function readable({ seq, expected, found }: Difference): Json {
  return [seq, expected && toJson(expected.fields), found && toJson(found.fields)];
}
