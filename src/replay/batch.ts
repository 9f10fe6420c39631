// Turns that wait to be run together: a hop into an isolate costs more than most turns do. Invariant: verdicts come in
// the order of the turns, and none behind the first that diverged.

import type { Executor } from "../executor/executor.ts";
import { roughBytes } from "../executor/recorder.ts";
import type { ScriptedOutput } from "../executor/script.ts";
import { assert } from "../lib/errors.ts";
import type { FollowParts } from "./followed.ts";
import type { Reached } from "./place.ts";
import { judge, type ReadyTurn } from "./replay-turn.ts";
import type { TurnEvents } from "./turns.ts";
import type { TurnVerdict, Unrun } from "./verdict.ts";

/** Turns of one hop. */
const BATCH_TURNS_MAX = 256;
/** Roughly what they carry. One turn may be larger, and then goes alone. */
const BATCH_BYTES_MAX = 4 * 1024 * 1024;

interface BatchParts extends FollowParts {
  executor: Executor;
}

/** A turn to be run, or why it cannot be. All of one batch run the same modules. */
interface Waiting {
  readonly events: TurnEvents;
  /** Where the turn begins. */
  readonly before: Reached;
  readonly ready: ReadyTurn | Unrun;
}

export class Batch {
  readonly #parts: BatchParts;
  #waiting: Waiting[] = [];
  #bytes = 0;

  constructor(parts: BatchParts) {
    this.#parts = parts;
  }

  get isFull(): boolean {
    return this.#waiting.length >= BATCH_TURNS_MAX || this.#bytes >= BATCH_BYTES_MAX;
  }

  add(waiting: Waiting): void {
    this.#waiting.push(waiting);
    if (typeof waiting.ready !== "string") this.#bytes += bytesOf(waiting.ready);
  }

  /** Runs what waits, and says of each what came out, up to the first that diverged. */
  async *run(): AsyncGenerator<Waiting & { told: TurnVerdict }> {
    const waiting = this.#waiting;
    [this.#waiting, this.#bytes] = [[], 0];
    const outputs = this.#outputs(waiting.flatMap(({ ready }) => (isReady(ready) ? [ready] : [])));
    for (const one of waiting) {
      const told = await this.#verdict(one.ready, outputs);
      yield { ...one, told };
      if (told.verdict === "diverged") return;
    }
  }

  /** What becomes of one turn by itself. */
  async again(ready: ReadyTurn): Promise<TurnVerdict> {
    return await this.#verdict(ready, this.#outputs([ready]));
  }

  async #verdict(
    ready: ReadyTurn | Unrun,
    outputs: AsyncGenerator<ScriptedOutput>,
  ): Promise<TurnVerdict> {
    if (!isReady(ready)) return { verdict: ready };
    const { done, value } = await outputs.next();
    assert(done !== true, "each turn has an output");
    return judge(this.#parts, ready, value);
  }

  /** In the order of the turns, and each as late as possible: behind a divergence nothing more is run. */
  async *#outputs(turns: readonly ReadyTurn[]): AsyncGenerator<ScriptedOutput, undefined> {
    const { executor } = this.#parts;
    let count = turns.length;
    for (let at = 0; at < turns.length;) {
      const [first] = turns.slice(at, at + 1);
      if (first === undefined) return undefined;
      const scripted = turns.slice(at, at + count).map((turn) => turn.scripted);
      let outputs: readonly ScriptedOutput[];
      try {
        outputs = await executor.runScripted(first.inForce.modules, scripted);
      } catch (thrown) {
        if (count === 1) throw thrown;
        count = 1; // One of them broke the isolate, and says so itself; those before it did not.
        continue;
      }
      yield* outputs;
      at += outputs.length;
    }
    return undefined;
  }
}

function isReady(ready: ReadyTurn | Unrun): ready is ReadyTurn {
  return typeof ready !== "string";
}

function bytesOf({ scripted: { input, answers } }: ReadyTurn): number {
  const results = answers.map((one) => (one && "result" in one.answer ? one.answer.result : null));
  return roughBytes([...input.params, ...results]);
}
