// What one turn does with channels. Opening asks the other end within the turn; messages and closes are
// sends like any other and leave with the commit. A turn that does not commit leaves no channel open.

import { err, failed, ok, type HandlerAnswer } from "../../handlers/handler.ts";
import { acceptance, greetingOf } from "../../handlers/sent.ts";
import type { Value } from "../../chain/value.ts";
import { toUtf8 } from "../../lib/bytes.ts";
import type { ActorRpc, ChannelAnswer } from "../protocol.ts";
import type { Message, PendingSend, TurnActs, TurnRecord } from "../turn/turn-parts.ts";
import { channelId, CHANNEL_UNSENT_MAX, CHANNELS_MAX, type Channels } from "./channels.ts";
import type { Outbox } from "./outbox.ts";

interface TurnChannelParts {
  channels: Channels;
  outbox: Outbox;
}

export interface Opening {
  to: string;
  body: Uint8Array;
  callId: string;
  from: string;
  /** The actors whose turns wait, this one's included. */
  waiting: readonly string[];
  peer: (id: string) => ActorRpc;
}

/** What the other end said; unknown: it may have accepted. */
type Decision = "accepted" | "refused" | "unknown";

/** Refusals that leave open whether the other end has accepted. */
const UNCERTAIN: ReadonlySet<string> = new Set(["outcome-unknown", "internal"]);
const NO_BODY = new Uint8Array(0);

export class TurnChannels {
  readonly #message: Message;
  readonly #parts: TurnChannelParts;
  readonly #openings = new Map<string, { peer: string; decision: Decision }>();
  readonly #closing = new Set<string>();
  readonly #unsent = new Map<string, number>();

  constructor(message: Message, parts: TurnChannelParts) {
    this.#message = message;
    this.#parts = parts;
  }

  /** Waits for the decision of the other end. */
  async open(
    turn: TurnActs,
    { to, body, callId, from, waiting, peer }: Opening,
  ): Promise<HandlerAnswer> {
    const { channels } = this.#parts;
    const id = channelId(callId);
    if (to === from) return err("channel-to-self: an actor opens channels to others only");
    if (channels.find(id) === undefined && channels.live >= CHANNELS_MAX) {
      return err(`too-many-channels: ${CHANNELS_MAX} are open already`);
    }
    channels.begin(id, to, turn.turn);
    const opening = { peer: to, decision: "unknown" as Decision };
    this.#openings.set(id, opening);
    try {
      const answer = await peer(to).openChannel({
        channel: id,
        body,
        from,
        idempotency: { principal: from, key: callId },
        cause: turn.intent,
        waiting,
        deadlineMs: turn.endsMs,
      });
      if (answer.ok) {
        opening.decision = answer.value.accepted ? "accepted" : "refused";
        return answer.value.accepted ? ok(id) : err(rejection(answer.value));
      }
      const { code, message } = answer.error;
      if (!UNCERTAIN.has(code)) opening.decision = "refused";
      return code === "guest-error" ? err(message) : failed(`${code}: ${message}`);
    } catch {
      return failed("outcome-unknown: the connection to the actor broke");
    }
  }

  /** As the chain has it, in a turn that goes on. */
  openAgain(to: string, callId: string, isAccepted: boolean): void {
    const decision = isAccepted ? "accepted" : "unknown";
    this.#openings.set(channelId(callId), { peer: to, decision });
  }

  send(turn: TurnActs, id: string, body: Uint8Array): HandlerAnswer {
    const peer = this.#openPeer(id);
    if (peer === undefined) return err(closed(id));
    const pending = this.#unsent.get(id) ?? 0;
    const unsent = this.#parts.outbox.unsentOn(id) + pending;
    if (unsent >= CHANNEL_UNSENT_MAX) {
      return err(`channel-full: ${unsent} messages have not been taken yet, send later`);
    }
    const answer = turn.addSend({ to: peer, body, channel: { id, close: null } });
    if ("ok" in (answer.result as object)) this.#unsent.set(id, pending + 1);
    return answer;
  }

  close(turn: TurnActs, id: string): HandlerAnswer {
    const peer = this.#openPeer(id);
    if (peer === undefined) return err(closed(id));
    const answer = turn.addSend({ to: peer, body: NO_BODY, channel: { id, close: "closed" } });
    if ("ok" in (answer.result as object)) this.#closing.add(id);
    return answer;
  }

  /** What an answered call left, in a turn that goes on. */
  sendAgain(
    turn: TurnActs,
    id: string,
    { body, close }: { body: Uint8Array; close: boolean },
  ): void {
    const to = this.#openings.get(id)?.peer ?? this.#parts.channels.find(id)?.peer;
    if (to === undefined) return; // closed so long ago that it is forgotten: nobody is there to hear it
    turn.addSend({ to, body, channel: { id, close: close ? "closed" : null } });
    if (close) this.#closing.add(id);
  }

  #openPeer(id: string): string | undefined {
    if (this.#closing.has(id)) return undefined;
    const opening = this.#openings.get(id);
    if (opening !== undefined) return opening.decision === "accepted" ? opening.peer : undefined;
    const channel = this.#parts.channels.find(id);
    return channel?.state === "open" ? channel.peer : undefined;
  }

  /** The first message of a channel that this turn accepts. */
  greeting(result: Value): PendingSend[] {
    const { kind, params, from } = this.#message;
    return greetingOf(kind, params, result).flatMap((sent) =>
      "to" in sent || typeof from !== "string"
        ? []
        : [{ to: from, body: sent.body, channel: { id: sent.channel, close: null } }],
    );
  }

  /** In the transaction that ends the turn. */
  end({ committed, turn, result }: TurnRecord): void {
    const { channels } = this.#parts;
    for (const [id, { peer, decision }] of this.#openings) {
      if (decision === "refused") channels.drop(id);
      else if (committed && decision === "accepted") channels.open(id, peer, turn);
      else channels.closeBoth(id, committed ? "outcome-unknown" : "turn-failed");
    }
    if (!committed) return;
    this.#accept(result, turn);
    for (const id of this.#closing) {
      const { peer } = channels.find(id) ?? {};
      if (peer !== undefined) channels.close(id, peer, { by: "self", reason: "closed" });
    }
  }

  #accept(result: Value, turn: number): void {
    const { channels } = this.#parts;
    const { kind, params, from } = this.#message;
    if (acceptance(kind, result) === undefined || typeof from !== "string") return;
    const [id] = params as readonly [string];
    // The other end may have given up while the guest decided.
    if (!channels.open(id, from, turn)) channels.tellGuest(id, from);
  }
}

const closed = (id: string): string =>
  `channel-closed: there is no open channel ${JSON.stringify(id.slice(0, 64))}`;

function rejection({ message }: ChannelAnswer): string {
  if (message === null) return "channel-rejected";
  try {
    return `channel-rejected: ${toUtf8(message)}`;
  } catch {
    return `channel-rejected: with ${message.length} bytes that are no text`;
  }
}
