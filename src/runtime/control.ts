// What operators do to an actor: stop, terminate, restart, pause, resume. Each is one event, and a
// repetition under the same key gets the first one's answer.

import { TheaterError } from "../lib/errors.ts";
import type { Family } from "./children/family.ts";
import { statusAfter } from "../supervision/lifecycle.ts";
import { lifecycleEvent } from "./lifecycle.ts";
import { messageKey, type Idempotency, type MessageKey } from "./mail/idempotency.ts";
import type { ActorStatus, EventRef, LifecycleChange } from "./protocol.ts";
import type { Cell } from "./record/cell.ts";
import type { Feeder } from "./record/feeder.ts";
import type { Journal } from "./record/journal.ts";
import type { Runner } from "./turn/runner.ts";

interface ControlParts {
  journal: Journal;
  cell: Cell;
  idempotency: Idempotency;
  feeder: Feeder;
  runner: Runner;
  family: Family | undefined;
}

export interface Changed {
  status: ActorStatus;
  event: EventRef;
}

/** After these an actor does nothing any more. */
export const ENDS: ReadonlySet<LifecycleChange> = new Set(["stop", "terminate", "delete"]);

/** What a change of status has in place of a body. */
const NO_BODY = new Uint8Array(0);

export class Control {
  readonly #parts: ControlParts;

  constructor(parts: ControlParts) {
    this.#parts = parts;
  }

  /**
   * A stop waits for the running turn, and a terminate cuts it; a pause lets it end and waits for nothing. Whoever is deleted
   * has no turn, and leaves no child behind.
   */
  async change(change: LifecycleChange, principal: string, key: string | null): Promise<Changed> {
    const { cell, journal, idempotency, runner } = this.#parts;
    const keyed = key === null ? null : messageKey({ principal, key }, NO_BODY);
    const known = (): number | undefined =>
      keyed === null ? undefined : idempotency.find(change, keyed);
    const apply = (): Changed => {
      const seq = known(); // again: a repetition may have come through while a turn ended
      if (seq !== undefined) return { status: cell.status, event: journal.ref(seq) };
      return this.#apply(change, principal, keyed);
    };
    try {
      if (known() !== undefined) return apply();
      statusAfter(change, cell.status);
      if (change === "restart") {
        this.#requireOneHistory();
        const event = await this.#parts.family?.subordinate.restart(principal, keyed);
        if (event != null) return { status: cell.status, event };
      }
      if (!ENDS.has(change)) return apply();
      // Children first, in the reverse of the order in which they started.
      const end = (): Promise<Changed> =>
        runner.between(apply, change === "terminate" ? "terminated" : undefined);
      const keeper = this.#parts.family?.keeper;
      const told = { kind: "stopped", reason: `${change} by ${principal}` } as const;
      return await (keeper?.ending({ ...told, brutal: change !== "stop" }, end) ?? end());
    } finally {
      runner.start();
      this.#parts.family?.open();
    }
  }

  #apply(change: LifecycleChange, principal: string, key: MessageKey | null): Changed {
    const { cell, journal, idempotency } = this.#parts;
    const status = statusAfter(change, cell.status);
    if (change === "restart") this.#requireBegun();
    const event = journal.transaction(() => {
      const appended = journal.append(lifecycleEvent(change, principal, 1));
      cell.set("status", status);
      cell.set("reason", status === "stopped" ? change : "");
      if (key !== null) idempotency.keep(change, key, appended.seq);
      if (ENDS.has(change)) this.#parts.family?.onStopped(change, principal);
      return { seq: appended.seq, cid: appended.cid };
    });
    return { status, event };
  }

  #requireOneHistory(): void {
    if (!this.#parts.feeder.isForked) return;
    const message = "The ledger holds another history of this actor: it cannot go on as either.";
    throw new TheaterError("chain-fork", message);
  }

  /** An actor whose init did not succeed has no state to go on from; one that is forked has two. */
  #requireBegun(): void {
    const { cell } = this.#parts;
    this.#requireOneHistory();
    if (cell.get("begun") === true) return;
    const message = "The actor's init did not succeed: start a new one from a mended manifest.";
    throw new TheaterError("wrong-state", message, { status: cell.status });
  }
}
