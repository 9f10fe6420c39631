// The ends of children in their supervisor's chain: one `child.exited` for each incarnation, and a second one where
// the first had to say that nobody answered.

import { Link } from "../../chain/value.ts";
import type { Journal } from "../record/journal.ts";
import type { ChildRow, ChildRows } from "./child-rows.ts";
import type { Answered, HeadMark, Notice } from "./orders.ts";

/** The reason of an end that only its supervisor's patience says. */
export const UNREACHABLE = "unreachable";

interface ExitParts {
  journal: Journal;
  rows: ChildRows;
  tellGuest: (row: ChildRow, notice: Notice) => void;
}

/** Each in a transaction. */
export class Exits {
  readonly #parts: ExitParts;

  constructor(parts: ExitParts) {
    this.#parts = parts;
  }

  /** False if it is recorded already. `head` null: nobody knows where the child's chain ends. */
  note(
    { name, actor }: Pick<ChildRow, "name" | "actor">,
    incarnation: number,
    end: { head: HeadMark | null; reason: string },
  ): boolean {
    const { rows } = this.#parts;
    const row = rows.byName(name); // again: its notice may have come while an order was under way
    if (row === undefined || incarnation <= row.exited) return false;
    rows.noteExited(name, incarnation);
    this.#append(actor, end);
    return true;
  }

  /** One that had failed before it was told to stop has failed, and its own notice will be the second one. */
  noteStopped(row: ChildRow, incarnation: number, answered: Stopped): void {
    const { notice, head } = answered;
    if (notice === null) this.note(row, incarnation, { head, reason: "shutdown" });
    else if (this.note(row, incarnation, { head: notice.head, reason: notice.kind })) {
      this.#parts.tellGuest(row, notice);
    }
  }

  /** A child that had been given up has answered after all. */
  noteLate(actor: string, { notice, head }: Stopped): void {
    this.#append(actor, { head: notice?.head ?? head, reason: notice?.kind ?? "shutdown" });
  }

  #append(child: string, { head, reason }: { head: HeadMark | null; reason: string }): void {
    const link = head === null ? null : new Link("dag-cbor", head.digest);
    const size = head === null ? 0 : head.seq + 1;
    const fields = { child, head: link, size, root: null, reason };
    this.#parts.journal.append({ type: "child.exited", about: "", turn: 0, fields });
  }
}

export type Stopped = Extract<Answered, { saw: "stopped" }>;
