// What follows from a turn by the runtime's own rules, in the same transaction: requests that it answered or gave up
// are settled, in its order, and an actor that shut itself down is stopped. The guest's calls say what must stand
// there, so what stands there is held against them.

import { decodePayload } from "../chain/payload.ts";
import type { Value } from "../chain/value.ts";
import { recordedCalls, type RecordedEvent } from "./recorded-turn.ts";
import { isSame } from "./transcript.ts";
import type { EarlierEvent, TurnEvents } from "./turns.ts";

const HOST = "theater:simple/message-server-host";
const RESPOND = `${HOST}#respond-to-request`;
const CANCEL = `${HOST}#cancel-request`;
const SHUTDOWN = "theater:simple/runtime#shutdown";
/** The reason of an `actor.stopped` that the guest asked for. */
const BY_GUEST = "shutdown";

interface Settling {
  /** As the guest knows it. */
  id: string;
  /** Null: it was given up. */
  reply: readonly Value[] | null;
}

export class Aftermath {
  readonly #earlier: EarlierEvent;
  #turn = 0;
  #settling: Settling[] = [];
  /** What the guest said as it shut down, an option; undefined where it did not. */
  #stop: Value | undefined;
  /** Whether the turn before is known. */
  #isKnown: boolean;

  /** `isWhole`: the reading begins with the genesis. */
  constructor(earlier: EarlierEvent, isWhole: boolean) {
    this.#earlier = earlier;
    this.#isKnown = isWhole;
  }

  /** What the turn leaves: one that agreed with its record, or one that nobody ran. */
  ended({ calls, end, turn }: TurnEvents, wasRun: boolean): void {
    this.#isKnown = wasRun;
    this.#turn = turn;
    this.#settling = [];
    this.#stop = undefined;
    if (!wasRun || end.type !== "turn.committed") return;
    for (const { about, args, answer } of recordedCalls(calls).calls) {
      if (about === SHUTDOWN) this.#stop = args[0] ?? null;
      if (about !== RESPOND && about !== CANCEL) continue;
      const [id, reply] = args;
      const isDone = answer?.outcome === "returned" && "ok" in Object(answer.result);
      if (!isDone || typeof id !== "string") continue;
      this.#settling.push({ id, reply: about === CANCEL ? null : [reply ?? null] });
    }
  }

  /** Takes the next event; the rule that it breaks, as a sentence. */
  async next(event: RecordedEvent): Promise<string | undefined> {
    if (!this.#isKnown) return undefined;
    const [settling] = this.#settling;
    if (settling !== undefined) {
      this.#settling.shift();
      return await this.#settles(event, settling);
    }
    if (event.payload === null) {
      this.#isKnown = event.type !== "actor.stopped" && event.type !== "request.settled";
      return undefined;
    }
    if (this.#stop !== undefined && event.type !== "channel.closed") {
      const data = this.#stop;
      this.#stop = undefined;
      return isShutdown(event, data) ? undefined : "The turn before it shut the actor down.";
    }
    if (event.type === "actor.stopped") {
      const { reason } = decodePayload("actor.stopped", event.payload);
      if (reason === BY_GUEST) return "No turn before it shut the actor down.";
    }
    if (event.type === "request.settled") {
      const { turn } = decodePayload("request.settled", event.payload);
      if (turn !== 0) return `Turn ${turn} settled nothing here.`;
    }
    return undefined;
  }

  async #settles(event: RecordedEvent, { id, reply }: Settling): Promise<string | undefined> {
    const rule = `Turn ${this.#turn} settled a request, and this is not how.`;
    if (event.type !== "request.settled") return rule;
    if (event.payload === null) return undefined;
    const { message, turn, outcome, ...settled } = decodePayload("request.settled", event.payload);
    const isSo =
      turn === this.#turn &&
      outcome === (reply === null ? "cancelled" : "answered") &&
      isSame(settled.reply as Value, reply as Value);
    if (!isSo) return rule;
    const request = await this.#earlier(message);
    if (request?.payload == null) return request === undefined ? rule : undefined;
    if (request.type !== "message.received") return rule;
    return decodePayload("message.received", request.payload).id === id ? undefined : rule;
  }
}

function isShutdown({ type, payload }: RecordedEvent, data: Value): boolean {
  if (type !== "actor.stopped" || payload === null) return false;
  const { reason, data: said } = decodePayload("actor.stopped", payload);
  return reason === BY_GUEST && isSame(said, [data]);
}
