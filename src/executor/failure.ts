// How a turn ends that did not return: what was thrown through the guest or by it, as a code that is recorded.

import type { TurnAbort, TurnOutcome } from "./executor.ts";

export type Failed = Extract<TurnOutcome, { kind: "failed" }>;

/** Thrown through the guest to end its turn. */
export class TurnAborted extends Error {
  readonly failed: Failed;

  constructor({ kind, code, message }: TurnAbort) {
    super(message);
    this.failed = { kind: "failed", failure: kind, code, message };
  }
}

export const messageOf = (thrown: unknown): string =>
  thrown instanceof Error ? thrown.message : String(thrown);

/** How a turn ends that threw this. */
export function failureOf(thrown: unknown): Failed {
  if (thrown instanceof TurnAborted) return thrown.failed;
  const message = messageOf(thrown);
  const kind = "failed";
  // How deep the host's stack is and how much memory it has depends on the machine, not on the guest.
  if (thrown instanceof RangeError) {
    if (/call stack/i.test(message)) return { kind, failure: "cut", code: "host-stack", message };
    if (/out of memory|allocation failed|allocate/i.test(message)) {
      return { kind, failure: "host", code: "host-memory", message };
    }
  }
  return { kind, failure: "trap", code: trapCode(message), message };
}

/** V8's words differ between versions and are not hashed; these codes are. */
const TRAPS: readonly [RegExp, string][] = [
  [/unreachable/, "unreachable"],
  // V8's words first, then those that jco puts in their place.
  [/memory access out of bounds|out of bounds memory access/, "memory-out-of-bounds"],
  [/table index is out of bounds|out of bounds table access/, "table-out-of-bounds"],
  [/table access out of bounds/, "table-out-of-bounds"],
  [/divide by zero|remainder by zero/, "divide-by-zero"],
  [/result unrepresentable|integer overflow/, "integer-overflow"],
  [/float unrepresentable|invalid conversion to integer/, "float-conversion"],
  [/null function|signature mismatch|indirect call type mismatch/, "indirect-call"],
];

function trapCode(message: string): string {
  return TRAPS.find(([pattern]) => pattern.test(message))?.[1] ?? "other";
}
