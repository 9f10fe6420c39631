// What one turn does with its actor's mail besides sending: it answers requests of earlier turns, and opens
// and closes channels. Answers are kept here until the turn commits, and forgotten where it does not.

import { err, ok, returned, type HandlerAnswer } from "../../handlers/handler.ts";
import type { Value } from "../../chain/value.ts";
import type { Limits } from "../../manifest/limits.ts";
import type { Message, TurnRecord } from "../turn/turn-parts.ts";
import type { Channels } from "./channels.ts";
import type { Deferred } from "./deferred.ts";
import type { Outbox } from "./outbox.ts";
import { TurnSockets, type TurnSocketParts } from "../sockets/turn-sockets.ts";
import { TurnChannels } from "./turn-channels.ts";

interface TurnMailParts extends TurnSocketParts {
  deferred: Deferred;
  limits: Limits;
  channels: Channels;
  outbox: Outbox;
}

export class TurnMail {
  readonly channels: TurnChannels;
  readonly sockets: TurnSockets;
  readonly #message: Message;
  readonly #deferred: Deferred;
  readonly #limits: Limits;
  /** By the request's id; null gives it up. */
  readonly #answers = new Map<string, Uint8Array | null>();

  constructor(message: Message, { deferred, limits, ...others }: TurnMailParts) {
    this.#message = message;
    this.channels = new TurnChannels(message, others);
    this.sockets = new TurnSockets(message, { ...others, limits });
    this.#deferred = deferred;
    this.#limits = limits;
    deferred.claim(this.#answers);
  }

  /** What the commit will append, for the store. */
  get content(): readonly (Uint8Array | null)[] {
    return [...this.#answers.values()];
  }

  /** The request of this very turn counts as open too: the guest may answer it and return none. */
  listRequests(): HandlerAnswer {
    const { kind, id } = this.#message;
    const ids = this.#deferred.list();
    if (kind === "request") ids.push(id);
    return returned(ids.filter((each) => !this.#answers.has(each)));
  }

  respond(id: string, reply: Uint8Array): HandlerAnswer {
    const { messageBytes } = this.#limits;
    if (reply.length > messageBytes) {
      return err(`the answer has ${reply.length} bytes; the limit is ${messageBytes}`);
    }
    return this.#answer(id, reply);
  }

  again(id: string, reply: Uint8Array | null): void {
    this.#answers.set(id, reply);
  }

  cancel(id: string): HandlerAnswer {
    return this.#answer(id, null);
  }

  #answer(id: string, reply: Uint8Array | null): HandlerAnswer {
    const isOwn = this.#message.kind === "request" && this.#message.id === id;
    if (this.#answers.has(id) || !(isOwn || this.#deferred.isOpen(id))) {
      return err(
        `no-such-request: nobody waits for an answer to ${JSON.stringify(id.slice(0, 64))}`,
      );
    }
    this.#answers.set(id, reply);
    return ok(null);
  }

  /** In the transaction that ends the turn. */
  end(end: TurnRecord): void {
    if (end.committed) this.#commit(end);
    this.channels.end(end);
    this.sockets.end(end);
  }

  #commit({ turn, seq, message, result, nowMs }: TurnRecord): void {
    const { id, kind, key, deadlineMs } = this.#message;
    if (kind === "request" && (this.#answers.has(id) || !hasReply(result))) {
      const dueMs = Math.min(nowMs + this.#limits.replyMs, deadlineMs ?? Number.MAX_SAFE_INTEGER);
      const waitMs = Math.max(0, dueMs - nowMs);
      this.#deferred.open({ id, message, end: seq, dueMs, waitMs, key });
    }
    for (const [answered, reply] of this.#answers) {
      this.#deferred.settle(answered, reply === null ? "cancelled" : "answered", reply, turn);
    }
  }
}

/** Of `handle-request`: behind the state a tuple of one option. */
export function hasReply(result: Value): boolean {
  const [reply] = (result ?? []) as readonly Value[];
  return reply != null;
}
