// What the events of turns look like in every chain that a runtime wrote, whatever its guest did: the order in which
// a turn's events follow each other, what they point back to, and which message has its turn next. Who rewrites a
// chain with all its hashes and breaks one of these rules is found at the event that does.

import { fieldsOf } from "./fields.ts";
import type { RecordedEvent } from "./recorded-turn.ts";
import { isEnd } from "./turns.ts";

interface Open {
  turn: number;
  /** Where the turn has it itself. */
  message: number | null;
  /** The effect whose outcome nobody knows yet. */
  intent: { seq: number; about: string } | null;
}

/** Messages that wait in memory: their turn brings them into the chain. */
const IN_TURN: ReadonlySet<string> = new Set([
  "request",
  "channel-open",
  "http",
  "http-middleware",
  "http-read",
  "http-stream",
  "websocket",
  "websocket-open",
]);
/** Those that were acknowledged, or are the actor's own: they are on disk before. */
const BEFORE_TURN: ReadonlySet<string> = new Set([
  "send",
  "channel",
  "channel-close",
  "websocket-close",
  "timer",
  "child-notice",
  "lifecycle",
]);
/** What a cut turn may end with while an effect of it is open. */
const CUTS: ReadonlySet<string> = new Set(["cut", "host", "lost"]);

export class TurnForm {
  #open: Open | undefined;
  /** Of the newest turn; undefined where the reading began behind it. */
  #last: number | undefined;
  /** Messages without a turn, oldest first: whether each is a first message. Those of a mailbox. */
  readonly #waiting = new Map<number, { isFirst: boolean }>();
  /** Whether `#waiting` has them all. */
  #isWhole: boolean;

  /** `isWhole`: the reading begins with the genesis. */
  constructor(isWhole: boolean) {
    this.#isWhole = isWhole;
    if (isWhole) this.#last = 0;
  }

  /** Takes the next event; the rule that it breaks, as a sentence. */
  next(event: RecordedEvent): string | undefined {
    const { type, turn, seq, about } = event;
    const isOfTurn = type.startsWith("host.") || isEnd(type);
    if (type === "message.received" && (turn === 0 ? IN_TURN : BEFORE_TURN).has(about)) {
      const place = turn === 0 ? "begins its turn" : "comes before its turn";
      return `A message of kind ${about} ${place}.`;
    }
    if (type === "message.received" && turn === 0) {
      this.#waiting.set(seq, { isFirst: about === "lifecycle" });
      return undefined;
    }
    if (!isOfTurn && type !== "message.received") {
      return turn === 0 ? undefined : `An event of type ${type} belongs to no turn.`;
    }
    if (turn === 0) return `An event of type ${type} belongs to a turn.`;
    const isFirst = this.#open === undefined;
    const open = (this.#open ??= { turn, message: null, intent: null });
    if (isFirst && this.#last !== undefined && turn !== this.#last + 1) {
      return `Turn ${turn} follows turn ${this.#last}.`;
    }
    if (open.turn !== turn) return `Turn ${turn} begins before turn ${open.turn} has ended.`;
    if (type === "message.received") {
      open.message = seq;
      return isFirst ? undefined : "A turn has one message, and it comes first.";
    }
    return isEnd(type) ? this.#end(open, event) : step(open, event);
  }

  #end(open: Open, event: RecordedEvent): string | undefined {
    const { type, payload, turn } = event;
    this.#open = undefined;
    this.#last = turn;
    if (payload === null || !isEnd(type)) {
      // Which message it was nobody says any more.
      if (open.message === null) this.#isWhole = false;
      return undefined;
    }
    const fields = fieldsOf(event, type);
    const isCut = type === "turn.failed" && CUTS.has((fields as { kind: string }).kind);
    if (open.intent !== null && !isCut) {
      return `The effect that event ${open.intent.seq} began has no outcome.`;
    }
    const { message } = fields;
    if (open.message !== null) {
      return open.message === message
        ? undefined
        : "The turn ends with another message than its own.";
    }
    return this.#took(message);
  }

  #took(message: number): string | undefined {
    const waiting = this.#waiting.get(message);
    this.#waiting.delete(message);
    if (!this.#isWhole) return undefined;
    if (waiting === undefined) return `Event ${message} is no message that waits for its turn.`;
    if (waiting.isFirst) return undefined;
    for (const [earlier, { isFirst }] of this.#waiting) {
      if (earlier > message) break;
      if (!isFirst) return `The message at ${earlier} came before the one at ${message}.`;
    }
    return undefined;
  }
}

/** A host call within its turn. */
function step(open: Open, event: RecordedEvent): string | undefined {
  const { type, seq, about, payload } = event;
  if (type !== "host.returned") {
    if (open.intent !== null) {
      return `The effect that event ${open.intent.seq} began has no outcome.`;
    }
    if (type === "host.intended") open.intent = { seq, about };
    return undefined;
  }
  const { intent } = open;
  open.intent = null;
  if (intent === null) return "It is the outcome of no effect of its turn.";
  if (intent.about !== about) return `Event ${intent.seq} began another effect.`;
  const named = payload === null ? intent.seq : fieldsOf(event, type).intent;
  return named === intent.seq ? undefined : `The effect before it began at event ${intent.seq}.`;
}
