// What becomes true together with the end of a turn, in its transaction: whatever the turn leaves besides its events.

import type { Value } from "../../chain/value.ts";
import { INIT } from "../../handlers/exports.ts";
import { failBirth, SHUTDOWN_REASON } from "../lifecycle.ts";
import { keyRoute, type Idempotency } from "../mail/idempotency.ts";
import type { Mailbox } from "../mail/mailbox.ts";
import type { Outbox } from "../mail/outbox.ts";
import type { TurnMail } from "../mail/turn-mail.ts";
import type { Timers } from "../timers/timers.ts";
import type { EndHook, Message, TurnParts, TurnRecord } from "./turn-parts.ts";

export interface EndParts extends Pick<TurnParts, "cell" | "journal" | "files" | "site"> {
  mailbox: Mailbox;
  outbox: Outbox;
  idempotency: Idempotency;
  timers: Timers;
  /** In the transaction that ends a turn. */
  ended: EndHook;
  /** In the transaction that ends a turn of a guest that shuts itself down, with what it said. */
  shutDown: (data: Value) => void;
}

export function writeEnd(
  parts: EndParts,
  { seq, key, kind, about }: Message,
  end: TurnRecord,
  mail: TurnMail,
): void {
  const { cell, journal, mailbox, outbox, idempotency, files, timers, site } = parts;
  if (cell.get("openTurn") != null) cell.set("openTurn", null);
  if (seq !== null) mailbox.settle(seq);
  if (key !== null) idempotency.keep(keyRoute(kind), key, end.seq);
  if (end.files.size > 0) files.apply(end.files, end.seq);
  if (end.committed) outbox.add(end.sends, { turn: end.turn, cause: end.seq });
  if (end.committed) timers.apply(end.timers, journal.head);
  if (end.site !== null) site.apply(end.site);
  mail.end(end);
  if (end.data !== null) {
    const fields = { reason: SHUTDOWN_REASON, by: null, data: end.data };
    journal.append({ type: "actor.stopped", about: "", turn: 0, fields });
    cell.set("status", "stopped");
    cell.set("reason", SHUTDOWN_REASON);
    parts.shutDown(end.data);
  } else if (about === INIT && !end.committed) {
    failBirth(parts);
  }
  if (about === INIT && end.committed) cell.set("begun", true);
  parts.ended(end.turn, end);
}
