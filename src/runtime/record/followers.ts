// Those who wait for the next event of a chain. Nobody is sent events: who wakes up reads them from the
// ledger and the journal like everybody else, so there is no gap between history and present.

import { TheaterError } from "../../lib/errors.ts";

/** Readers that may wait at one actor at a time. */
const FOLLOWERS_MAX = 256;
/** The longest wait; a reader that hears nothing asks again. */
const WAIT_MS_MAX = 30_000;

export class Followers {
  #waiting = new Set<() => void>();

  /** Resolves at the next `wake`, or after `waitMs`. Throws `busy`. */
  async wait(waitMs: number): Promise<void> {
    if (this.#waiting.size >= FOLLOWERS_MAX) {
      throw new TheaterError(
        "busy",
        `${FOLLOWERS_MAX} readers follow this actor already: ask again later.`,
      );
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.add(resolve);
    const timer = setTimeout(resolve, Math.min(waitMs, WAIT_MS_MAX));
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(resolve);
    }
  }

  /** May be called inside a transaction: who wakes up looks for itself whether there is something new. */
  wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}
