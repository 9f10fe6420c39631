// The object's alarm: the only place that sets it. It is one slot, and used up when it fires (platform,
// 2026-11), so it goes to the earliest time at which anything has to be done.
//
// Invariant: it is set if and only if something is pending, and never behind the time of the earliest timer.
// What is pending is in rows, and the slot only follows from them.

/** How long after unfinished work the alarm looks again. Ordinary work never waits for it. */
export const ALARM_MS = 5_000;
/** How long an alarm waits for the turns in line. */
export const LINE_MS_MAX = 5_000;
/** How long it works, if D1 or R2 do not answer: the next alarm comes only after this one's end. */
const HANDLE_MS_MAX = 30_000;

interface AlarmParts {
  storage: DurableObjectStorage;
  /** Whether the rows say that something is left to do now. */
  isPending: () => boolean;
  /** When the earliest timer that may fire is due, ms since the epoch. */
  timerMs: () => number | undefined;
}

export class Alarm {
  readonly #parts: AlarmParts;
  /** What the slot is known to hold, and is not known to have fired. */
  #setMs: number | undefined;
  #isHandling = false;

  constructor(parts: AlarmParts) {
    this.#parts = parts;
  }

  /** After a transaction that was undone: with it went the alarm that it set. */
  forget(): void {
    this.#setMs = undefined;
  }

  /**
   * At a wake-up: the alarm of the last life may have been used up in vain, by one that died in it. One that is
   * set stays: mostly it is what has woken this object, and writing the slot now would call that run off and
   * have all its work wait for the next one (measured on workerd 1.20261102, 2026-11-23).
   */
  async open(): Promise<void> {
    const ms = await this.#parts.storage.getAlarm();
    if (this.#isHandling || this.#setMs !== undefined) return;
    if (ms !== null) this.#setMs = Math.max(ms, Date.now());
    const dueMs = this.#dueMs();
    if (dueMs !== undefined) this.#set(dueMs);
  }

  /** The last step of every transaction that appends: if this object dies now, the alarm wakes it. */
  arm(): void {
    this.#set(Math.min(Date.now() + ALARM_MS, this.#timerMs() ?? Infinity));
  }

  /** Does `work`, for so long as nothing else waits for the alarm, and then sets the slot to what is left. */
  async handle(work: () => Promise<void>): Promise<void> {
    this.#setMs = undefined;
    this.#isHandling = true;
    try {
      await within(this.#timerMs() === undefined ? HANDLE_MS_MAX : ALARM_MS, work());
    } finally {
      this.#isHandling = false;
      const dueMs = this.#dueMs();
      if (dueMs === undefined) await this.#clear();
      else this.#set(dueMs);
    }
  }

  #set(ms: number): void {
    // One that should have fired long ago has been lost.
    const isLost = this.#setMs !== undefined && this.#setMs < Date.now() - ALARM_MS;
    if (this.#setMs !== undefined && this.#setMs <= ms && !isLost) return;
    this.#setMs = ms;
    void this.#parts.storage.setAlarm(ms);
  }

  /** Mostly it has just fired and the slot is empty; then nothing is written. */
  async #clear(): Promise<void> {
    const { storage } = this.#parts;
    const ms = await storage.getAlarm();
    if (ms !== null && this.#setMs === undefined) await storage.deleteAlarm();
  }

  /** When something is to be done next; undefined while nothing is pending. */
  #dueMs(): number | undefined {
    const laterMs = Date.now() + ALARM_MS;
    try {
      const timerMs = this.#timerMs();
      return this.#parts.isPending() ? Math.min(laterMs, timerMs ?? laterMs) : timerMs;
    } catch {
      return laterMs; // storage does not answer: something may be pending
    }
  }

  /** A timer that could not fire when it was due is looked at with everything else. */
  #timerMs(): number | undefined {
    const ms = this.#parts.timerMs();
    return ms === undefined || ms > Date.now() ? ms : Date.now() + ALARM_MS;
  }
}

/** Waits for `work`, but no longer than `ms`; then it goes on alone. */
export async function within(ms: number, work: Promise<void>): Promise<void> {
  const { promise: enough, resolve } = Promise.withResolvers<void>();
  const timeout = setTimeout(resolve, ms);
  await Promise.race([work, enough]).finally(() => clearTimeout(timeout));
}
