// One number of the second table, with what it is held against where there is a target.

import type { Bench } from "../server.ts";
import { median } from "../load/statistics.ts";

export interface Measurement {
  /** Stable, for whoever reads the JSON: "spawn.later". */
  id: string;
  name: string;
  value: number;
  unit: string;
  /** "≤ 3 × a bare object's first request", and how far it is. */
  target?: { text: string; ratio: number; isMet: boolean };
}

export interface FurtherOptions {
  bench: Bench;
  isQuick: boolean;
  note: (line: string) => void;
}

/** Median of `count` runs, one after the other, in milliseconds. */
export async function medianMs(
  count: number,
  run: (n: number) => Promise<unknown>,
): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n < count; n++) {
    const at = performance.now();
    await run(n);
    times.push(performance.now() - at);
  }
  return median(times);
}

export function atMost(bound: number, what: string, ratio: number): Measurement["target"] {
  return { text: `≤ ${bound} × ${what}`, ratio, isMet: ratio <= bound };
}

/** A different component that does the same: with a custom section of its own at the end. */
export function variant(wasm: Uint8Array, n: number): Uint8Array {
  const nonce = new TextEncoder().encode(`v${String(n).padStart(8, "0")}`);
  return Buffer.concat([wasm, Uint8Array.of(0, nonce.length + 1, nonce.length), nonce]);
}
