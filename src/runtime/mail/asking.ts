// Requests of a turn to other actors. The call id is the message's key at the other actor, so a repetition is
// answered once more and not run: a connection that breaks is made again while the turn lasts.

import { err, failed, ok, type HandlerAnswer } from "../../handlers/handler.ts";
import type { ActorRpc, Answer, EventRef, Refusal } from "../protocol.ts";
import { pause } from "../timers/wait.ts";
import type { Intent } from "../turn/turn-parts.ts";
import type { Deadlocks } from "./deadlocks.ts";
import type { Outbox } from "./outbox.ts";

/** Actors that may wait for one another in a row. */
const WAITING_MAX = 32;
/** Connections that may break in a row: an actor that dies of each try is not tried for ever. */
const BREAKS_MAX = 6;
const RETRY_MIN_MS = 50;

/** What a request needs of the turn that makes it. */
interface AskingTurn {
  readonly intent: Intent;
  readonly endsMs: number;
  readonly isOpen: boolean;
}

interface Asked {
  to: string;
  /** `<actor>/<turn>/<call>`: the same for a repetition. */
  callId: string;
  /** The actors whose turns wait for the one that asks. */
  waiting: readonly string[];
}

interface AskingParts {
  peer: (id: string) => ActorRpc;
  outbox: Outbox;
  deadlocks: Deadlocks;
  onFork: (refusal: Refusal) => void;
}

type Reply = Answer<{ reply: Uint8Array; event: EventRef }>;

export class Asking {
  readonly #actor: string;
  readonly #peer: (id: string) => ActorRpc;
  readonly #outbox: Outbox;
  readonly #deadlocks: Deadlocks;
  /** Told where another actor has seen another history of this one. */
  readonly #onFork: (refusal: Refusal) => void;

  constructor(actor: string, parts: AskingParts) {
    this.#actor = actor;
    this.#peer = parts.peer;
    this.#onFork = parts.onFork;
    this.#outbox = parts.outbox;
    this.#deadlocks = parts.deadlocks;
  }

  /** Waits for the answer, until the turn ends at the latest. */
  async ask(
    turn: AskingTurn,
    { body, ...asked }: Asked & { body: Uint8Array },
  ): Promise<HandlerAnswer> {
    const { to, callId } = asked;
    const message = {
      body,
      from: this.#actor,
      idempotency: { principal: this.#actor, key: callId },
      cause: turn.intent,
      deadlineMs: turn.endsMs,
    };
    return await this.during(turn, asked, (waiting) => {
      const call = async (): Promise<Reply> =>
        await this.#peer(to).request({ ...message, waiting });
      return this.#insist(call, () => turn.isOpen);
    });
  }

  /**
   * `work` makes the turn wait for the other actor; it gets those who wait for that. Answers at once where the
   * other one waits for this turn. What earlier turns sent to it arrives before.
   */
  async during(
    turn: AskingTurn,
    { to, callId, waiting }: Asked,
    work: (waiting: readonly string[]) => Promise<HandlerAnswer>,
  ): Promise<HandlerAnswer> {
    const chain = [...waiting, this.#actor];
    // It would wait for a turn that waits for this one, until one of them is cut.
    if (chain.includes(to)) return err(`request-cycle: ${to} waits for the answer of this turn`);
    if (chain.length > WAITING_MAX) return err(`request-depth: ${WAITING_MAX} actors wait already`);
    const isLive = (): boolean => turn.isOpen;
    const behind = await this.#outbox.caughtUp(to, isLive);
    if (behind !== null) return failed(`${behind.code}: ${behind.message}`);
    return await this.#deadlocks.during({ to, callId, isLive }, () => work(chain));
  }

  async #insist(call: () => Promise<Reply>, isLive: () => boolean): Promise<HandlerAnswer> {
    for (let breaks = 0; ;) {
      const answer = await call().catch(() => undefined);
      if (answer?.ok === true) return ok(answer.value.reply);
      if (answer !== undefined && !(breaks > 0 && PASSING.has(answer.error.code))) {
        return this.#refused(answer.error, breaks > 0);
      }
      breaks++;
      if (!isLive() || breaks > BREAKS_MAX) return BROKEN;
      await pause(RETRY_MIN_MS * 2 ** (breaks - 1));
    }
  }

  #refused({ code, message, ...rest }: Refusal, isRepeated: boolean): HandlerAnswer {
    if (code === "guest-error") return err(message);
    if (code === "request-cycle") return err(`${code}: ${message}`);
    if (code === "chain-fork") this.#onFork({ code, message, ...rest });
    // The try before may still be on its way: that this one was refused does not say that nothing happens.
    if (isRepeated && rest.event === undefined) {
      return failed(`outcome-unknown: the connection broke, and a repetition got ${code}`);
    }
    return failed(`${code}: ${message}`);
  }
}

/** Refusals that a repetition may turn; before a connection broke, they are the guest's to judge. */
const PASSING: ReadonlySet<string> = new Set(["busy", "unavailable", "outcome-unknown"]);

const BROKEN = failed("outcome-unknown: the connection to the actor broke");
