// What a guest did in a turn that ran by its record, held against that record: call by call, up to the first
// that differs. Rule: the isolate only says what it did, and the comparison is made here.

import type { ScriptedCall } from "../executor/script.ts";
import { isOk, type HostFunction } from "../handlers/handler.ts";
import type { Sent } from "../handlers/sent.ts";
import type { HostAnswer } from "../executor/executor.ts";
import type { RecordedCall } from "./recorded-turn.ts";
import { Divergence, Transcript } from "./transcript.ts";

/** The host's side of an import: of it, only what looks at recorded answers. */
export type FunctionsOf = (about: string) => Pick<HostFunction, "sends" | "recall"> | undefined;

export interface Followed {
  /** Where the guest did something else. What it did after that says nothing. */
  divergence: Divergence | undefined;
  /** The first call behind the last recorded one. */
  further: ScriptedCall | undefined;
  /** What the answered calls send with the commit. */
  sends: readonly Sent[];
}

interface Recorded {
  calls: readonly RecordedCall[];
  /** What each call was answered, whole; null where nobody knows. */
  answers: readonly (HostAnswer | null)[];
  /** Whether the turn was cut off: then it need not reach the end of its record. */
  isCut: boolean;
}

export function follow(
  { calls, answers, isCut }: Recorded,
  found: readonly ScriptedCall[],
  functions: FunctionsOf,
): Followed {
  const transcript = new Transcript(calls);
  const sends: Sent[] = [];
  let further: ScriptedCall | undefined;
  try {
    for (const [index, call] of found.entries()) {
      const { outcome, result = null } = call;
      const isKnown =
        outcome === undefined
          ? transcript.take(call) !== undefined
          : transcript.takeAnswered({ ...call, outcome, result });
      if (!isKnown) {
        further = call;
        break;
      }
      const answer = answers[index] ?? null;
      // An effect whose answer nobody has: there the turn was cut.
      if (answer === null || "abort" in answer) break;
      const sent =
        outcome === undefined && isOk(answer)
          ? functions(call.about)?.sends?.(call.args)
          : undefined;
      if (sent !== undefined) sends.push(sent);
    }
    // What is on record and was not done again is a divergence too.
    if (!isCut && further === undefined) transcript.finish();
  } catch (thrown) {
    if (!(thrown instanceof Divergence)) throw thrown;
    return { divergence: thrown, further, sends };
  }
  return { divergence: undefined, further, sends };
}
