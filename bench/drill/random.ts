// Random choices that a seed repeats: each has a name, so that one more of a kind moves no other.

import { createHash } from "node:crypto";

export class Choices {
  readonly #seed: string;

  constructor(seed: string) {
    this.#seed = seed;
  }

  /** From 0 to below 1, always the same for the same name. */
  fraction(name: string): number {
    const digest = createHash("sha256").update(`${this.#seed}/${name}`).digest();
    return digest.readUInt32BE(0) / 2 ** 32;
  }

  /** A whole number from 0 to below `bound`. */
  below(bound: number, name: string): number {
    return Math.floor(this.fraction(name) * bound);
  }
}
