// The door between one turn's guest and the host. It answers host calls, journals the ones that act, and
// shuts for good when the turn ends: a call that comes later is refused before it can do anything.

import { RpcTarget } from "cloudflare:workers";
import type { Value } from "../../chain/value.ts";
import type {
  HostAnswer,
  HostCall,
  TurnAbort,
  TurnHost,
  TurnOutcome,
} from "../../executor/executor.ts";
import { withoutLinks } from "../../executor/wit-links.ts";
import type { WitType } from "../../executor/wit-type.ts";
import {
  effectOf,
  err,
  failed,
  isOk,
  ok,
  type CallContext,
  type HandlerAnswer,
} from "../../handlers/handler.ts";
import type { FoundFunction } from "../../handlers/registry.ts";
import type { Sent } from "../../handlers/sent.ts";
import { assert, ensureTheaterError, TheaterError } from "../../lib/errors.ts";
import type { RecordedCall } from "../../replay/recorded-turn.ts";
import { Divergence, Transcript } from "../../replay/transcript.ts";
import type { TurnMail } from "../mail/turn-mail.ts";
import { INIT, isReadOnly } from "../../handlers/exports.ts";
import type { Site, SiteTable } from "../../handlers/http-site.ts";
import { FileDraft } from "../files/file-draft.ts";
import type { Change } from "../files/file-tree.ts";
import { PendingTimers } from "../timers/pending-timers.ts";
import type { StreamVisitor } from "../web/stream-visitor.ts";
import { TurnPages } from "./turn-pages.ts";
import type {
  Intent,
  Interrupted,
  Message,
  PendingSend,
  TurnActs,
  TurnParts,
} from "./turn-parts.ts";

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

export class TurnDoor implements TurnActs {
  readonly #parts: TurnParts;
  readonly #message: Message;
  readonly #turn: number;
  #open = true;
  /** Made for the first call that asks for it. */
  #over: AbortController | undefined;
  #busy = false;
  #calls = 0;
  readonly #pages: TurnPages;
  #sends: PendingSend[] = [];
  #files: FileDraft | undefined;
  #site: Site | undefined;
  readonly timers = new PendingTimers();
  /** When the turn will be cut, ms since the epoch: at its own limit, or when its caller stops waiting. */
  readonly endsMs: number;
  /** The argument of `runtime.shutdown`, an option; undefined while the guest has not called it. */
  #shutdown: Value | undefined;

  /** The intent of the effect that is under way. */
  #intent: Intent | undefined;
  /** What the turn did before it was interrupted: done again, it is answered from here. */
  readonly #transcript: Transcript;
  readonly #resumed: number;
  #divergence: Divergence | undefined;
  #unwritten: TheaterError | undefined;

  constructor(parts: TurnParts, message: Message, turn: number, interrupted?: Interrupted) {
    this.#parts = parts;
    this.#message = message;
    this.#pages = new TurnPages(parts.journal, message, turn);
    this.#turn = turn;
    this.#transcript = new Transcript(interrupted?.calls ?? []);
    this.#resumed = interrupted?.resumed ?? 0;
    this.endsMs = Math.min(Date.now() + parts.limits.turnMs, message.deadlineMs ?? Infinity);
  }

  get isOpen(): boolean {
    return this.#open;
  }

  get mail(): TurnMail {
    return this.#parts.mail;
  }

  get turn(): number {
    return this.#turn;
  }

  /** Whether the guest has asked for more than the isolate answers. */
  get wasCalled(): boolean {
    return this.#calls > 0;
  }

  get shutdown(): Value | undefined {
    return this.#shutdown;
  }

  get sends(): readonly PendingSend[] {
    return this.#sends;
  }

  /** The actor's files as this turn sees them. */
  get files(): FileDraft {
    return (this.#files ??= new FileDraft(this.#parts.files));
  }

  get fileChanges(): ReadonlyMap<string, Change> {
    return this.#files?.changes ?? new Map<string, Change>();
  }

  /** What the actor serves over HTTP. With init it begins anew, and makes its routes once more. */
  get site(): Site {
    return (this.#site ??= this.#parts.site.draft(this.#message.about === INIT));
  }

  get siteChange(): SiteTable | null {
    const isNew =
      this.#message.about === INIT && Object.hasOwn(this.#parts.grants, "http-framework");
    return this.#site ?? (isNew ? this.site : null);
  }

  get visitor(): StreamVisitor | undefined {
    return this.#message.visitor;
  }

  /** The effect that is under way: what it causes elsewhere names this event. */
  get intent(): Intent {
    assert(this.#intent !== undefined, "an effect has an intent");
    return this.#intent;
  }

  close(): void {
    this.#open = false;
    this.#over?.abort();
  }

  /** Throws where an effect happened and storage did not take its outcome: then nothing may be closed. */
  checkWritten(): void {
    if (this.#unwritten !== undefined) throw this.#unwritten;
  }

  /** Where a turn that ran again did not do again what is on record; undefined where it did. */
  divergenceAt({ kind, ...how }: TurnOutcome): Divergence | undefined {
    // Whatever cut it off came from outside and says nothing about the guest.
    const isCut = kind === "failed" && "failure" in how && ["cut", "host"].includes(how.failure);
    if (!isCut) this.#compare(() => this.#transcript.finish());
    return this.#divergence;
  }

  /** The first divergence ends the turn: what a guest does that is not itself any more counts for nothing. */
  #compare<T>(look: () => T): T | undefined {
    try {
      return look();
    } catch (thrown) {
      if (!(thrown instanceof Divergence)) throw thrown;
      this.#divergence ??= thrown;
      return undefined;
    }
  }

  stub(): TurnHost {
    return new DoorStub(this);
  }

  /** Adds calls that the isolate answered, and gives all that are not in the journal yet. */
  unwritten(answered: readonly HostCall[]): readonly HostCall[] {
    this.#keep(answered);
    return this.#pages.unwritten;
  }

  /** The isolate runs code made from untrusted bytes: what it claims to have answered is checked. */
  #keep(answered: readonly HostCall[]): void {
    for (const call of answered) {
      const handler = this.#parts.registry.pureHandler(call.about);
      const isGranted = handler !== undefined && Object.hasOwn(this.#parts.grants, handler);
      if (isGranted && Array.isArray(call.args) && Object.hasOwn(OUTCOMES, call.outcome)) {
        const isKnown = this.#compare(() => this.#transcript.takeAnswered(call));
        if (isKnown !== true) this.#pages.add(call);
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
    // An honest isolate has refused it already.
    if (isReadOnly(this.#message.kind)) return { abort: readOnly(about) };
    const { handler, fn } = found;
    const context = {
      actor: this.#parts.journal.actor,
      callId: `${this.#parts.journal.actor}/${this.#turn}/${++this.#calls}`,
      grant: this.#parts.grants[handler] ?? null,
      services: this.#parts.services(this, this.#message.waiting),
      turnOver: () => (this.#over ??= new AbortController()).signal,
    };
    const recorded = this.#compare(() => this.#transcript.take({ about, args }));
    if (this.#divergence !== undefined) return { abort: broken(this.#divergence.message) };
    if (recorded !== undefined) return await this.#answerAgain(recorded, found, context);
    if (effectOf(fn, context.grant, args) === "local") {
      const { outcome, result, recorded } = await fn.call(context, args);
      this.#pages.add({ about, args, outcome, result: recorded ?? result });
      return { outcome, result };
    }
    return await this.#act(about, args, context.callId, () => fn.call(context, args));
  }

  /** A call that the chain has: its recorded answer, or what became of an effect that nobody heard of. */
  async #answerAgain(
    { seq, about, args, answer }: RecordedCall,
    { fn, signature }: FoundFunction,
    context: CallContext,
  ): Promise<HostAnswer> {
    const { journal, content } = this.#parts;
    const whole = async (value: Value, type: WitType | null | undefined): Promise<Value> =>
      await withoutLinks(type, value, (link) => content.get(link));
    const params: WitType = { tuple: signature.params.map(([, type]) => type) };
    const given = (await whole(args, params)) as readonly Value[];
    if (answer === null) {
      const [intent] = journal.entries(seq, 1);
      assert(intent !== undefined, "the intent of an open turn is not sealed");
      this.#intent = { seq, event: intent.cid };
      // Cut off in between, nobody knows whether it happened: the effect's class says what may be done.
      const isUnsafe = effectOf(fn, context.grant, given) === "unsafe";
      const effect = isUnsafe ? UNKNOWN : () => fn.call(context, given);
      return await this.#conclude(seq, about, await effect());
    }
    const { outcome, time } = answer;
    if (time !== null) journal.frozenMs = time;
    const result = await whole(answer.result, signature.result);
    const recorded = { outcome, result };
    const sent = isOk(recorded) ? fn.sends?.(given) : undefined;
    if (sent !== undefined) this.#sendAgain(sent);
    await fn.again?.(context, given, recorded);
    const recalled = (await fn.recall?.(context.services.chainAgain, result)) ?? result;
    return { outcome, result: recalled, ...(time === null ? {} : { time }) };
  }

  #sendAgain(sent: Sent): void {
    if ("to" in sent) this.addSend(sent);
    else this.mail.channels.sendAgain(this, sent.channel, sent);
  }

  /** An effect outside the actor: intent on disk, then the effect, then its outcome on disk. */
  async #act(
    about: string,
    args: readonly Value[],
    key: string,
    effect: () => Promise<HandlerAnswer>,
  ): Promise<HostAnswer> {
    const { journal, cell, content } = this.#parts;
    const calls = this.#pages.unwritten;
    const named = [args, calls, this.#message.params] as unknown as Value;
    const acted = await content.keep(named, async () => {
      if (!this.#open) return undefined; // the store took its time: nothing may be flushed behind the end
      const intent = this.flush(calls, (message) => {
        const { key: messageKey, waiting, deadlineMs } = this.#message;
        const late = deadlineMs === undefined ? {} : { deadlineMs };
        const open = { turn: this.#turn, message, key: messageKey, waiting, ...late };
        cell.set("openTurn", { ...open, resumed: this.#resumed });
        const fields = { args, key };
        return journal.append({ type: "host.intended", about, turn: this.#turn, fields });
      });
      this.#intent = { seq: intent.seq, event: intent.digest };
      return { intent: intent.seq, answer: await effect() };
    });
    if (acted === undefined) return OVER;
    return await this.#conclude(acted.intent, about, acted.answer);
  }

  /** The outcome of an effect, on disk before the guest gets it. */
  async #conclude(intent: number, about: string, answer: HandlerAnswer): Promise<HostAnswer> {
    const { journal, content } = this.#parts;
    const { outcome, result } = answer;
    const recorded = answer.recorded ?? result;
    return await content.keep(recorded, () => {
      if (!this.#open) return OVER;
      // Time moves with what the guest learns from outside, and only then.
      const time = Math.max(journal.frozenMs ?? 0, Date.now());
      journal.frozenMs = time;
      try {
        journal.transaction(() => {
          const fields = { intent, outcome, result: recorded };
          journal.append({ type: "host.returned", about, turn: this.#turn, fields });
        });
      } catch (thrown) {
        this.#unwritten ??= ensureTheaterError(thrown);
        throw thrown;
      }
      return { outcome, result, time };
    });
  }

  /** See TurnPages. */
  write<T>(calls: readonly HostCall[], write: (message: number) => T): T {
    return this.#pages.write(calls, write);
  }

  flush<T>(calls: readonly HostCall[], write: (message: number) => T): T {
    return this.#pages.flush(calls, write);
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

/** What the guest is told of an effect that may have happened or not. */
const UNKNOWN = (): Promise<HandlerAnswer> =>
  Promise.resolve(failed("outcome-unknown: the actor was cut off before the answer came"));

/** What a call is told that comes after the end of its turn. */
export const OVER: HostAnswer = {
  abort: { kind: "cut", code: "turn-over", message: "the turn has ended" },
};

const SHUTDOWN = "theater:simple/runtime#shutdown";

const OUTCOMES = { returned: true, denied: true, failed: true };

/** Of a turn that may change nothing. */
export function readOnly(what: string): TurnAbort {
  return { kind: "limit", code: "read-only", message: `${what} on a read-only route` };
}

function broken(message: string): TurnAbort {
  return { kind: "host", code: "host-call", message };
}
