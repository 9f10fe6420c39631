// A clock that a test moves on, for everything in its isolate. Rule: whoever moved it puts it back.

import { vi } from "vitest";

const realNow = Date.now.bind(Date);
let passedMs = 0;

/** The clock goes on by so much. */
export function pass(ms: number): void {
  passedMs += ms;
  vi.spyOn(Date, "now").mockImplementation(() => realNow() + passedMs);
}

export function clockBack(): void {
  vi.restoreAllMocks();
  passedMs = 0;
}
