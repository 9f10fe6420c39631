// What comes out of a guests' isolate that runs a batch, checked as for single turns (guest-answers.ts), and that it
// says each thing of the turn whose turn it is.

import { RpcTarget } from "cloudflare:workers";
import { TheaterError } from "../lib/errors.ts";
import type { BatchHost, HostAnswer, TurnInput, TurnOutput } from "./executor.ts";
import { GuestCheck } from "./guest-answers.ts";

/** The only object of the host that the isolate holds meanwhile. */
class BatchDoor extends RpcTarget implements BatchHost {
  readonly #host: BatchHost;
  readonly #check: BatchCheck;

  constructor(host: BatchHost, check: BatchCheck) {
    super();
    this.#host = host;
    this.#check = check;
  }

  async call(
    index: unknown,
    ended: unknown,
    about: unknown,
    args: unknown,
    answered: unknown,
  ): Promise<HostAnswer> {
    try {
      const before = this.#check.before(index, ended);
      const { turn } = this.#check;
      const own = turn.calls(answered);
      const call = turn.call(about, args);
      return await this.#host.call(index as number, before, call.about, call.args, own);
    } catch (thrown) {
      const message = thrown instanceof Error ? thrown.message : String(thrown);
      return { abort: { kind: "host", code: "host-call", message } };
    }
  }
}

export class BatchCheck {
  readonly #turns: readonly TurnInput[];
  readonly #isPure: (about: string) => boolean;
  /** How many turns are known to have ended. */
  #ended = 0;
  /** Of the turn that runs. */
  #turn: GuestCheck;
  /** The turn that calls is the last. */
  #isLast = false;

  constructor(turns: readonly TurnInput[], isPure: (about: string) => boolean) {
    this.#turns = turns;
    this.#isPure = isPure;
    this.#turn = this.#checkOf(0);
  }

  #checkOf(index: number): GuestCheck {
    const hostCallsMax = this.#turns[index]?.hostCallsMax ?? 0;
    return new GuestCheck({ hostCallsMax, isPure: this.#isPure });
  }

  get turn(): GuestCheck {
    return this.#turn;
  }

  get calledHost(): boolean {
    return this.#isLast;
  }

  door(host: BatchHost): BatchHost {
    return new BatchDoor(host, this);
  }

  close(): void {
    this.#turn.close();
  }

  /** The outputs that came with a call of the turn at `index`. Throws `host-failure` for what no honest isolate says. */
  before(index: unknown, ended: unknown): TurnOutput[] {
    const before = this.#take(ended);
    if (index !== this.#ended || index >= this.#turns.length) throw lie("a call of another turn");
    if (this.#isLast && before.length > 0) throw lie("turns that ended in one that runs");
    this.#isLast = true;
    return before;
  }

  /** What the isolate's answer says. */
  outputs(given: unknown): TurnOutput[] {
    const outputs = this.#take(given);
    if (outputs.length === 0) throw lie("no turn");
    if (this.#isLast && outputs.length > 1) throw lie("turns behind one that called the host");
    return outputs;
  }

  #take(given: unknown): TurnOutput[] {
    if (!Array.isArray(given)) throw lie("outputs that are no list");
    if (given.length > this.#turns.length - this.#ended) throw lie("more turns than there are");
    return given.map((one: unknown) => {
      const output = this.#turn.output(one);
      this.#ended += 1;
      this.#turn = this.#checkOf(this.#ended);
      return output;
    });
  }
}

function lie(what: string): TheaterError {
  return new TheaterError("host-failure", `The isolate gave ${what}: upload the component again.`);
}
