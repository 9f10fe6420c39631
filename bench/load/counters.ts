// Holds the answers of durable counters against what was asked: each increment is answered by a number, no number
// comes twice, none is left out, and at the end the counter stands where the last acknowledged one left it.

import type { Check } from "./load.ts";

interface Seen {
  count: number;
  sum: number;
  max: number;
}

export class Counters {
  readonly #seen: Seen[];

  constructor(targets: number) {
    this.#seen = Array.from({ length: targets }, () => ({ count: 0, sum: 0, max: 0 }));
  }

  readonly check: Check = (target, { status, body }) => {
    const value = Number(/\d+/.exec(body)?.[0]);
    const seen = this.#seen[target];
    if (status !== 200 || seen === undefined || !Number.isSafeInteger(value)) {
      throw new Error(`counter ${target} answered ${status} ${body.slice(0, 200)}`);
    }
    seen.count++;
    seen.sum += value;
    seen.max = Math.max(seen.max, value);
  };

  get increments(): number {
    return this.#seen.reduce((all, { count }) => all + count, 0);
  }

  /** Throws unless every counter gave exactly 1, 2, 3 … as far as it was asked. */
  settle(): void {
    for (const [target, { count, sum, max }] of this.#seen.entries()) {
      if (max !== count) {
        throw new Error(
          `counter ${target} stands at ${max} after ${count} acknowledged increments`,
        );
      }
      if (sum !== (count * (count + 1)) / 2) {
        throw new Error(`counter ${target} answered a number twice`);
      }
    }
  }
}
