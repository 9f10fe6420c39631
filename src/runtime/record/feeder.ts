// Feeds the ledger in D1 from the journal: grouped, in order, repeated until acknowledged. The journal is
// the truth and the ledger follows, so nothing here can lose an event; it can only be late.

import { groupsOf, GROUP_ROWS_MAX, type Ledger } from "../../chain/ledger.ts";
import { ensureTheaterError, TheaterError } from "../../lib/errors.ts";
import { SteadyClock } from "../timers/steady-clock.ts";
import type { History } from "./history.ts";
import type { Journal } from "./journal.ts";

/**
 * How long an event waits for company. With 32 busy actors, feeding each every 50 ms cost a third of all
 * throughput and every second next to nothing (measured on a prototype).
 */
const LAG_MS = 1_000;
/**
 * Events that are worth a statement: of some twenty turns. A statement took 1.4 ms of the processor whatever it
 * carried, and 0.03 ms for each event (local D1, 2026-11-23).
 */
const COMPANY = 64;
/**
 * With fewer, the wait doubles from one append to the next, up to this. Above ALARM_MS: the alarm of an actor at
 * work comes every five seconds and feeds, so that a shorter wait would make two appends of one.
 */
const LAG_MAX_MS = 6_000;
/**
 * After a quiet time the ledger follows at once, but for a turn that is running: what it has written so
 * far goes with its end, or one turn would cost two appends.
 */
const LAG_MIN_MS = 5;
/**
 * Events that may wait for a ledger that does not answer; then the actor takes no new messages. Twice
 * what one turn may write (HOST_CALLS_MAX): a turn that talks much is no outage.
 */
export const BACKLOG_MAX = 20_000;

export class Feeder {
  readonly #journal: Journal;
  readonly #history: History;
  readonly #ledger: Ledger;
  readonly #onFork: (error: TheaterError) => void;
  /** A clock that was put back must not hold the ledger up for as long. */
  readonly #clock = new SteadyClock();
  #acknowledged: number;
  #feeding: Promise<void> | undefined;
  #timer: { id: ReturnType<typeof setTimeout>; dueMs: number } | undefined;
  #lastFedMs = 0;
  /** The present wait of events that are few. */
  #lagMs = LAG_MS;
  /** Whether nothing had waited for that long when what waits now came. */
  #wasQuiet = true;
  /** Since when something waits that no append has taken along; undefined where nothing does. */
  #waitingMs: number | undefined;
  /** The ledger holds another history: nothing is fed any more, and whoever asks is told. */
  #fork: TheaterError | undefined;
  /** Whether a turn is running, whose end is worth waiting for. */
  isTurning: () => boolean = () => false;
  /** After the ledger was found to have lost what it once acknowledged. */
  onRewind: (lostFrom: number) => void = () => undefined;

  constructor(
    journal: Journal,
    history: History,
    ledger: Ledger,
    acknowledged: number,
    onFork: (error: TheaterError) => void,
  ) {
    this.#journal = journal;
    this.#history = history;
    this.#ledger = ledger;
    this.#acknowledged = acknowledged;
    this.#onFork = onFork;
  }

  /** The highest seq that the ledger is known to hold; -1 before the first. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  get backlog(): number {
    return this.#journal.head.seq - this.#acknowledged;
  }

  /** Whether the ledger holds another chain under this name, so that nothing is fed any more. */
  get isForked(): boolean {
    return this.#fork !== undefined;
  }

  /** Whether there is something to feed, and a ledger that may take it. */
  get isPending(): boolean {
    return this.#fork === undefined && this.backlog > 0;
  }

  /** Says that there may be something new, or that a turn has ended. Never waits. */
  poke(): void {
    if (!this.isPending || this.#feeding !== undefined) return;
    const nowMs = this.#clock.nowMs();
    if (this.#waitingMs === undefined) {
      this.#waitingMs = nowMs;
      this.#wasQuiet = nowMs >= this.#lastFedMs + this.#lagMs;
      if (this.#wasQuiet) this.#lagMs = LAG_MS;
    }
    const dueMs = this.#dueMs(nowMs);
    if (this.#timer !== undefined && this.#timer.dueMs <= dueMs) return;
    clearTimeout(this.#timer?.id);
    const id = setTimeout(() => this.#onTimer(), dueMs - nowMs);
    this.#timer = { id, dueMs };
  }

  #dueMs(nowMs: number): number {
    return Math.max(nowMs + (this.isTurning() ? 0 : LAG_MIN_MS), this.#readyMs(nowMs));
  }

  /** When what waits may go: for a turn that is running it waits as long as it may. */
  #readyMs(nowMs: number): number {
    const lagMs = this.backlog < COMPANY ? this.#lagMs : LAG_MS;
    const latestMs = (this.#waitingMs ?? nowMs) + lagMs;
    return this.isTurning() ? latestMs : Math.min(latestMs, this.#lastFedMs + lagMs);
  }

  #onTimer(): void {
    this.#timer = undefined;
    const nowMs = this.#clock.nowMs();
    if (!this.isPending || nowMs < this.#readyMs(nowMs)) {
      this.poke(); // a turn has begun meanwhile, or somebody has fed what this timer was set for
      return;
    }
    const isFew = this.backlog < COMPANY;
    if (isFew && !this.#wasQuiet) this.#lagMs = Math.min(2 * this.#lagMs, LAG_MAX_MS);
    // A failure is not lost: the alarm, the next commit or the next audit read tries again.
    void this.feed().catch(() => undefined);
  }

  /** Feeds everything up to the present head. Throws what the ledger threw; a repetition is harmless. */
  async feed(): Promise<void> {
    const target = this.#journal.head.seq;
    while (this.#acknowledged < target) {
      if (this.#fork !== undefined) throw this.#fork;
      this.#feeding ??= this.#feedOnce().finally(() => {
        this.#feeding = undefined;
        this.#lastFedMs = this.#clock.nowMs();
        this.poke();
      });
      await this.#feeding;
    }
  }

  async #feedOnce(): Promise<void> {
    this.#waitingMs = undefined;
    const entries = await this.#history.entries(this.#acknowledged + 1, GROUP_ROWS_MAX);
    for (const group of groupsOf(entries)) {
      const last = group.at(-1);
      if (last === undefined) return;
      try {
        await this.#ledger.append(group);
        this.#acknowledged = last.seq;
      } catch (thrown) {
        const error = ensureTheaterError(thrown);
        if (error.code === "chain-fork") this.#stop(error);
        // The ledger lacks what it once acknowledged (a restored database): fill it from where it is.
        else if (error.code === "chain-gap") await this.#rewind();
        throw error;
      }
    }
  }

  async #rewind(): Promise<void> {
    const head = await this.#ledger.head(this.#journal.actor);
    const held = head?.seq ?? -1;
    if (held >= this.#acknowledged) return;
    this.#acknowledged = held;
    this.onRewind(held + 1);
  }

  /** Looks whether the ledger still has what it acknowledged, and feeds it again what it lacks. */
  async recheck(): Promise<void> {
    await this.#feeding?.catch(() => undefined);
    await this.#rewind();
    await this.feed();
  }

  /** An earlier life has found a fork. */
  stayForked(message: string): void {
    this.#fork = new TheaterError("chain-fork", message);
  }

  /** Two histories under one name: nothing may be written over either. */
  #stop(error: TheaterError): void {
    this.#fork = error;
    this.#onFork(error);
  }
}
