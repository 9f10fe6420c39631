// What one turn did, as its chain says it: the host calls in the order in which the guest saw them.

import type { Payloads } from "../chain/event-types.ts";
import type { Value } from "../chain/value.ts";
import { TheaterError } from "../lib/errors.ts";
import { fieldsOf } from "./fields.ts";

/** An event as every reader of a chain has it; `payload` is null where it was erased. */
export interface RecordedEvent {
  seq: number;
  turn: number;
  type: string;
  about: string;
  /** ms since the epoch. */
  time: number;
  payload: Uint8Array | null;
}

/** Values are as in the payload: long texts and byte strings are links. */
export interface RecordedCall {
  /** Of the `host.called` or the `host.intended`. */
  readonly seq: number;
  readonly about: string;
  readonly args: readonly Value[];
  /** The id under which the effect goes out; null for a call without one. */
  readonly key: string | null;
  /** Null: intended, and nothing more is known. Only the last call can be so. */
  readonly answer: RecordedAnswer | null;
}

interface RecordedAnswer {
  outcome: Payloads["host.called"]["outcome"];
  result: Value;
  /** The turn's clock after an effect, ms; null where the call did not move it. */
  time: number | null;
}

export interface RecordedCalls {
  /** The clock at the first recorded event of the turn: where the turn began. */
  time: number;
  calls: readonly RecordedCall[];
}

/**
 * The host calls among the events of one turn, in order of seq. Throws `wrong-state` where a payload was
 * erased: what is not known cannot be given again.
 */
export function recordedCalls(events: readonly RecordedEvent[]): RecordedCalls {
  const calls: RecordedCall[] = [];
  for (const event of events) {
    const { seq, about, time } = event;
    switch (event.type) {
      case "host.called": {
        const { args, outcome, result } = fieldsOf(event, "host.called");
        calls.push({ seq, about, args, key: null, answer: { outcome, result, time: null } });
        break;
      }
      case "host.intended": {
        const { args, key } = fieldsOf(event, "host.intended");
        calls.push({ seq, about, args, key, answer: null });
        break;
      }
      case "host.returned": {
        const { intent, outcome, result } = fieldsOf(event, "host.returned");
        const call = calls.at(-1); // a guest has one thread: nothing comes in between
        if (call?.seq !== intent) throw misplaced(seq);
        calls.splice(-1, 1, { ...call, answer: { outcome, result, time } });
        break;
      }
    }
  }
  return { time: events[0]?.time ?? 0, calls };
}

function misplaced(seq: number): TheaterError {
  const message = `Event ${seq} answers no call of its turn: verify the chain.`;
  return new TheaterError("chain-broken", message, { seq });
}
