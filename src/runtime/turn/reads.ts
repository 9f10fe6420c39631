// Turns that change nothing, side by side, each in an instance of its own. They end in their order and at one time,
// so the chain has them as if one by one, and each has seen the state that the chain has before it.
//
// Rule: others join those that run for a while, but none that stands behind a turn which may change something.

import { isReadOnly } from "../../handlers/exports.ts";
import type { Mailbox, Waiting } from "../mail/mailbox.ts";
import type { Journal } from "../record/journal.ts";
import type { Place, Turn } from "./turn.ts";
import type { Message } from "./turn-parts.ts";

/** A message whose turn changes nothing. It waits in memory. */
export type Read = Waiting & { message: Message };

export const isRead = (waiting: Waiting): waiting is Read =>
  "kind" in waiting.message && isReadOnly(waiting.message.kind);

/** Turns that run side by side. Each holds a request and a response. */
const READS_MAX = 8;
/** How long others may join them: their clock stands still, and timers wait. */
const JOIN_MS_MAX = 100;

interface ReadsParts {
  journal: Journal;
  mailbox: Mailbox;
  /** The turn of a message, which is among those that run from now on. */
  begin: (message: Message, place: Place) => Turn;
  /** Whether another turn may begin. */
  mayBegin: () => boolean;
}

export class Reads {
  readonly #parts: ReadsParts;
  /** Begins what may run beside those that run; undefined while none does. */
  #join: (() => void) | undefined;

  constructor(parts: ReadsParts) {
    this.#parts = parts;
  }

  /** Something has come in line. */
  join(): void {
    this.#join?.();
  }

  /** Until none runs any more. Throws nothing that its callers were not told. */
  async run(first: Read): Promise<void> {
    const { journal, mailbox, mayBegin } = this.#parts;
    const time = (journal.frozenMs = journal.nowMs());
    let turn = journal.lastTurn();
    let after: Promise<unknown> = Promise.resolve();
    const running = new Set<Promise<void>>();
    const begin = ({ message, done, failed }: Read): void => {
      // Whatever keeps it from beginning is its caller's to know.
      const before = after;
      const start = async (): ReturnType<Turn["run"]> =>
        await this.#parts.begin(message, { turn: ++turn, time, after: before }).run();
      const end = start();
      after = end;
      const told = end.then(done, failed).finally(() => {
        running.delete(told);
        this.#join?.();
      });
      running.add(told);
    };
    this.#join = () => {
      const isOpen = mayBegin() && Date.now() < time + JOIN_MS_MAX;
      const room = isOpen ? READS_MAX - running.size : 0;
      for (const read of mailbox.takeWhile(isRead, room)) begin(read);
    };
    try {
      begin(first);
      this.#join();
      while (running.size > 0) await Promise.allSettled(running);
    } finally {
      this.#join = undefined;
      journal.frozenMs = undefined;
    }
  }
}
