// A turn that had acted on the outside and could not be ended: its object died, or its end could not be
// written. Re-running it up to where it was needs replay; until then it is closed and said to be lost,
// never silently forgotten.

import type { Cell } from "../record/cell.ts";
import type { Idempotency } from "../mail/idempotency.ts";
import type { Journal } from "../record/journal.ts";
import { failBirth } from "../lifecycle.ts";
import type { Mailbox } from "../mail/mailbox.ts";
import type { TurnEnd } from "./turn.ts";

interface LostTurnParts {
  journal: Journal;
  cell: Cell;
  mailbox: Mailbox;
  idempotency: Idempotency;
}

/** The recorded end; undefined if no turn is open. Throws what storage throws. */
export function closeLostTurn(parts: LostTurnParts): TurnEnd | undefined {
  const { journal, cell, mailbox, idempotency } = parts;
  const open = cell.get("openTurn");
  if (open == null) return undefined;
  const { turn, message, key } = open;
  const { seq, cid } = journal.transaction(() => {
    const fields = { message, kind: "lost", code: "unresumable" } as const;
    const closed = journal.append({ type: "turn.failed", about: "", turn, fields });
    cell.set("openTurn", null);
    mailbox.settle(message);
    // A repetition must learn what became of it; run again, it would act again.
    if (key !== null) idempotency.keep("request", key, closed.seq);
    const received = journal.payload(message, "message.received");
    if (received?.kind === "lifecycle") failBirth(parts);
    return closed;
  });
  mailbox.drop(message);
  const reason = "the turn was cut off after it had acted on the outside";
  const lost = { failure: "lost", code: "unresumable", message: reason } as const;
  return { kind: "failed", ...lost, event: { seq, cid } };
}
