// The turns of a chain, put together from its events as they are read. Only turns that have ended come
// out; what is kept meanwhile are the messages that wait for theirs, as many as a mailbox holds.

import { TheaterError } from "../lib/errors.ts";
import { fieldsOf } from "./fields.ts";
import type { RecordedEvent } from "./recorded-turn.ts";

/** The events of one turn, oldest first. */
export interface TurnEvents {
  turn: number;
  /** Undefined where neither the reader nor the chain says which it was: its end was erased. */
  message: RecordedEvent | undefined;
  /** The turn's own, without message and end. */
  calls: readonly RecordedEvent[];
  end: RecordedEvent;
}

/** Gives an event that came before the first one that was read. */
export type EarlierEvent = (seq: number) => Promise<RecordedEvent | undefined>;

export class TurnReader {
  readonly #earlier: EarlierEvent;
  /** Messages that were appended ahead of their turns, by seq. */
  readonly #waiting = new Map<number, RecordedEvent>();
  #open: RecordedEvent[] = [];

  constructor(earlier: EarlierEvent) {
    this.#earlier = earlier;
  }

  /** Whether a turn has begun and not ended. */
  get isOpen(): boolean {
    return this.#open.length > 0;
  }

  /** Takes the next event; gives the turn that it ends. */
  async next(event: RecordedEvent): Promise<TurnEvents | undefined> {
    if (event.type === "message.received" && event.turn === 0) this.#waiting.set(event.seq, event);
    if (event.turn === 0) return undefined;
    if (!isEnd(event.type)) {
      this.#open.push(event);
      return undefined;
    }
    const own = this.#open;
    this.#open = [];
    const calls = own.filter(({ type }) => type !== "message.received");
    const message = own.find(({ type }) => type === "message.received");
    return {
      turn: event.turn,
      message: message ?? (await this.#messageOf(event)),
      calls,
      end: event,
    };
  }

  async #messageOf(end: RecordedEvent): Promise<RecordedEvent | undefined> {
    const seq = messageSeq(end);
    if (seq === undefined) return undefined;
    const waiting = this.#waiting.get(seq);
    this.#waiting.delete(seq);
    const message = waiting ?? (await this.#earlier(seq));
    if (message?.type === "message.received") return message;
    const problem = `Event ${end.seq} ends the turn of a message that is not at ${seq}: verify the chain.`;
    throw new TheaterError("chain-broken", problem, { seq: end.seq });
  }
}

export type EndType = "turn.committed" | "turn.refused" | "turn.failed";

export function isEnd(type: string): type is EndType {
  return type === "turn.committed" || type === "turn.refused" || type === "turn.failed";
}

function messageSeq(event: RecordedEvent): number | undefined {
  const { type } = event;
  return event.payload === null || !isEnd(type) ? undefined : fieldsOf(event, type).message;
}
