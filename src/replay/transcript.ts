// The recorded host calls of a turn that runs again. The guest must make the same calls in the same order;
// the first that differs is where the two histories part.

import { encode } from "../chain/cbor.ts";
import { sha256 } from "../chain/hash.ts";
import { INLINE_BYTES_MAX } from "../chain/payload-fields.ts";
import { Link, type Value } from "../chain/value.ts";
import { equalBytes } from "../lib/bytes.ts";
import { TheaterError } from "../lib/errors.ts";
import type { HostCall } from "../executor/executor.ts";
import type { RecordedCall } from "./recorded-turn.ts";

/** What a guest did there instead; null: it made no further call. */
export type FoundCall = Pick<HostCall, "about" | "args"> & Partial<HostCall>;

/** The guest did not do again what it did. `seq` is the recorded event where it parted. */
export class Divergence extends Error {
  readonly seq: number;
  readonly expected: RecordedCall;
  readonly found: FoundCall | null;
  /** See `Difference`. */
  readonly rule: string | undefined;

  constructor(expected: RecordedCall, found: FoundCall | null, rule?: string) {
    super(
      `at event ${expected.seq} the guest called ${found?.about ?? "nothing"} instead of ${expected.about}`,
    );
    this.seq = expected.seq;
    this.expected = expected;
    this.found = found;
    this.rule = rule;
  }
}

export class Transcript {
  readonly #calls: readonly RecordedCall[];
  #next = 0;

  constructor(calls: readonly RecordedCall[]) {
    this.#calls = calls;
  }

  /** Whether the guest has done again all that is recorded. */
  get isOver(): boolean {
    return this.#next >= this.#calls.length;
  }

  /** The next recorded call, which must be this one; undefined behind the last. Throws Divergence. */
  take(found: FoundCall): RecordedCall | undefined {
    const expected = this.#calls[this.#next];
    if (expected === undefined) return undefined;
    if (expected.about !== found.about || !isSame(expected.args, found.args)) {
      throw new Divergence(expected, found);
    }
    this.#next++;
    return expected;
  }

  /** As `take` for a call that was answered already: the answer must be the recorded one too. */
  takeAnswered(found: HostCall): boolean {
    const expected = this.take(found);
    if (expected === undefined) return false;
    const { answer } = expected;
    if (answer?.outcome !== found.outcome || !isSame(answer.result, found.result)) {
      throw new Divergence(expected, found);
    }
    return true;
  }

  /** At the end of the guest. Throws Divergence where it stopped before its record did. */
  finish(): void {
    const expected = this.#calls[this.#next];
    if (expected !== undefined) throw new Divergence(expected, null);
  }
}

/** Whether two values have the same form in a payload, be their long parts moved out already or not. */
export function isSame(recorded: Value, found: Value): boolean {
  if (isEqual(recorded, found)) return true;
  const form = inPayload(found);
  return form !== undefined && equalBytes(encode(recorded), form);
}

/**
 * Whether they are one value, without the cost of encoding both. What was recorded fits into a payload, so what
 * equals it does. False says nothing: a link may stand for bytes, and a bigint for a number.
 */
function isEqual(recorded: Value, found: Value): boolean {
  if (recorded === found) return !Object.is(found, -0);
  if (recorded instanceof Uint8Array) {
    return found instanceof Uint8Array && equalBytes(recorded, found);
  }
  if (recorded === null || found === null) return false;
  if (typeof recorded !== "object" || typeof found !== "object") return false;
  if (recorded instanceof Link || found instanceof Link) return false;
  if (found instanceof Uint8Array) return false;
  if (Array.isArray(recorded) !== Array.isArray(found)) return false;
  const [ours, theirs] = [recorded, found] as Readonly<Record<string, Value>>[];
  const keys = Object.keys(ours ?? {});
  if (keys.length !== Object.keys(theirs ?? {}).length) return false;
  return keys.every((key) => {
    const [one, other] = [ours?.[key], theirs?.[key]];
    return one !== undefined && other !== undefined && isEqual(one, other);
  });
}

/** Undefined for what fits into no payload, and so was never recorded. */
function inPayload(value: Value): Uint8Array | undefined {
  const put = (bytes: Uint8Array): Link => new Link("raw", sha256(bytes));
  try {
    return encode(value, { above: INLINE_BYTES_MAX, put });
  } catch (thrown) {
    if (thrown instanceof TheaterError) return undefined;
    throw thrown;
  }
}
