// For how long a child's object has not answered an order. In memory: a new life is patient anew.
//
// Invariant: one try adds no more than a part of the patience, whatever the machine's clock does meanwhile, so nobody is
// given up before he was asked twice, or kept for ever because the clock was put back.

interface Silent {
  silentMs: number;
  lookedMs: number;
}

export class Silence {
  readonly #patienceMs: number;
  /** By operation. */
  readonly #silent = new Map<string, Silent>();

  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  /** With the first try of an order. */
  begin(operation: string): void {
    if (!this.#silent.has(operation)) this.heard(operation);
  }

  /** It has said something. */
  heard(operation: string): void {
    this.#silent.set(operation, { silentMs: 0, lookedMs: Date.now() });
  }

  /** After a try without an answer: whether that is enough. */
  isTooLong(operation: string): boolean {
    const nowMs = Date.now();
    const { silentMs, lookedMs } = this.#silent.get(operation) ?? { silentMs: 0, lookedMs: nowMs };
    const passedMs = nowMs - lookedMs;
    // Two thirds: a try takes half of the patience, and a while passes before the next one.
    const sinceMs = Math.min(Math.max(0, passedMs), (this.#patienceMs * 2) / 3);
    this.#silent.set(operation, { silentMs: silentMs + sinceMs, lookedMs: nowMs });
    return silentMs + sinceMs >= this.#patienceMs;
  }

  /** Forgets all but these. */
  keep(operations: ReadonlySet<string>): void {
    for (const operation of this.#silent.keys()) {
      if (!operations.has(operation)) this.#silent.delete(operation);
    }
  }
}
