// The channels of one actor: a row at either end, from the opening to long after the close. A channel is
// open here from the commit of the turn that opened or accepted it.
//
// Invariants: each end appends one `channel.closed` for it, in the transaction that closes its row; the
// other end is told in the order of everything else that goes there; a closed channel is never opened
// again, because its row stays as a tombstone.

import type { Closer } from "../../chain/event-types.ts";
import { sha256 } from "../../chain/hash.ts";
import { fromUtf8, toHex } from "../../lib/bytes.ts";
import type { Journal } from "../record/journal.ts";
import type { Mailbox } from "./mailbox.ts";
import type { Outbox } from "./outbox.ts";

/** At the other end of a channel that no actor has opened: on a WebSocket. */
export const EXTERNAL = "external";
/** Channels that one actor has open at the same time. */
export const CHANNELS_MAX = 1_000;
/** Messages of one channel that wait for their turn here; then the other end keeps the rest. */
export const CHANNEL_WAITING_MAX = 64;
/** Messages of one channel that the other end has not taken; then the guest is refused more. */
export const CHANNEL_UNSENT_MAX = 128;
/** Closed ones that are remembered, the newest: a late opening or message finds them closed. */
const CLOSED_MAX = 2_000;
/** Channels closed in one transaction. */
const ROUND_MAX = 256;

export interface Channel {
  peer: string;
  state: "opening" | "open" | "closed";
  /** The turn that opened or accepted it; 0 for a tombstone of one that never was open. */
  turn: number;
}

interface ChannelParts {
  sql: SqlStorage;
  journal: Journal;
  mailbox: Mailbox;
  outbox: Outbox;
  run: () => void;
}

/** The name of the channel that a call opens: the same for a repetition of the call. */
export function channelId(callId: string): string {
  return `ch_${toHex(sha256(fromUtf8(callId)).subarray(0, 16))}`;
}

export class Channels {
  readonly #parts: ChannelParts;
  /** Read again after each change, so that an actor without channels pays nothing. */
  #known: { live: number; opening: number } | undefined;
  /** Closes that the guest is to be told of, appended in a transaction that may still be undone. */
  readonly #fresh: number[] = [];
  #turnOver = Promise.withResolvers<void>();

  constructor(parts: ChannelParts) {
    this.#parts = parts;
  }

  find(id: string): Channel | undefined {
    const query = "SELECT peer, state, turn FROM channel WHERE id = ?";
    const rows = this.#parts.sql.exec<{ peer: string; state: string; turn: number }>(query, id);
    return rows.toArray()[0] as Channel | undefined;
  }

  /** Open ones, and those that are being opened. */
  get live(): number {
    return this.#counts.live;
  }

  get #counts(): { live: number; opening: number } {
    this.#known ??= this.#parts.sql
      .exec<{ live: number; opening: number }>(
        "SELECT count(*) AS live, count(*) FILTER (WHERE state = 'opening') AS opening FROM channel WHERE state <> 'closed'",
      )
      .one();
    return this.#known;
  }

  /** After a transaction that was undone. */
  forget(): void {
    this.#known = undefined;
  }

  /** Before the other end is asked, in the step of the intent: whatever becomes of the turn, it is known here. */
  begin(id: string, peer: string, turn: number): void {
    this.#known = undefined;
    const row = "INSERT OR IGNORE INTO channel VALUES (?, ?, 'opening', ?, ?)";
    this.#parts.sql.exec(row, id, peer, turn, Date.now());
  }

  /** In the commit of the turn that opened or accepted it. False where the other end has closed it already. */
  open(id: string, peer: string, turn: number): boolean {
    this.#known = undefined;
    const { state } = this.find(id) ?? {};
    if (state === "closed") return false;
    const row = "INSERT OR REPLACE INTO channel VALUES (?, ?, 'open', ?, ?)";
    this.#parts.sql.exec(row, id, peer, turn, Date.now());
    return true;
  }

  /** In a transaction: the other end has refused it, so it never was. */
  drop(id: string): void {
    this.#known = undefined;
    this.#parts.sql.exec("DELETE FROM channel WHERE id = ? AND state = 'opening'", id);
  }

  /** In a transaction. False if it was closed before. `bury`: also where it never was open here. */
  close(id: string, peer: string, why: { by: Closer; reason: string }, bury = false): boolean {
    const { sql, journal } = this.#parts;
    const { state, turn = 0 } = this.find(id) ?? {};
    if (state === "closed" || (state === undefined && !bury)) return false;
    this.#known = undefined;
    sql.exec(
      "INSERT OR REPLACE INTO channel VALUES (?, ?, 'closed', ?, ?)",
      id,
      peer,
      turn,
      Date.now(),
    );
    sql.exec(
      `DELETE FROM channel WHERE state = 'closed' AND id IN
         (SELECT id FROM channel WHERE state = 'closed' ORDER BY since DESC LIMIT -1 OFFSET ?)`,
      CLOSED_MAX,
    );
    const fields = { channel: id, peer, ...why };
    journal.append({ type: "channel.closed", about: "", turn: 0, fields });
    return true;
  }

  /** In a transaction: closes it here, and there when the outbox comes to it. */
  closeBoth(id: string, reason: string): void {
    const { journal, outbox } = this.#parts;
    const channel = this.find(id);
    if (channel === undefined || !this.close(id, channel.peer, { by: "self", reason })) return;
    const close = { id, close: reason };
    const body = new Uint8Array(0);
    outbox.add([{ to: channel.peer, body, channel: close }], { turn: 0, cause: journal.head.seq });
  }

  /** In a transaction: a message that tells the guest that its channel is closed. */
  tellGuest(id: string, peer: string): void {
    const { journal, mailbox } = this.#parts;
    const random = crypto.getRandomValues(new Uint8Array(48));
    const fields = {
      id: toHex(random.subarray(0, 16)),
      kind: "channel-close",
      from: peer,
      cause: null,
      params: [id],
      seed: random.slice(16),
    } as const;
    const about = fields.kind;
    const { seq } = journal.append({ type: "message.received", about, turn: 0, fields });
    mailbox.admit(seq);
    this.#fresh.push(seq);
  }

  /** After a transaction: puts in line what it appended, unless it was undone. */
  wake(): void {
    if (this.#fresh.length === 0) return;
    const { mailbox, run } = this.#parts;
    for (const seq of this.#fresh.splice(0)) if (mailbox.holds(seq)) mailbox.putSend(seq);
    run();
  }

  /** In the outbox's transaction: the other end has refused a message for good. */
  undeliverable(id: string): void {
    const { peer, state } = this.find(id) ?? {};
    if (peer === undefined || state !== "open") return;
    if (this.close(id, peer, { by: "self", reason: "undeliverable" })) this.tellGuest(id, peer);
  }

  /** The actor does not run any more: whoever is at the other end is told why. */
  abandon(reason: string): void {
    this.#closeAll("state = 'open'", reason);
  }

  /** While no turn is open: a channel that a turn was opening when it was lost. */
  sweep(): void {
    if (this.#counts.opening > 0) this.#closeAll("state = 'opening'", "turn-lost");
  }

  #closeAll(which: string, reason: string): void {
    if (this.live === 0) return;
    const { sql, journal } = this.#parts;
    const query = `SELECT id FROM channel WHERE ${which} ORDER BY since LIMIT ${ROUND_MAX}`;
    for (;;) {
      const ids = sql.exec<{ id: string }>(query).toArray();
      if (ids.length === 0) return;
      journal.transaction(() => {
        for (const { id } of ids) this.closeBoth(id, reason);
      });
    }
  }

  /** The running turn, which may be the one that opens a channel, has ended. */
  turnOver(): void {
    this.#turnOver.resolve();
    this.#turnOver = Promise.withResolvers();
  }

  /** Resolves when it is decided whether the channel that a turn opens here is open. */
  async decided(id: string): Promise<void> {
    if (this.find(id)?.state === "opening") await this.#turnOver.promise;
  }
}
