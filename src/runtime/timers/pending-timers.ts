// What one turn has scheduled and cancelled. It becomes real with the commit, and is forgotten if the turn
// ends in any other way; until then only the turn itself sees it.

import { fromUtf8 } from "../../lib/bytes.ts";
import { err, ok, returned, type HandlerAnswer, type Services } from "../../handlers/handler.ts";
import type { Value } from "../../chain/value.ts";
import { planOf, type Plan } from "./plan.ts";

/** Timers of one actor. */
const TIMERS_MAX = 100;
const NAME_BYTES_MAX = 128;
/** What a payload holds by value: so a timer fires without asking the store for anything. */
const BODY_BYTES_MAX = 64 * 1024;
/** Calls of `schedule` in one turn: to find a rare date takes a millisecond or two of the host's time. */
const SCHEDULED_MAX = 2 * TIMERS_MAX;

export interface Timer {
  name: string;
  plan: Plan;
  dueMs: number;
}

/** A timer to set, or the name of one to take back. */
export type TimerChange = (Timer & { body: Uint8Array }) | { name: string; plan: null };

export class PendingTimers {
  readonly #changes = new Map<string, TimerChange>();
  #scheduled = 0;
  /** The actor's timers. They change between turns only, so each turn reads them once. */
  #set: readonly Timer[] | undefined;

  get changes(): readonly TimerChange[] {
    return [...this.#changes.values()];
  }

  /** The functions of `theater:edge/timers`. `set` are the timers of the actor, `nowMs` is the turn's clock. */
  services({ set, nowMs }: { set: () => Timer[]; nowMs: () => number }): Services["timers"] {
    const list = (): Timer[] => this.#list((this.#set ??= set()));
    return {
      schedule: (name, plan, body) => this.#schedule({ name, plan, body }, list, nowMs()),
      cancel: (name) => {
        const isSet = list().some((timer) => timer.name === name);
        if (isSet) this.#changes.set(name, { name, plan: null });
        return returned(isSet);
      },
      list: () => returned(list().map(({ name, plan, dueMs }) => ({ name, plan, due: dueMs }))),
    };
  }

  #schedule(
    { name, plan: given, body }: { name: string; plan: Value; body: Uint8Array },
    list: () => Timer[],
    nowMs: number,
  ): HandlerAnswer {
    const length = fromUtf8(name).length;
    if (length === 0 || length > NAME_BYTES_MAX) {
      return err(`a timer's name has 1 to ${NAME_BYTES_MAX} bytes`);
    }
    if (body.length > BODY_BYTES_MAX) {
      return err(`a timer's body has at most ${BODY_BYTES_MAX} bytes, this one has ${body.length}`);
    }
    if (++this.#scheduled > SCHEDULED_MAX) {
      return err(`a turn schedules at most ${SCHEDULED_MAX} timers`);
    }
    const planned = planOf(given, nowMs);
    if ("wrong" in planned) return err(planned.wrong);
    const others = list().filter((timer) => timer.name !== name);
    if (others.length >= TIMERS_MAX) {
      return err(`an actor has at most ${TIMERS_MAX} timers: cancel one, or use its name again`);
    }
    this.#changes.set(name, { name, ...planned, body });
    return ok(planned.dueMs);
  }

  /** As if the turn had been committed. */
  #list(set: readonly Timer[]): Timer[] {
    const rest = set.filter(({ name }) => !this.#changes.has(name));
    const own = this.changes.flatMap((change) => (change.plan === null ? [] : [change]));
    return [...rest, ...own].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }
}
