// What one turn writes into the journal: its message, if it is not there yet, then its calls in the order in
// which the guest saw them. Nothing of it is on disk before a flush, and all of it is final after one.

import type { HostCall } from "../../executor/executor.ts";
import type { Journal } from "../record/journal.ts";
import type { Message } from "./turn-parts.ts";

export class TurnPages {
  readonly #journal: Journal;
  readonly #message: Message;
  readonly #turn: number;
  #messageSeq: number | null;
  #calls: HostCall[] = [];

  constructor(journal: Journal, message: Message, turn: number) {
    this.#journal = journal;
    this.#message = message;
    this.#messageSeq = message.seq;
    this.#turn = turn;
  }

  /** An answered call that the next flush writes. */
  add(call: HostCall): void {
    this.#calls.push(call);
  }

  /** All calls that are not in the journal yet. */
  get unwritten(): readonly HostCall[] {
    return this.#calls;
  }

  /** One transaction: first the message and `calls`, then `write`, which is told the seq of the message. */
  flush<T>(calls: readonly HostCall[], write: (message: number) => T): T {
    const before = this.#messageSeq;
    try {
      const result = this.#journal.transaction(() => this.write(calls, write));
      if (calls === this.#calls) this.#calls = [];
      return result;
    } catch (thrown) {
      this.#messageSeq = before;
      throw thrown;
    }
  }

  /** As `flush`, in a transaction of others. Where that is undone, these pages are of no more use. */
  write<T>(calls: readonly HostCall[], write: (message: number) => T): T {
    const message = (this.#messageSeq ??= this.#appendMessage());
    for (const { about, args, outcome, result } of calls) {
      const fields = { args, outcome, result };
      this.#journal.append({ type: "host.called", about, turn: this.#turn, fields });
    }
    return write(message);
  }

  #appendMessage(): number {
    const { id, kind, from, cause, params, seed } = this.#message;
    const fields = { id, kind, from, cause, params, seed };
    const draft = { type: "message.received", about: kind, turn: this.#turn, fields } as const;
    return this.#journal.append(draft).seq;
  }
}
