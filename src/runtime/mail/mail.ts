// All of an actor's mail besides its mailbox: what leaves, what is asked and not answered yet, what is open
// to others. Wires the parts and passes on what concerns several of them.

import { isUp } from "../../supervision/lifecycle.ts";
import type { ActorRpc, ActorStatus, Refusal } from "../protocol.ts";
import type { Cell } from "../record/cell.ts";
import type { Journal } from "../record/journal.ts";
import { Admission, type AdmissionParts } from "./admission.ts";
import { Asking } from "./asking.ts";
import { ChannelAdmission } from "./channel-admission.ts";
import { Channels } from "./channels.ts";
import { Deadlocks } from "./deadlocks.ts";
import { Deferred } from "./deferred.ts";
import type { Idempotency } from "./idempotency.ts";
import type { Mailbox } from "./mailbox.ts";
import { Outbox } from "./outbox.ts";
import { Peers } from "./peers.ts";

interface MailParts {
  sql: SqlStorage;
  journal: Journal;
  cell: Cell;
  mailbox: Mailbox;
  idempotency: Idempotency;
  peer: (id: string) => ActorRpc;
  /** Begins with what waits in the mailbox. */
  run: () => void;
  /** Another actor has seen another history of this one. */
  onFork: (refusal: Refusal) => void;
}

/** What the admission of messages needs of the rest of the actor. */
type Door = Omit<AdmissionParts, keyof MailParts | "deferred" | "deadlocks">;

export class Mail {
  readonly outbox: Outbox;
  readonly deferred: Deferred;
  readonly channels: Channels;
  readonly peers: Peers;
  readonly deadlocks: Deadlocks;
  readonly asking: Asking;
  readonly #parts: MailParts;

  constructor(parts: MailParts) {
    const { sql, journal, mailbox, idempotency, peer, onFork } = parts;
    this.#parts = parts;
    this.outbox = new Outbox(sql, journal, peer);
    this.deferred = new Deferred(sql, journal, idempotency);
    this.channels = new Channels({ ...parts, outbox: this.outbox });
    this.peers = new Peers(sql, journal.actor, peer);
    const { actor } = journal;
    const parent = parts.cell.get("parent") ?? null;
    this.deadlocks = new Deadlocks({ actor, parent, mailbox, peer });
    this.asking = new Asking(actor, {
      peer,
      outbox: this.outbox,
      deadlocks: this.deadlocks,
      onFork,
    });
    this.outbox.onFork = onFork;
    this.outbox.onUndeliverable = (channel) => this.channels.undeliverable(channel);
    this.outbox.onFailed = () => this.channels.wake();
  }

  admissions(door: Door): { admission: Admission; channelAdmission: ChannelAdmission } {
    const { deferred, channels, deadlocks } = this;
    const admission = new Admission({ ...this.#parts, ...door, deferred, deadlocks });
    const parts = { ...this.#parts, ...door, channels, deadlocks, admission };
    return { admission, channelAdmission: new ChannelAdmission(parts) };
  }

  /** After a transaction that was undone. */
  forget(): void {
    this.outbox.forget();
    this.deferred.forget();
    this.channels.forget();
  }

  /** After every recorded end of a turn. */
  settled(): void {
    this.deferred.wake();
    this.channels.wake();
    this.#deliver();
  }

  /** Whenever it is seen that the actor does not run: nobody waits for one that may never run again. */
  halted(status: ActorStatus): void {
    if (status === "stopped" || status === "deleted") this.deferred.abandon();
    if (!isUp(status)) this.channels.abandon(status);
    this.#deliver();
  }

  #deliver(): void {
    if (this.outbox.nextDueMs() === undefined) return;
    void this.outbox.deliver().catch(() => undefined);
  }
}
