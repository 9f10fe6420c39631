// The object's alarm: the only place that sets it. It is one slot, and used up when it fires (platform,
// 2026-11), so whoever has something to do later says when, and the earliest counts.

/** How long after unfinished work the alarm looks again. Ordinary work never waits for it. */
export const ALARM_MS = 5_000;

export class Alarm {
  readonly #storage: DurableObjectStorage;
  #setMs: number | undefined;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  /**
   * Wakes the object at `ms`, since the epoch, or before. In a transaction its last step: one that is
   * undone later takes the alarm along that it set.
   */
  arm(ms: number): void {
    if (this.#setMs !== undefined && this.#setMs <= ms) return;
    this.#setMs = ms;
    void this.#storage.setAlarm(ms);
  }

  /** The slot is empty. */
  fired(): void {
    this.#setMs = undefined;
  }
}
