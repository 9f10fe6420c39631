// What one turn says on its actor's WebSockets: kept here until the turn commits, and forgotten where it does not.
//
// Rule: frames are handed over in the step of the commit, in their order. They are in no table: whatever ends this
// object before they leave ends the connections too, and the output gate lets none leave before the commit is on
// disk (both measured with workerd 1.20261117). So a connection that lives gets each frame of a committed turn once.

import { err, ok, type HandlerAnswer } from "../../handlers/handler.ts";
import { socketPlanOf } from "../../handlers/http-plan.ts";
import { bytesIn, readMessage, type Frame } from "../../handlers/socket-message.ts";
import type { ConnectionRef, Sockets } from "../../handlers/websockets.ts";
import type { Value } from "../../chain/value.ts";
import { acceptance } from "../../handlers/sent.ts";
import { EXTERNAL } from "../mail/channels.ts";
import type { Limits } from "../../manifest/limits.ts";
import type { Journal } from "../record/journal.ts";
import type { Message, PendingSend, TurnRecord } from "../turn/turn-parts.ts";
import type { SiteRows } from "../web/site-rows.ts";
import { CLOSED, isSendableCode, REASON_BYTES_MAX, type Closing } from "./close-codes.ts";
import type { Connections } from "./connections.ts";

/** Calls of one turn that say something. */
const SAID_MAX = 10_000;
/** Bytes that one turn says, counted for each connection that gets them: the platform holds them until they leave. */
const SAID_BYTES_MAX = 64 * 1024 * 1024;

export interface TurnSocketParts {
  connections: Connections;
  journal: Journal;
  site: SiteRows;
  limits: Limits;
}

interface Said {
  to: readonly number[];
  frame: Frame;
}

export class TurnSockets implements Sockets {
  readonly #message: Message;
  readonly #parts: TurnSocketParts;
  #said: Said[] = [];
  #bytes = 0;
  readonly #closing = new Map<number, Closing>();

  constructor(message: Message, parts: TurnSocketParts) {
    this.#message = message;
    this.#parts = parts;
  }

  send({ id, server }: ConnectionRef, frame: Frame): HandlerAnswer {
    if (!this.#isOpen(id, server)) return unknown(id);
    return this.#problemOf(frame, 1) ?? this.#say({ to: [id], frame });
  }

  close({ id, server }: ConnectionRef, why: Closing): HandlerAnswer {
    if (!this.#isOpen(id, server)) return unknown(id);
    if (!isSendableCode(why.code)) return err("bad-code: a code is 1000, or 3000 to 4999");
    if (bytesIn(why.reason) > REASON_BYTES_MAX) {
      return err(`bad-reason: a reason has ${REASON_BYTES_MAX} bytes at most`);
    }
    this.#closing.set(id, why);
    return ok(null);
  }

  broadcast(path: string | null, frame: Frame): HandlerAnswer {
    const to = this.list(path);
    const problem = this.#problemOf(frame, to.length);
    if (problem !== undefined) return problem;
    this.#say({ to, frame });
    return ok(to.length);
  }

  list(path: string | null): readonly number[] {
    const { connections } = this.#parts;
    const ids = [...connections.all.keys(), ...(this.#own === undefined ? [] : [this.#own])];
    const there = [...new Set(ids)].filter((id) => {
      const connection = connections.find(id);
      if (connection != null && connection.channel !== null) return false;
      const isThere = path === null || connection?.path === path;
      return isThere && !this.#closing.has(id);
    });
    return there.sort((one, other) => one - other);
  }

  /** The connection that this turn opens. */
  get #own(): number | undefined {
    const { kind, params } = this.#message;
    return kind === "websocket-open" ? Number(params[1]) : undefined;
  }

  #isOpen(id: number, server: number | undefined): boolean {
    if (this.#closing.has(id)) return false;
    const { connections } = this.#parts;
    const connection = id === this.#own ? connections.find(id) : connections.all.get(id);
    // In a turn that goes on after a crash nobody is at its connection any more; the guest hears of that later.
    if (connection === undefined) return id === this.#own;
    if (connection.channel !== null) return false;
    return server === undefined || connection.server === server;
  }

  #problemOf(frame: Frame, receivers: number): HandlerAnswer | undefined {
    const { messageBytes } = this.#parts.limits;
    const bytes = bytesIn(frame);
    if (bytes > messageBytes) {
      return err(`too-large: the message has ${bytes} bytes; the limit is ${messageBytes}`);
    }
    if (this.#said.length >= SAID_MAX) return err(`too-many: a turn says ${SAID_MAX} at most`);
    if (this.#bytes + bytes * receivers > SAID_BYTES_MAX) {
      return err(`too-many: a turn says ${SAID_BYTES_MAX} bytes at most, to all together`);
    }
    this.#bytes += bytes * receivers;
    return undefined;
  }

  #say(said: Said): HandlerAnswer {
    this.#said.push(said);
    return ok(null);
  }

  /** In the transaction that ends the turn, behind all else that it made. */
  end({ committed, seq, result, sends, site, data }: TurnRecord): void {
    const { connections } = this.#parts;
    const { kind } = this.#message;
    if (this.#own !== undefined) this.#open(this.#own, committed);
    if (!committed) return;
    // Whoever shuts down is told nothing more, and all of its connections end.
    const isTold = data === null;
    if (kind === "websocket") this.#answer(result);
    if (kind === "channel-open" && this.#message.from === EXTERNAL) this.#accept(seq, result);
    for (const send of sends) if (send.to === EXTERNAL) this.#onChannel(send);
    if (this.#said.length > 0) this.#leave();
    for (const [id, why] of this.#closing) connections.close(id, why, isTold);
    if (site !== null) connections.closeUnserved();
  }

  #open(id: number, committed: boolean): void {
    const { connections, site } = this.#parts;
    connections.spend(id);
    if (!committed || connections.open(id)) return;
    const path = this.#message.params[2] as string;
    connections.tellGuest(id, socketPlanOf(site.table, path)?.entry.disconnect ?? null);
  }

  /** What `handle-websocket-message` returns goes back to its connection, behind what the turn said by calls. */
  #answer(result: Value): void {
    const [, connection] = this.#message.params;
    const id = Number(connection);
    const [messages] = (result ?? [[]]) as readonly [readonly Value[]];
    for (const message of messages) {
      if (this.#closing.has(id)) return;
      const read = readMessage(message);
      if (read === "close") this.#closing.set(id, { code: 1000, reason: "" });
      else if ("problem" in read || this.#problemOf(read.frame, 1) !== undefined) {
        this.#closing.set(id, CLOSED.unsendable);
      } else {
        this.#say({ to: [id], frame: read.frame });
      }
    }
  }

  /** Says that the channel is open, and where the chain has it. */
  #accept(seq: number, result: Value): void {
    if (acceptance("channel-open", result) === undefined) return;
    const [channel] = this.#message.params as readonly [string];
    const id = this.#parts.connections.ofChannel(channel);
    const { seq: at, cid } = this.#parts.journal.ref(seq);
    const frame = JSON.stringify({ channel, event: `${at}:${cid}` });
    if (id !== undefined) this.#said.push({ to: [id], frame });
    // Whoever asked has gone while the guest decided.
    else this.#parts.connections.closeChannel(channel, true);
  }

  #onChannel({ body, channel }: PendingSend): void {
    const id = channel === undefined ? undefined : this.#parts.connections.ofChannel(channel.id);
    if (id === undefined) return;
    if (channel?.close != null) this.#closing.set(id, { code: 1000, reason: "closed" });
    else this.#said.push({ to: [id], frame: body });
  }

  /** Before the closes of this turn: what it said to a connection that it closes comes first. */
  #leave(): void {
    const { connections, journal } = this.#parts;
    // Some may have gone since it was said.
    const said = this.#said.map(({ to, frame }) => ({
      to: to.filter((id) => connections.all.has(id)),
      frame,
    }));
    journal.onceWritten(() => {
      for (const { to, frame } of said) for (const id of to) connections.say(id, frame);
    });
  }
}

const unknown = (id: number): HandlerAnswer =>
  err(`no-such-connection: no WebSocket of this actor has the id ${id}`);
