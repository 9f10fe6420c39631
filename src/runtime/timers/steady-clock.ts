// The clock of waits that are about a length of time and not about a date: the machine's, and where that jumps back
// it goes on from where it was.
//
// Invariant: it never goes back, and a jump back makes a wait longer by no more than the time between two looks at it.
// A jump ahead ends waits early: nothing tells it from a sleep of the object.

export class SteadyClock {
  /** Of the machine's, ms. */
  #aheadMs = 0;
  #lastMs = 0;

  /** Ms since the epoch, by a machine whose clock was never put back. `atLeastMs`: what others know to have been. */
  nowMs(atLeastMs = 0): number {
    const machineMs = Date.now();
    const soFarMs = Math.max(this.#lastMs, atLeastMs);
    if (machineMs + this.#aheadMs < soFarMs) this.#aheadMs = soFarMs - machineMs;
    this.#lastMs = machineMs + this.#aheadMs;
    return this.#lastMs;
  }
}
