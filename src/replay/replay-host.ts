// The host of a turn that is replayed: every call is answered from the record. It can reach nothing else,
// so whatever the guest does, a replay changes nothing outside.

import type { Sent } from "../handlers/sent.ts";
import { withoutLinks, type LinkReader } from "../executor/wit-links.ts";
import { findFunction, type ComponentDescription, type WitType } from "../executor/wit-type.ts";
import type { HostAnswer, HostCall, TurnHost } from "../executor/executor.ts";
import { isOk, type HostFunction, type Services } from "../handlers/handler.ts";
import type { Value } from "../chain/value.ts";
import type { RecordedCall } from "./recorded-turn.ts";
import { Divergence, Transcript, type FoundCall } from "./transcript.ts";

/** What a replay can know of the actor besides its events. */
export interface ReplayHostParts {
  actor: string;
  description: ComponentDescription;
  read: LinkReader;
  /** The host's side of an import: of it, only what looks at recorded answers. */
  functions: (about: string) => Pick<HostFunction, "sends" | "recall" | "effect"> | undefined;
  chainAgain: Services["chainAgain"];
  turn: number;
}

export class ReplayHost implements TurnHost {
  readonly #parts: ReplayHostParts;
  readonly #transcript: Transcript;
  /** Those that are on record and were made again. */
  readonly calls: FoundCall[] = [];
  readonly sends: Sent[] = [];
  /** Calls that came to the host. */
  #came = 0;
  /** Where the guest did something else. */
  divergence: Divergence | undefined;
  /** The first call behind the last recorded one. */
  further: FoundCall | undefined;

  constructor(parts: ReplayHostParts, calls: readonly RecordedCall[]) {
    this.#parts = parts;
    this.#transcript = new Transcript(calls);
  }

  async call(
    about: string,
    args: readonly Value[],
    answered: readonly HostCall[],
  ): Promise<HostAnswer> {
    if (!this.took(answered)) return OVER;
    const recorded = this.#compare(() => this.#take({ about, args }));
    if (recorded === undefined) this.further ??= { about, args };
    else this.calls.push({ about, args });
    // An effect whose answer nobody has: there the turn was cut.
    if (recorded?.answer == null || this.divergence !== undefined) return OVER;
    return await this.#answer(recorded, args, recorded.answer);
  }

  /** Compares what the isolate answered itself. False: the guest has left its record. */
  took(answered: readonly HostCall[]): boolean {
    for (const call of answered) {
      const isKnown = this.#compare(() => this.#transcript.takeAnswered(call));
      if (isKnown === false) this.further ??= call;
      if (isKnown !== true) return false;
      this.calls.push(call);
    }
    return true;
  }

  /** The recorded call, which must be this one, and recorded as the runtime records its kind. */
  #take(found: FoundCall): RecordedCall | undefined {
    const recorded = this.#transcript.take(found);
    if (recorded === undefined) return undefined;
    const { actor, turn, functions } = this.#parts;
    const key = `${actor}/${turn}/${++this.#came}`;
    if (recorded.key !== null && recorded.key !== key) {
      throw new Divergence(recorded, found, `The effect went out under the key ${key}.`);
    }
    const effect = functions(found.about)?.effect;
    const isFixed = typeof effect === "string";
    if (isFixed && (effect === "local") !== (recorded.key === null)) {
      const what = effect === "local" ? "nothing" : "something";
      throw new Divergence(recorded, found, `The function does ${what} outside the actor.`);
    }
    return recorded;
  }

  /** At the guest's end: what is on record and was not done again counts as a divergence. */
  finish(): void {
    this.#compare(() => this.#transcript.finish());
  }

  async #answer(
    { about }: RecordedCall,
    args: readonly Value[],
    { outcome, result, time }: NonNullable<RecordedCall["answer"]>,
  ): Promise<HostAnswer> {
    const recorded = { outcome, result: await this.#whole(about, result) };
    const fn = this.#parts.functions(about);
    const sent = isOk(recorded) ? fn?.sends?.(args) : undefined;
    if (sent !== undefined) this.sends.push(sent);
    const recalled = await fn?.recall?.(this.#parts.chainAgain, recorded.result);
    return { outcome, result: recalled ?? recorded.result, ...(time === null ? {} : { time }) };
  }

  /** The first divergence counts: what a guest does that is not itself any more says nothing. */
  #compare<T>(look: () => T): T | undefined {
    try {
      return look();
    } catch (thrown) {
      if (!(thrown instanceof Divergence)) throw thrown;
      this.divergence ??= thrown;
      return undefined;
    }
  }

  async #whole(about: string, value: Value): Promise<Value> {
    const [name = "", fn = ""] = about.split("#");
    const { description, read } = this.#parts;
    const type: WitType | null | undefined = findFunction(description.imports, {
      interface: name,
      function: fn,
    })?.result;
    return await withoutLinks(type, value, read);
  }
}

/** Ends the guest: it has left its record, or its record ends here. */
const OVER: HostAnswer = {
  abort: { kind: "cut", code: "replay", message: "the record of this turn ends here" },
};
