// A turn whose host is a script: what the host will answer is known beforehand. So whole batches of turns cross into
// an isolate at once, and nothing that they do reaches anything.

import type { Value } from "../chain/value.ts";
import type { HostAnswer, HostCall, TurnHost, TurnInput, TurnOutcome } from "./executor.ts";

export interface ScriptedTurn {
  readonly input: TurnInput;
  /**
   * By the place of the call among all calls of the turn. Null where the host has nothing to say: the isolate
   * answers the call itself, or the turn ends there.
   */
  readonly answers: readonly (ScriptedAnswer | null)[];
}

export interface ScriptedAnswer {
  /** The function that the answer is for: another one is not answered. */
  readonly about: string;
  readonly answer: HostAnswer;
}

export interface ScriptedOutput {
  readonly outcome: TurnOutcome;
  /** All calls in order. One without an outcome is one for the host, and whether it was answered is in the script. */
  readonly calls: readonly ScriptedCall[];
}

export type ScriptedCall = Pick<HostCall, "about" | "args"> & Partial<HostCall>;

/** Ends the guest: it has left its script, or the script ends here. */
const OVER: HostAnswer = {
  abort: { kind: "cut", code: "replay", message: "the record of this turn ends here" },
};

export class ScriptHost implements TurnHost {
  readonly #answers: ScriptedTurn["answers"];
  readonly calls: ScriptedCall[] = [];

  constructor(answers: ScriptedTurn["answers"]) {
    this.#answers = answers;
  }

  // oxlint-disable-next-line require-await -- a host answers later
  async call(
    about: string,
    args: readonly Value[],
    answered: readonly HostCall[],
  ): Promise<HostAnswer> {
    this.take(answered);
    const next = this.#answers[this.calls.length];
    this.calls.push({ about, args });
    return next?.about === about ? next.answer : OVER;
  }

  /** What the isolate answered itself. */
  take(answered: readonly HostCall[]): void {
    for (const call of answered) this.calls.push(call);
  }
}
