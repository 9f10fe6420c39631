// Which messages an actor takes, and what their senders are told. A refusal here leaves no trace: the
// message was not admitted. What is admitted is acknowledged only after its events are on disk.

import { isActorId } from "../../chain/actor-id.ts";
import { Link, type Value } from "../../chain/value.ts";
import { isUp } from "../../supervision/lifecycle.ts";
import type { Registry } from "../../handlers/registry.ts";
import { toUtf8 } from "../../lib/bytes.ts";
import { assert, TheaterError } from "../../lib/errors.ts";
import { RecordedError } from "../answers.ts";
import type { Cell } from "../record/cell.ts";
import type { Blocks } from "../record/content.ts";
import { BACKLOG_MAX, type Feeder } from "../record/feeder.ts";
import { bytesOf, checkOutstanding, replyOf, type Deferred, type Reply } from "./deferred.ts";
import { keyReused, messageKey, type Idempotency, type MessageKey } from "./idempotency.ts";
import type { Journal } from "../record/journal.ts";
import { HANDLE_REQUEST, HANDLE_SEND } from "../../handlers/exports.ts";
import type { Mailbox } from "./mailbox.ts";
import type { Deadlocks } from "./deadlocks.ts";
import type { Delivery, EventRef, MessageInput } from "../protocol.ts";
import { newMessage } from "./new-message.ts";
import { hasReply } from "./turn-mail.ts";
import { refusalOf, settledEnd, type Committed } from "./turn-outcome.ts";
import type { Message } from "../turn/turn-parts.ts";
import type { TurnEnd } from "../turn/turn.ts";
import type { CurrentVersion } from "../upgrade/version.ts";

export interface AdmissionParts {
  journal: Journal;
  cell: Cell;
  mailbox: Mailbox;
  idempotency: Idempotency;
  content: Blocks;
  version: CurrentVersion;
  deferred: Deferred;
  deadlocks: Deadlocks;
  registry: Registry;
  feeder: Feeder;
  run: () => void;
  endOfOpenTurn: () => Promise<TurnEnd>;
  /** Whether an actor that is down is going to be started again by its supervisor. */
  comesBack: () => Promise<boolean>;
}

export class Admission {
  readonly #parts: AdmissionParts;
  /** Requests with a key that are on their way: a repetition waits for the same answer. */
  readonly #attached = new Map<string, { digest: string; reply: Promise<Reply> }>();

  constructor(parts: AdmissionParts) {
    this.#parts = parts;
  }

  /** Appends the message and returns where it stands; its turn comes later. */
  async send(input: MessageInput): Promise<EventRef> {
    return await this.whileDown(() => this.#send(input));
  }

  async #send(input: MessageInput): Promise<EventRef> {
    const { journal, idempotency, content } = this.#parts;
    const key = keyOf(input);
    const known = (): number | undefined =>
      key === null ? undefined : idempotency.find("send", key);
    const earlier = known();
    if (earlier !== undefined) return journal.ref(earlier);
    this.check(HANDLE_SEND, input.body);
    const message = newMessage("send", HANDLE_SEND, input, [input.body]);
    return await content.keep(message.params, () => {
      // Again: the store took its time, and a repetition may have come through meanwhile.
      const meanwhile = known();
      if (meanwhile !== undefined) return journal.ref(meanwhile);
      this.check(HANDLE_SEND, input.body);
      return this.admit(message, (seq) => {
        if (key !== null) idempotency.keep("send", key, seq);
      });
    });
  }

  /** A send of another actor. The last one taken, once more, is acknowledged again. */
  async deliver(delivery: Delivery): Promise<void> {
    await this.whileDown(() => this.#deliver(delivery));
  }

  async #deliver({ from, n, cause, body }: Delivery): Promise<void> {
    const { mailbox, content } = this.#parts;
    if (mailbox.wasReceived(from, n, cause.event)) return;
    this.check(HANDLE_SEND, body);
    const event = { actor: from, seq: cause.seq, event: new Link("dag-cbor", cause.event) };
    const message = {
      ...newMessage("send", HANDLE_SEND, { from, body }, [body]),
      id: `${from}/${n}`,
      cause: event,
    };
    await content.keep(message.params, () => {
      this.check(HANDLE_SEND, body);
      if (mailbox.wasReceived(from, n, cause.event)) return; // it came twice while the store took its time
      this.admit(message, () => mailbox.noteReceived(from, n, cause.event));
    });
  }

  /** Appends a message whose turn comes later; `record` runs in the same transaction. */
  admit(message: Message, record: (seq: number) => void, channel: string | null = null): EventRef {
    const { journal, mailbox, run } = this.#parts;
    const { id, kind, from, cause, params, seed } = message;
    const event = journal.transaction(() => {
      const fields = { id, kind, from, cause, params, seed };
      const appended = journal.append({ type: "message.received", about: kind, turn: 0, fields });
      mailbox.admit(appended.seq, channel);
      record(appended.seq);
      return appended;
    });
    mailbox.putSend(event.seq);
    run();
    return { seq: event.seq, cid: event.cid };
  }

  /** Waits for the message's turn and returns the guest's answer, or throws what became of it. */
  async request(input: MessageInput): Promise<Reply> {
    return await this.whileDown(() => this.#requestHeld(input));
  }

  /**
   * A child that is down until its supervisor starts it again takes nothing, but only for now: a send that was
   * committed elsewhere is kept for it, and other callers are told to come again.
   */
  async whileDown<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (thrown) {
      const { status } = this.#parts.cell;
      if (!isOfStatus(thrown) || !(await this.#parts.comesBack())) throw thrown;
      const message = "The actor's supervisor is about to start it again: ask again in a moment.";
      throw new TheaterError("unavailable", message, { status });
    }
  }

  async #requestHeld(input: MessageInput): Promise<Reply> {
    const { from, idempotency } = input;
    if (idempotency === undefined || !isActorId(from)) return await this.#requestOnce(input);
    return await this.#parts.deadlocks.holding(idempotency.key, () => this.#requestOnce(input));
  }

  async #requestOnce(input: MessageInput): Promise<Reply> {
    const key = keyOf(input);
    if (key === null) return await this.#request(input, null);
    const known = this.#parts.idempotency.find("request", key);
    if (known !== undefined) return await this.outcomeOf(known);
    const attached = JSON.stringify([key.principal, key.key]);
    const running = this.#attached.get(attached);
    if (running !== undefined) {
      if (running.digest === key.digest) return await running.reply;
      throw keyReused(key);
    }
    if (this.#isOpen(key)) {
      const { event } = settledEnd(await this.#parts.endOfOpenTurn());
      return await this.outcomeOf(this.#parts.idempotency.find("request", key) ?? event.seq);
    }
    const reply = this.#request(input, key).finally(() => this.#attached.delete(attached));
    this.#attached.set(attached, { digest: key.digest, reply });
    return await reply;
  }

  /** Whether an earlier life began this request, and its turn has still to end. */
  #isOpen(given: MessageKey): boolean {
    const open = this.#parts.cell.get("openTurn")?.key;
    if (open?.principal !== given.principal || open.key !== given.key) return false;
    if (open.digest === given.digest) return true;
    throw keyReused(given);
  }

  async #request(input: MessageInput, key: MessageKey | null): Promise<Reply> {
    this.check(HANDLE_REQUEST, input.body);
    const { mailbox, run, deferred } = this.#parts;
    checkOutstanding(deferred.count, mailbox.length);
    const message = newMessage("request", HANDLE_REQUEST, input, []);
    const { promise, resolve: done, reject: failed } = Promise.withResolvers<TurnEnd>();
    const params = [message.id, input.body];
    const waiter = deferred.expect(message.id);
    let drop = (): void => undefined;
    try {
      mailbox.put({ ...message, params, key }, { done, failed });
      if (key !== null) drop = mailbox.expireQueued(key.key, input.deadlineMs);
      run();
      const end = settledEnd(await promise);
      if (!waiter.isSettled() && hasReply(end.result)) return directReply(end);
      return await waiter.promise;
    } finally {
      drop();
      waiter.drop();
    }
  }

  /**
   * The answer that the chain records at `seq`, the end of a turn or what settled its request later; its
   * errors are thrown again. Waits for one that is still to come.
   */
  async outcomeOf(seq: number): Promise<Reply> {
    const { journal, content } = this.#parts;
    const event = journal.ref(seq);
    if (journal.about(seq)?.isErased) {
      const message = "What was recorded was erased: it cannot be given again.";
      throw new RecordedError({ code: "wrong-state", message, event });
    }
    const answer = journal.payload(seq, "request.settled");
    if (answer !== undefined) {
      const reply = bytesOf(await content.resolve(answer.reply));
      return replyOf({ outcome: answer.outcome, reply, event });
    }
    const committed = journal.payload(seq, "turn.committed");
    if (committed !== undefined) {
      if (!hasReply(committed.result)) return await this.#parts.deferred.attach(seq);
      const result = await content.resolve(committed.result);
      return directReply({ kind: "committed", event, result });
    }
    const refused = journal.payload(seq, "turn.refused");
    if (refused !== undefined) {
      // An error is a text by its WIT type; one too long for a payload is stored as its UTF-8.
      const error = await content.resolve(refused.error);
      const text = error instanceof Uint8Array ? toUtf8(error) : error;
      throw refusalOf({ kind: "refused", event, error: text });
    }
    const failed = journal.payload(seq, "turn.failed");
    assert(failed !== undefined, `event ${seq} is the end of a turn`);
    const { kind: failure, code } = failed;
    throw refusalOf({ kind: "failed", event, failure, code, message: code });
  }

  /** How many messages of its own the actor takes now. */
  get room(): number {
    const { cell, version, mailbox, feeder } = this.#parts;
    if (cell.status !== "running" || feeder.backlog >= BACKLOG_MAX) return 0;
    return Math.max(0, version.now.limits.mailbox - mailbox.length);
  }

  /** Throws `missing-handler`, `wrong-state`, `too-large`, `busy` or `unavailable`. */
  check(about: string, body: Uint8Array, bytesMax?: number): void {
    const { cell, version, registry, mailbox, feeder } = this.#parts;
    const { limits, permissions } = version.now;
    registry.checkDriven(about, permissions.held);
    const status = cell.get("status");
    if (status !== undefined && !isUp(status)) {
      const reason = cell.get("reason");
      throw new TheaterError(
        "wrong-state",
        `The actor is ${status} (${reason}): see \`theater inspect\`, and restart it if that helps.`,
        { status },
      );
    }
    const limit = bytesMax ?? limits.messageBytes;
    if (body.length > limit) {
      const message = `The message has ${body.length} bytes; this actor takes ${limit} at most.`;
      throw new TheaterError("too-large", message, { limit });
    }
    if (mailbox.length >= limits.mailbox) {
      throw new TheaterError("busy", `${mailbox.length} messages wait already: send again later.`);
    }
    if (feeder.backlog >= BACKLOG_MAX) {
      throw new TheaterError("unavailable", "The ledger does not keep up: send again later.");
    }
  }
}

/** Whether it is the actor's status that refuses: what is recorded refuses for good. */
function isOfStatus(thrown: unknown): boolean {
  if (!(thrown instanceof TheaterError) || thrown.code !== "wrong-state") return false;
  return thrown.evidence?.["status"] !== undefined;
}

function keyOf({ idempotency, body, cause }: MessageInput): MessageKey | null {
  return idempotency === undefined ? null : messageKey(idempotency, body, cause?.event);
}

/** What the turn itself gave as the answer. */
function directReply({ result, event }: Committed): Reply {
  const [reply] = result as readonly [Value];
  const bytes = bytesOf(reply);
  assert(bytes !== null, "the turn gave an answer");
  return { reply: bytes, event };
}
