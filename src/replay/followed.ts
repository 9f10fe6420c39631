// What a guest did in a turn that ran by its record, held against that record: call by call, up to the first
// that differs. Rule: the isolate only says what it did, and the comparison is made here.

import type { ScriptedCall } from "../executor/script.ts";
import { isOk, type HostFunction } from "../handlers/handler.ts";
import type { Sent } from "../handlers/sent.ts";
import type { HostAnswer } from "../executor/executor.ts";
import type { RecordedCall } from "./recorded-turn.ts";
import { Divergence, Transcript } from "./transcript.ts";

/** The host's side of an import: of it, only what looks at recorded answers. */
export type FunctionsOf = (
  about: string,
) => Pick<HostFunction, "sends" | "recall" | "effect"> | undefined;

export interface FollowParts {
  actor: string;
  functions: FunctionsOf;
}

export interface Followed {
  /** Where the guest did something else. What it did after that says nothing. */
  divergence: Divergence | undefined;
  /** The first call behind the last recorded one. */
  further: ScriptedCall | undefined;
  /** The calls that are on record and were made again. */
  did: readonly ScriptedCall[];
  /** What the answered ones send with the commit. */
  sends: readonly Sent[];
}

interface Recorded {
  turn: number;
  calls: readonly RecordedCall[];
  /** What each call was answered, whole; null where nobody knows. */
  answers: readonly (HostAnswer | null)[];
  /** Whether the turn was cut off: then it need not reach the end of its record. */
  isCut: boolean;
}

export function follow(
  parts: FollowParts,
  { turn, calls, answers, isCut }: Recorded,
  found: readonly ScriptedCall[],
): Followed {
  const transcript = new Transcript(calls);
  const [did, sends]: [ScriptedCall[], Sent[]] = [[], []];
  let further: ScriptedCall | undefined;
  let came = 0; // calls that came to the host
  try {
    for (const [index, call] of found.entries()) {
      const { outcome, result = null } = call;
      const isKnown =
        outcome === undefined
          ? tookFromHost(parts, transcript, { call, key: `${parts.actor}/${turn}/${++came}` })
          : transcript.takeAnswered({ ...call, outcome, result });
      if (!isKnown) {
        further = call;
        break;
      }
      did.push(call);
      const answer = answers[index] ?? null;
      // An effect whose answer nobody has: there the turn was cut.
      if (answer === null || "abort" in answer) break;
      if (outcome !== undefined || !isOk(answer)) continue;
      const sent = parts.functions(call.about)?.sends?.(call.args);
      if (sent !== undefined) sends.push(sent);
    }
    // What is on record and was not done again is a divergence too.
    if (!isCut && further === undefined) transcript.finish();
  } catch (thrown) {
    if (!(thrown instanceof Divergence)) throw thrown;
    return { divergence: thrown, further, did, sends };
  }
  return { divergence: undefined, further, did, sends };
}

/** The recorded call must be this one, and recorded as the runtime records its kind. False behind the last. */
function tookFromHost(
  { functions }: FollowParts,
  transcript: Transcript,
  { call, key }: { call: ScriptedCall; key: string },
): boolean {
  const recorded = transcript.take(call);
  if (recorded === undefined) return false;
  if (recorded.key !== null && recorded.key !== key) {
    throw new Divergence(recorded, call, `The effect went out under the key ${key}.`);
  }
  const effect = functions(call.about)?.effect;
  const isFixed = typeof effect === "string";
  if (isFixed && (effect === "local") !== (recorded.key === null)) {
    const what = effect === "local" ? "nothing" : "something";
    throw new Divergence(recorded, call, `The function does ${what} outside the actor.`);
  }
  return true;
}
