// What comes in for channels: somebody opens one, says something on it, or closes it. An opening is asked
// like a request; the rest comes with the sends of the pair, in their order and under their numbers.

import { Link } from "../../chain/value.ts";
import {
  HANDLE_CHANNEL_CLOSE,
  HANDLE_CHANNEL_MESSAGE,
  HANDLE_CHANNEL_OPEN,
} from "../../handlers/exports.ts";
import type { Accept } from "../../handlers/sent.ts";
import { assert, TheaterError } from "../../lib/errors.ts";
import type { ChannelAnswer, ChannelInput, Delivery } from "../protocol.ts";
import type { Cell } from "../record/cell.ts";
import type { Blocks } from "../record/content.ts";
import type { Journal } from "../record/journal.ts";
import type { TurnEnd } from "../turn/turn.ts";
import type { Admission } from "./admission.ts";
import { CHANNEL_WAITING_MAX, CHANNELS_MAX, EXTERNAL, type Channels } from "./channels.ts";
import type { Deadlocks } from "./deadlocks.ts";
import { messageKey, type Idempotency, type MessageKey } from "./idempotency.ts";
import type { Mailbox } from "./mailbox.ts";
import { newMessage } from "./new-message.ts";
import { settledEnd } from "./turn-outcome.ts";

interface ChannelAdmissionParts {
  journal: Journal;
  cell: Cell;
  content: Blocks;
  mailbox: Mailbox;
  idempotency: Idempotency;
  channels: Channels;
  deadlocks: Deadlocks;
  admission: Admission;
  run: () => void;
  endOfOpenTurn: () => Promise<TurnEnd>;
}

export class ChannelAdmission {
  readonly #parts: ChannelAdmissionParts;
  /** By key: a repetition waits for the same decision. */
  readonly #attached = new Map<string, Promise<ChannelAnswer>>();

  constructor(parts: ChannelAdmissionParts) {
    this.#parts = parts;
  }

  /** Waits for the guest's decision, or throws what became of its turn. */
  async open(input: ChannelInput): Promise<ChannelAnswer> {
    return await this.#parts.deadlocks.holding(input.idempotency.key, () => this.#openOnce(input));
  }

  async #openOnce(input: ChannelInput): Promise<ChannelAnswer> {
    const { idempotency, cell, endOfOpenTurn } = this.#parts;
    const key = messageKey(input.idempotency, input.body, input.cause?.event);
    const known = idempotency.find("request", key);
    if (known !== undefined) return await this.#decisionAt(known);
    const attached = this.#attached.get(key.key);
    if (attached !== undefined) return await attached;
    const open = cell.get("openTurn")?.key;
    if (open?.principal === key.principal && open.key === key.key) {
      return await this.#decisionAt(settledEnd(await endOfOpenTurn()).event.seq);
    }
    const decision = this.#ask(input, key).finally(() => this.#attached.delete(key.key));
    this.#attached.set(key.key, decision);
    return await decision;
  }

  async #ask(input: ChannelInput, key: MessageKey): Promise<ChannelAnswer> {
    const { admission, channels, mailbox, run } = this.#parts;
    admission.check(HANDLE_CHANNEL_OPEN, input.body);
    if (channels.live >= CHANNELS_MAX) {
      throw new TheaterError("busy", `${CHANNELS_MAX} channels are open already: close some.`);
    }
    if (channels.find(input.channel) !== undefined) {
      throw new TheaterError("wrong-state", "This channel was closed before it was open.");
    }
    const params = [input.channel, input.body];
    const message = newMessage("channel-open", HANDLE_CHANNEL_OPEN, input, params);
    const { promise, resolve: done, reject: failed } = Promise.withResolvers<TurnEnd>();
    mailbox.put({ ...message, key }, { done, failed });
    const drop = mailbox.expireQueued(key.key, input.deadlineMs);
    run();
    try {
      return await this.#decisionAt(settledEnd(await promise).event.seq);
    } finally {
      drop();
    }
  }

  /** What the chain records at `seq`, the end of the turn. */
  async #decisionAt(seq: number): Promise<ChannelAnswer> {
    const { journal, content, admission } = this.#parts;
    const committed = journal.payload(seq, "turn.committed");
    if (committed === undefined) await admission.outcomeOf(seq);
    assert(committed !== undefined, "another end is thrown");
    const [accept] = committed.result as unknown as readonly [Accept];
    const [message] = ((await content.resolve(accept.message)) ?? []) as readonly Uint8Array[];
    return { accepted: accept.accepted, message: message ?? null, event: journal.ref(seq) };
  }

  /** Throws `busy` and what `check` throws for later, and `wrong-state` where the channel is not open. */
  async deliver(delivery: Delivery): Promise<void> {
    const { from, n, cause, body, channel } = delivery;
    assert(channel !== undefined, "it is for a channel");
    const { mailbox, content, channels, admission } = this.#parts;
    const isTaken = (): boolean => mailbox.wasReceived(from, n, cause.event);
    await channels.decided(channel.id);
    if (isTaken()) return;
    if (channel.close !== null) {
      this.#close(delivery, { id: channel.id, reason: channel.close });
      return;
    }
    const message = this.#messageOf(delivery, "channel", [channel.id, body]);
    this.#check(channel.id, delivery);
    await content.keep(message.params, () => {
      if (isTaken()) return; // it came twice while the store took its time
      this.#check(channel.id, delivery);
      admission.admit(message, () => mailbox.noteReceived(from, n, cause.event), channel.id);
    });
  }

  /** Whether a turn has accepted it, and nobody has closed it since. */
  isOpen(channel: string): boolean {
    return this.#parts.channels.find(channel)?.state === "open";
  }

  /** A message of somebody who is no actor. Throws as `deliver` does. */
  async say(channel: string, body: Uint8Array): Promise<void> {
    const { content, admission } = this.#parts;
    const sender = { from: EXTERNAL, body };
    const message = newMessage("channel", HANDLE_CHANNEL_MESSAGE, sender, [channel, body]);
    this.#check(channel, sender);
    await content.keep(message.params, () => {
      this.#check(channel, sender);
      admission.admit(message, () => undefined, channel);
    });
  }

  #messageOf(
    { from, n, body, cause }: Delivery,
    kind: "channel" | "channel-close",
    params: readonly (string | Uint8Array)[],
  ) {
    const about = kind === "channel" ? HANDLE_CHANNEL_MESSAGE : HANDLE_CHANNEL_CLOSE;
    const event = { actor: from, seq: cause.seq, event: new Link("dag-cbor", cause.event) };
    return { ...newMessage(kind, about, { from, body }, params), id: `${from}/${n}`, cause: event };
  }

  #check(id: string, { from, body }: Pick<Delivery, "from" | "body">): void {
    const { admission, channels, mailbox } = this.#parts;
    admission.check(HANDLE_CHANNEL_MESSAGE, body);
    const { peer, state } = channels.find(id) ?? {};
    if (peer !== from || state === undefined || state === "closed") {
      throw new TheaterError("wrong-state", "The channel is closed.");
    }
    if (state === "opening") throw new TheaterError("busy", "The channel is not open yet.");
    const waiting = mailbox.waitingOn(id);
    if (waiting >= CHANNEL_WAITING_MAX) {
      throw new TheaterError("busy", `${waiting} messages of this channel wait already.`);
    }
  }

  /** Taken at any time, or the other end could never let go: there are no more closes than channels. */
  #close(delivery: Delivery, { id, reason }: { id: string; reason: string }): void {
    const { journal, mailbox, channels, admission, cell } = this.#parts;
    const { from, n, cause } = delivery;
    const { peer = from, state } = channels.find(id) ?? {};
    if (state === "opening") throw new TheaterError("busy", "The channel is not open yet.");
    const note = (): void => mailbox.noteReceived(from, n, cause.event);
    // One that is not known may still be on its way here, and must not be opened then.
    const close = (): boolean =>
      peer === from && channels.close(id, from, { by: "peer", reason }, true);
    const isTold = state === "open" && peer === from && RUNS.has(cell.status);
    if (!isTold) {
      journal.transaction(() => {
        note();
        close();
      });
      return;
    }
    admission.admit(this.#messageOf(delivery, "channel-close", [id]), () => {
      note();
      close();
    });
  }
}

const RUNS: ReadonlySet<string> = new Set(["running", "paused"]);
