// Channels for those who are no actors: a WebSocket whose first message opens a channel, and whose others are said on
// it. To the guest it is a channel like any other, with `external` at its other end.
//
// Rule: the words of a channel travel as binary frames, so that the one text frame, which says that the channel is
// open, cannot be one of them.

import { HANDLE_CHANNEL_OPEN } from "../../handlers/exports.ts";
import type { Frame } from "../../handlers/socket-message.ts";
import { fromUtf8, toHex, toUtf8 } from "../../lib/bytes.ts";
import { ensureTheaterError, TheaterError } from "../../lib/errors.ts";
import type { Admission } from "../mail/admission.ts";
import type { ChannelAdmission } from "../mail/channel-admission.ts";
import { EXTERNAL } from "../mail/channels.ts";
import type { Journal } from "../record/journal.ts";
import { CLOSED, type Closing } from "./close-codes.ts";
import { SOCKETS_MAX, type Connections } from "./connections.ts";
import type { ChannelUpgrade, Upgraded } from "./upgrade-request.ts";

/** Messages of one channel that have not been taken yet; whoever says more has not waited for any answer. */
const UNTAKEN_MAX = 64;

interface ChannelSocketParts {
  journal: Journal;
  connections: Connections;
  admission: Admission;
  channelAdmission: ChannelAdmission;
}

export class ChannelSockets {
  readonly #parts: ChannelSocketParts;
  /** By connection: what it said is taken one after the other. */
  readonly #lines = new Map<number, { untaken: number; last: Promise<void> }>();

  constructor(parts: ChannelSocketParts) {
    this.#parts = parts;
  }

  /** Only the connection; the channel is opened with the first message. */
  open({ principal }: ChannelUpgrade): Upgraded {
    const { journal, connections, admission } = this.#parts;
    admission.check(HANDLE_CHANNEL_OPEN, new Uint8Array(0));
    if (connections.count >= SOCKETS_MAX) {
      const message = `${SOCKETS_MAX} WebSockets are open already: come again later.`;
      throw new TheaterError("unavailable", message, { limit: SOCKETS_MAX });
    }
    const [client, socket] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket];
    const channel = `ch_${toHex(crypto.getRandomValues(new Uint8Array(16)))}`;
    const { id, end } = connections.begin({ server: 0, path: principal, channel, socket });
    try {
      journal.transaction(() => {
        connections.spend(id);
        connections.open(id);
      });
    } finally {
      end();
    }
    return { webSocket: client, event: null };
  }

  /** Resolves when it was taken, or the connection was closed because it cannot be. */
  async message(id: number, frame: Frame): Promise<void> {
    const line = this.#lines.get(id) ?? { untaken: 0, last: Promise.resolve() };
    if (line.untaken >= UNTAKEN_MAX) return this.#parts.connections.drop(id, CLOSED.busy);
    line.untaken++;
    this.#lines.set(id, line);
    line.last = line.last.then(() => this.#take(id, frame));
    await line.last;
    if (--line.untaken === 0) this.#lines.delete(id);
  }

  async #take(id: number, frame: Frame): Promise<void> {
    const { connections, channelAdmission } = this.#parts;
    const { channel, path } = connections.all.get(id) ?? {};
    if (channel == null || path === undefined) return; // closed since
    const body = typeof frame === "string" ? fromUtf8(frame) : frame;
    try {
      if (channelAdmission.isOpen(channel)) await channelAdmission.say(channel, body);
      else await this.#begin({ id, channel, principal: path }, body);
    } catch (thrown) {
      connections.drop(id, closingFor(thrown));
    }
  }

  async #begin(
    { id, channel, principal }: { id: number; channel: string; principal: string },
    body: Uint8Array,
  ): Promise<void> {
    const { connections, channelAdmission } = this.#parts;
    const idempotency = { principal, key: channel };
    const { accepted, message } = await channelAdmission.open({
      channel,
      body,
      from: EXTERNAL,
      idempotency,
    });
    if (accepted) return; // said in the commit, before whatever the guest says on it
    connections.drop(id, { ...CLOSED.refused, reason: reasonOf(message) });
  }
}

function reasonOf(message: Uint8Array | null): string {
  try {
    return message === null ? CLOSED.refused.reason : toUtf8(message);
  } catch {
    return CLOSED.refused.reason;
  }
}

function closingFor(thrown: unknown): Closing {
  const { code, message } = ensureTheaterError(thrown);
  if (code === "too-large") return CLOSED.tooLarge;
  if (code === "busy" || code === "unavailable") return CLOSED.busy;
  if (code === "wrong-state") return CLOSED.stopped;
  return { ...CLOSED.failed, reason: code === "guest-error" ? message : code };
}
