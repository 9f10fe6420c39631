// Replays a chain as its events come in: each turn runs again from the recorded state before it. Where all
// turns agree, the whole history does, because each begins where the one before ended. For the same reason
// turns need not wait for one another: many are run together.

import { isEventType } from "../chain/event-types.ts";
import { toJson, type Json } from "../chain/ndjson.ts";
import { decodePayload } from "../chain/payload.ts";
import { stateSaid } from "../chain/recorded-state.ts";
import { Link } from "../chain/value.ts";
import type { Executor } from "../executor/executor.ts";
import { assert, TheaterError } from "../lib/errors.ts";
import { Aftermath } from "./aftermath.ts";
import { Batch } from "./batch.ts";
import { changesComponent, inForceFrom, type InForce, type Override } from "./in-force.ts";
import { migrationDifference } from "./migration-check.ts";
import type { Reached } from "./place.ts";
import type { RecordedEvent } from "./recorded-turn.ts";
import { isCut, readyTurn, type ReadyTurn, type ReplayParts } from "./replay-turn.ts";
import { revertRule } from "./revert-check.ts";
import type { ReplaySource } from "./source.ts";
import { TurnForm } from "./turn-form.ts";
import { TurnReader, type EarlierEvent, type TurnEvents } from "./turns.ts";
import type { Did, Difference } from "./verdict.ts";
import { viewAgain } from "./view-again.ts";

export interface ChainReplayParts extends Pick<ReplayParts, "functions"> {
  executor: Executor;
  source: ReplaySource;
  /** For a replay that begins in the middle. */
  earlier: EarlierEvent;
  /** What runs instead of what is on record. */
  override?: Override | undefined;
  /** Told of each turn that ended as it is on record, with what the guest did where it agreed. */
  onTurn?: ((turn: TurnEvents, did: Did | undefined) => void) | undefined;
}

const BEGINNING: Reached = { seq: 0, stateSeq: null, componentSeq: 0, parent: null };

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
  readonly #batch: Batch;
  /** The newest place between two turns, and the newest behind turns that were run. */
  #between: Reached = BEGINNING;
  #place: Reached = BEGINNING;
  readonly counts = { agreed: 0, cut: 0, erased: 0, foreign: 0 };
  /** The first turns that could not be run, by number. */
  readonly erasedTurns: number[] = [];
  difference: Difference | undefined;
  #diverged: ReadyTurn | undefined;

  constructor(parts: ChainReplayParts) {
    const { source, executor, functions } = parts;
    const chainAgain: ReplayParts["chainAgain"] = (recorded) => viewAgain(source, recorded);
    this.#turnParts = { read: source.read, functions, chainAgain };
    this.#batch = new Batch({ executor, functions, actor: source.actor });
    this.#parts = parts;
    this.#reader = new TurnReader(parts.earlier);
    this.#aftermath = new Aftermath(parts.earlier, true);
  }

  /** Behind the last turn that was run and did not diverge. */
  get place(): Reached {
    return this.#place;
  }

  /** The first event behind the last that ended a turn or stands outside of turns. */
  get between(): number {
    return this.#between.seq;
  }

  /** What ran the turn that diverged, or else the newest one. */
  get inForce(): InForce | undefined {
    return this.#diverged?.inForce ?? this.#inForce;
  }

  /** The last event that had to be read to find the difference. */
  get divergedAt(): number | undefined {
    return this.#diverged?.events.end.seq ?? this.difference?.seq;
  }

  /** Begins at a place that another replay of this chain gave. */
  async begin({ seq, stateSeq, componentSeq, parent }: Reached): Promise<void> {
    // An upgrade keeps of what was before it what it does not name; all of that stands in the genesis.
    for (const each of new Set([0, componentSeq])) {
      await this.#noteComponent(await this.#earlier(each));
    }
    if (stateSeq !== null) await this.#noteState(await this.#parts.earlier(stateSeq));
    this.#between = this.#place = { seq, stateSeq, componentSeq, parent };
    this.#form = new TurnForm(false);
    this.#aftermath = new Aftermath(this.#parts.earlier, false);
  }

  /** Takes the next event, oldest first, with its CID. False once the guest has done something else. */
  async next(event: RecordedEvent, cid: string | Link): Promise<boolean> {
    if (this.difference !== undefined) return false;
    const rule =
      this.#form.next(event) ?? (await this.#aftermath.next(event)) ?? (await this.#revert(event));
    if (rule !== undefined) {
      // A turn before it counts first.
      if (await this.finish()) this.difference = brokenRule(event, rule);
      return false;
    }
    if (changesComponent(event)) {
      if (!(await this.finish())) return false;
      await this.#noteComponent(event);
    }
    if (event.type === "actor.migrated" && !(await this.#migratesAgain(event))) return false;
    if (event.turn === 0) await this.#noteState(event);
    const events = await this.#reader.next(event);
    if (events !== undefined) {
      const ready = await readyTurn(this.#turnParts, this.#known(), events, this.#state);
      this.#batch.add({ events, before: this.#between, ready });
      // It counts as run before it is: should it diverge, nothing behind it counts at all.
      this.#aftermath.ended(events, typeof ready !== "string" && !isCut(events));
      if (event.type === "turn.committed") await this.#noteState(event);
    }
    // Between turns nothing is pending but messages, and those are found again by their seq.
    const isBetween = events !== undefined || event.turn === 0;
    if (isBetween && !this.#reader.isOpen) {
      this.#between = { ...this.#between, seq: event.seq + 1, parent: cid };
    }
    return this.#batch.isFull ? await this.finish() : true;
  }

  async #revert(event: RecordedEvent): Promise<string | undefined> {
    return event.type === "actor.reverted" ? await revertRule(event, this.#parts) : undefined;
  }

  /** Runs the turns that wait to be run. False where one of them diverged. */
  async finish(): Promise<boolean> {
    if (this.difference !== undefined) return false; // the place stays before the turn that diverged
    for await (const { events, before, ready, told } of this.#batch.run()) {
      if (told.verdict === "diverged") {
        this.difference = told.difference;
        this.#place = before;
        if (typeof ready !== "string") this.#diverged = ready;
        return false;
      }
      this.counts[told.verdict]++;
      this.#parts.onTurn?.(events, told.verdict === "agreed" ? told.did : undefined);
      const isListed = this.erasedTurns.length < ERASED_LISTED_MAX;
      if (told.verdict === "erased" && isListed) this.erasedTurns.push(events.turn);
    }
    this.#place = this.#between;
    return this.difference === undefined;
  }

  /** Runs the turn that diverged once more: whether its guest does the same again. */
  async divergesAgain(): Promise<boolean> {
    if (this.#diverged === undefined) return false;
    const told = await this.#batch.again(this.#diverged);
    if (told.verdict !== "diverged" || this.difference === undefined) return false;
    return JSON.stringify(readable(told.difference)) === JSON.stringify(readable(this.difference));
  }

  /** Whether the component makes of the state before what is on record. */
  async #migratesAgain(event: RecordedEvent): Promise<boolean> {
    if (!(await this.finish())) return false;
    const { executor } = this.#parts;
    const difference = await migrationDifference(executor, this.#known(), event, this.#state);
    this.difference = difference;
    return difference === undefined;
  }

  async #noteComponent(event: RecordedEvent): Promise<void> {
    const { source, override } = this.#parts;
    const modules: ReplaySource["modules"] = (named) => source.modules(named);
    this.#inForce = await inForceFrom(event, this.#inForce, { modules, override });
    this.#between = { ...this.#between, componentSeq: event.seq };
  }

  #known(): InForce {
    assert(this.#inForce !== undefined, "a chain begins with its genesis");
    return this.#inForce;
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
    this.#between = { ...this.#between, stateSeq: event.seq };
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
