// The door between one turn's guest and the host. It answers host calls, journals the ones that act, and
// shuts for good when the turn ends: a call that comes later is refused before it can do anything.

import { RpcTarget } from "cloudflare:workers";
import type { Value } from "../../chain/value.ts";
import type { HostAnswer, HostCall, TurnAbort, TurnHost } from "../../executor/executor.ts";
import { err, ok, type HandlerAnswer } from "../../handlers/handler.ts";
import { ensureTheaterError, TheaterError } from "../../lib/errors.ts";
import type { Message, PendingSend, TurnParts } from "./turn-parts.ts";

/** Sends of one turn: they are committed in one transaction. */
const SENDS_MAX = 1_000;

/** All that the guest's isolate can reach: one method, because every public method of a target is exposed. */
class DoorStub extends RpcTarget implements TurnHost {
  readonly #door: TurnDoor;

  constructor(door: TurnDoor) {
    super();
    this.#door = door;
  }

  call(about: string, args: readonly Value[], answered: readonly HostCall[]): Promise<HostAnswer> {
    return this.#door.call(about, args, answered);
  }
}

export class TurnDoor {
  readonly #parts: TurnParts;
  readonly #message: Message;
  readonly #turn: number;
  #open = true;
  #busy = false;
  #calls = 0;
  #messageSeq: number | null;
  /** Answered calls that are not in the journal yet. */
  #buffer: HostCall[] = [];
  #sends: PendingSend[] = [];
  /** The argument of `runtime.shutdown`, an option; undefined while the guest has not called it. */
  #shutdown: Value | undefined;

  constructor(parts: TurnParts, message: Message, turn: number) {
    this.#parts = parts;
    this.#message = message;
    this.#messageSeq = message.seq;
    this.#turn = turn;
  }

  get turn(): number {
    return this.#turn;
  }

  get shutdown(): Value | undefined {
    return this.#shutdown;
  }

  get sends(): readonly PendingSend[] {
    return this.#sends;
  }

  close(): void {
    this.#open = false;
  }

  stub(): TurnHost {
    return new DoorStub(this);
  }

  /** Adds calls that the isolate answered, and hands over all that are not in the journal yet. */
  takeBuffer(answered: readonly HostCall[]): HostCall[] {
    this.#keep(answered);
    const taken = this.#buffer;
    this.#buffer = [];
    return taken;
  }

  /** The isolate runs code made from untrusted bytes: what it claims to have answered is checked. */
  #keep(answered: readonly HostCall[]): void {
    const { isPure } = this.#parts.registry;
    for (const call of answered) {
      if (isPure(call.about) && Array.isArray(call.args) && Object.hasOwn(OUTCOMES, call.outcome)) {
        this.#buffer.push(call);
        if (call.about === SHUTDOWN) this.#shutdown = call.args[0] ?? null;
      } else {
        throw new TheaterError("host-failure", "the isolate claims a call that it cannot answer");
      }
    }
  }

  /** The guest's side calls this over RPC, one call at a time: a guest has one thread. */
  async call(
    about: string,
    args: readonly Value[],
    answered: readonly HostCall[],
  ): Promise<HostAnswer> {
    if (!this.#open) return OVER;
    if (this.#busy) return { abort: broken("two host calls at once") };
    this.#busy = true;
    try {
      this.#keep(answered);
      return await this.#answer(about, args);
    } catch (thrown) {
      const error = ensureTheaterError(thrown);
      return { abort: broken(`${about}: ${error.message}`) };
    } finally {
      this.#busy = false;
    }
  }

  async #answer(about: string, args: readonly Value[]): Promise<HostAnswer> {
    const found = this.#parts.registry.findHostFunction(about);
    if (found === undefined || !Object.hasOwn(this.#parts.grants, found.handler)) {
      return { abort: broken(`${about} is not granted`) };
    }
    const { handler, fn } = found;
    const context = {
      actor: this.#parts.journal.actor,
      callId: `${this.#parts.journal.actor}/${this.#turn}/${++this.#calls}`,
      grant: this.#parts.grants[handler] ?? null,
      services: this.#parts.services(this, this.#message.waiting),
    };
    if (fn.effect === "local") {
      const { outcome, result, recorded } = await fn.call(context, args);
      this.#buffer.push({ about, args, outcome, result: recorded ?? result });
      return { outcome, result };
    }
    return await this.#act(about, args, context.callId, () => fn.call(context, args));
  }

  /** An effect outside the actor: intent on disk, then the effect, then its outcome on disk. */
  async #act(
    about: string,
    args: readonly Value[],
    key: string,
    effect: () => Promise<HandlerAnswer>,
  ): Promise<HostAnswer> {
    const { journal, cell, content } = this.#parts;
    const named = [args, this.#buffer, this.#message.params] as unknown as Value;
    const acted = await content.keep(named, async () => {
      if (!this.#open) return undefined; // the store took its time: nothing may be flushed behind the end
      const intent = this.flush(this.#buffer, (message) => {
        cell.set("openTurn", { turn: this.#turn, message, key: this.#message.key });
        const fields = { args, key };
        return journal.append({ type: "host.intended", about, turn: this.#turn, fields }).seq;
      });
      this.#buffer = [];
      return { intent, answer: await effect() }; // in the step of the flush: the intent is the head
    });
    if (acted === undefined) return OVER;
    const { intent, answer } = acted;
    const { outcome, result } = answer;
    const recorded = answer.recorded ?? result;
    return await content.keep(recorded, () => {
      if (!this.#open) return OVER;
      // Time moves with what the guest learns from outside, and only then.
      const time = Math.max(journal.frozenMs ?? 0, Date.now());
      journal.frozenMs = time;
      journal.transaction(() => {
        const fields = { intent, outcome, result: recorded };
        journal.append({ type: "host.returned", about, turn: this.#turn, fields });
      });
      return { outcome, result, time };
    });
  }

  /**
   * One transaction: first what the turn has not flushed yet (its message, then `calls`), then `write`,
   * which is told the seq of the message.
   */
  flush<T>(calls: readonly HostCall[], write: (message: number) => T): T {
    const { journal } = this.#parts;
    const before = this.#messageSeq;
    try {
      return journal.transaction(() => {
        const message = (this.#messageSeq ??= this.#appendMessage());
        for (const { about, args, outcome, result } of calls) {
          journal.append({
            type: "host.called",
            about,
            turn: this.#turn,
            fields: { args, outcome, result },
          });
        }
        return write(message);
      });
    } catch (thrown) {
      this.#messageSeq = before;
      throw thrown;
    }
  }

  #appendMessage(): number {
    const { id, kind, from, cause, params, seed } = this.#message;
    const fields = { id, kind, from, cause, params, seed };
    return this.#parts.journal.append({
      type: "message.received",
      about: kind,
      turn: this.#turn,
      fields,
    }).seq;
  }

  /** Buffers a send; it leaves with the commit. */
  addSend(send: PendingSend): HandlerAnswer {
    const { messageBytes } = this.#parts.limits;
    if (send.body.length > messageBytes) {
      return err(`the message has ${send.body.length} bytes; the limit is ${messageBytes}`);
    }
    if (this.#sends.length >= SENDS_MAX) {
      return err(`a turn may send at most ${SENDS_MAX} messages`);
    }
    this.#sends.push(send);
    return ok(null);
  }
}

/** What a call is told that comes after the end of its turn. */
const OVER: HostAnswer = {
  abort: { kind: "cut", code: "turn-over", message: "the turn has ended" },
};

const SHUTDOWN = "theater:simple/runtime#shutdown";

const OUTCOMES = { returned: true, denied: true, failed: true };

function broken(message: string): TurnAbort {
  return { kind: "host", code: "host-call", message };
}
