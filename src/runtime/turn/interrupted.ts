// Turns that an earlier life left open, or whose end could not be written: their message and what they did
// are in the chain, so they go on from there. Where they cannot, they are closed and said to be lost, never
// silently forgotten.

import type { Failure } from "../../chain/event-types.ts";
import { assert } from "../../lib/errors.ts";
import { recordedCalls, type RecordedEvent } from "../../replay/recorded-turn.ts";
import { failBirth } from "../lifecycle.ts";
import type { Idempotency } from "../mail/idempotency.ts";
import type { Mailbox } from "../mail/mailbox.ts";
import type { Cell, OpenTurn } from "../record/cell.ts";
import type { History } from "../record/history.ts";
import type { Journal } from "../record/journal.ts";
import type { TurnEnd } from "./turn.ts";
import type { EndHook, Interrupted } from "./turn-parts.ts";

interface OpenTurnParts {
  journal: Journal;
  history: History;
  cell: Cell;
  mailbox: Mailbox;
  idempotency: Idempotency;
  ended: EndHook;
}

/** Events of one reading; a turn has at most two for each host call, and messages come in between. */
const PAGE_MAX = 1_000;

/** What the chain has of the turn. Throws `wrong-state` where a part of it was erased. */
export async function readInterrupted(
  { history, journal }: OpenTurnParts,
  { turn, message, resumed }: OpenTurn,
): Promise<Interrupted> {
  const events: RecordedEvent[] = [];
  for (let from = message; from <= journal.head.seq;) {
    const page = await history.entries(from, PAGE_MAX);
    for (const { payload, ...event } of page) {
      if (event.turn === turn) events.push({ ...event, payload: payload.block });
    }
    const last = page.at(-1);
    assert(last !== undefined, "a chain has no gaps");
    from = last.seq + 1;
  }
  return { turn, resumed, ...recordedCalls(events) };
}

/** Closes the open turn without effect. Throws what storage throws. */
export function closeOpenTurn(
  parts: OpenTurnParts,
  { turn, message, key }: OpenTurn,
  how: { failure: Failure; code: string; message: string },
): TurnEnd {
  const { journal, cell, mailbox, idempotency } = parts;
  const { failure: kind, code } = how;
  const { seq, cid } = journal.transaction(() => {
    const fields = { message, kind, code };
    const closed = journal.append({ type: "turn.failed", about: "", turn, fields });
    cell.set("openTurn", null);
    mailbox.settle(message);
    // A repetition must learn what became of it; run again, it would act again.
    if (key !== null) idempotency.keep("request", key, closed.seq);
    const received = journal.payload(message, "message.received");
    if (received?.kind === "lifecycle") failBirth(parts);
    parts.ended(turn, { committed: false, failure: { kind, code } });
    return closed;
  });
  mailbox.drop(message);
  return { kind: "failed", ...how, event: { seq, cid } };
}
