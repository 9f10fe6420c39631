// Messages that wait together: their turns cross into the isolate in one hop and commit in one transaction. Each is a
// turn of its own, in the order of the line, and the chain has them as if they had run one by one.
//
// Invariant: a turn counts only where all before it ended as the isolate took for granted. What does not count has not
// begun, and its message goes back in line; so a batch may break off anywhere.

import type { HostAnswer, TurnOutput } from "../../executor/executor.ts";
import { assert } from "../../lib/errors.ts";
import type { Mailbox, Waiting } from "../mail/mailbox.ts";
import type { Cell } from "../record/cell.ts";
import type { Blocks } from "../record/content.ts";
import type { Journal } from "../record/journal.ts";
import { Turn, type Ending, type Place, type TurnEnd } from "./turn.ts";
import { OVER, type TurnDoor } from "./turn-door.ts";
import type { Message, TurnParts, TurnVersion } from "./turn-parts.ts";

/** A message in line, and what it says. */
export interface Taken {
  waiting: Waiting;
  message: Message;
}

interface BatchParts extends Pick<TurnParts, "executor"> {
  journal: Journal;
  cell: Cell;
  mailbox: Mailbox;
  content: Blocks;
  /** What all of them run on: it changes between batches only. */
  version: TurnVersion;
  makeTurn: (message: Message, place: Place) => Turn;
  /** Whether another turn may begin. */
  mayBegin: () => boolean;
  /** Deals with a turn whose end could not be written. False if the line must stand still. */
  unrecorded: (waiting: Waiting, thrown: unknown) => boolean;
}

/** What became of the hop: it is over, a turn calls the host, or nobody waits for it any longer. */
type Hop =
  | { kind: "over"; outputs: readonly TurnOutput[] }
  | { kind: "called"; index: number; ended: readonly TurnOutput[] }
  | { kind: "cut"; code: string }
  | { kind: "broken" };

export class Batch {
  readonly #parts: BatchParts;
  readonly #taken: readonly Taken[];
  /** The number of the first turn, and the clock of all. */
  readonly #first: number;
  readonly #time: number;
  #ended = 0;
  #isStill = false;
  #isPutBack = false;
  readonly #hop = Promise.withResolvers<Hop>();
  /** Of the turn that calls the host; undefined where that does not count. */
  readonly #door = Promise.withResolvers<TurnDoor | undefined>();
  #caller: Turn | undefined;
  #cut: string | undefined;

  constructor(parts: BatchParts, taken: readonly Taken[]) {
    this.#parts = parts;
    this.#taken = taken;
    this.#first = parts.journal.lastTurn() + 1;
    this.#time = parts.journal.nowMs();
  }

  /** How many of the turns have ended together. */
  get ended(): number {
    return this.#caller === undefined ? this.#ended : this.#ended - 1;
  }

  /** Ends the turn that runs. Which one that is nobody knows: it is the first that has not ended. */
  cut(code: string): void {
    this.#cut ??= code;
    this.#caller?.cut(code);
    this.#hop.resolve({ kind: "cut", code });
  }

  /** False if the line must stand still. */
  async run(): Promise<boolean> {
    const { journal, mailbox } = this.#parts;
    journal.frozenMs = this.#time;
    mailbox.inBatch = this.#taken.length - 1; // the other one is running
    const running = this.#begin();
    const timer = setTimeout(() => this.#hop.resolve({ kind: "broken" }), this.#leftMs);
    try {
      const hop = await this.#hop.promise;
      clearTimeout(timer);
      // Broken: nothing of it counts, and each shows alone whose fault it was.
      if (hop.kind === "over") await this.#record(hop.outputs);
      if (hop.kind === "cut") await this.#tell(this.#turnAt(0).end(cutOff(hop.code)));
      if (hop.kind === "called") await this.#goOn(hop, running);
    } finally {
      this.#door.resolve(undefined);
      this.#putBack(this.#ended);
      journal.frozenMs = undefined;
    }
    return !this.#isStill;
  }

  #begin(): Promise<readonly TurnOutput[]> {
    const { executor, version, cell } = this.#parts;
    const inputs = this.#taken.map(({ message }, index) =>
      Turn.input({ ...version, cell }, message, { turn: this.#first + index, time: this.#time }),
    );
    const call = this.#call.bind(this);
    const running = executor.runBatch(version.modules, inputs, { call });
    running.then(
      (outputs) => this.#hop.resolve({ kind: "over", outputs }),
      () => this.#hop.resolve({ kind: "broken" }),
    );
    return running;
  }

  /** Until the first of them would be cut. */
  get #leftMs(): number {
    const nowMs = Date.now();
    const deadlines = this.#taken.map(({ message }) => message.deadlineMs ?? Infinity);
    return Math.max(
      0,
      Math.min(this.#parts.version.limits.turnMs, ...deadlines.map((ms) => ms - nowMs)),
    );
  }

  /** The guest's side calls this over RPC: for one turn only, the last that runs. */
  async #call(
    index: number,
    ended: readonly TurnOutput[],
    ...call: Parameters<TurnDoor["call"]>
  ): Promise<HostAnswer> {
    this.#hop.resolve({ kind: "called", index, ended });
    const door = await this.#door.promise;
    return door === undefined ? OVER : await door.call(...call);
  }

  /** Goes on with the turn that calls as with any other: those before it have happened, those behind it have not begun. */
  async #goOn(
    { index, ended }: Hop & { kind: "called" },
    running: Promise<readonly TurnOutput[]>,
  ): Promise<void> {
    await this.#record(ended);
    const isNext = index === 0 || (this.#ended === index && this.#parts.mayBegin());
    if (!isNext) return;
    this.#putBack(index + 1); // others may look for them in line while this one waits
    const last = async (): Promise<TurnOutput> => (await running)[0] ?? NO_OUTPUT;
    const turn = this.#turnAt(index, { running: last() });
    this.#caller = turn;
    const end = turn.run();
    if (this.#cut !== undefined) turn.cut(this.#cut);
    this.#door.resolve(turn.door);
    await this.#tell(end);
  }

  /** The commit point of a batch: one transaction for the turns that gave these outputs, as far as they count. */
  async #record(outputs: readonly TurnOutput[]): Promise<void> {
    const { journal, cell, content, mayBegin } = this.#parts;
    // The first is running; the others are about to begin, which only time will tell from having begun.
    const counted = mayBegin() ? outputs : outputs.slice(0, 1);
    const turns = this.#endings(counted);
    const named = turns.map(({ ending }, index) => [
      ending.content,
      this.#taken[index]?.message.params ?? null,
    ]);
    let ends: readonly TurnEnd[];
    try {
      const write = (): TurnEnd[] => turns.map(({ turn, ending }) => turn.write(ending));
      ends = await content.keep(named, () => journal.transaction(() => cell.once(write)));
    } catch {
      // One of them cannot be written, or none: that is seen from each.
      await this.#recordEach(counted.slice(0, turns.length));
      return;
    }
    for (const end of ends) this.#taken[this.#ended++]?.waiting.done(end);
  }

  /** How the turns end, up to the first that ends otherwise than the isolate went on from. */
  #endings(outputs: readonly TurnOutput[]): { turn: Turn; ending: Ending }[] {
    const turns: { turn: Turn; ending: Ending }[] = [];
    let { state } = this.#parts.cell;
    for (const [index, output] of outputs.entries()) {
      const turn = this.#turnAt(index);
      let ending: Ending;
      try {
        ending = turn.ending(output, state);
      } catch {
        break; // the isolate lies: alone it may do so again
      }
      turns.push({ turn, ending });
      if (ending.kind === "failed" || turn.door.shutdown !== undefined) break;
      state = ending.state;
    }
    return turns;
  }

  async #recordEach(outputs: readonly TurnOutput[]): Promise<void> {
    for (const [index, output] of outputs.entries()) {
      const end = await this.#tell(this.#turnAt(index).end(output));
      if (end?.kind !== "committed" && end?.kind !== "refused") return;
    }
  }

  /** Waits for the end of the first turn that has not ended. */
  async #tell(ending: Promise<TurnEnd>): Promise<TurnEnd | undefined> {
    const waiting = this.#taken[this.#ended++]?.waiting;
    try {
      const end = await ending;
      waiting?.done(end);
      return end;
    } catch (thrown) {
      this.#putBack(this.#ended);
      if (waiting !== undefined) this.#isStill = !this.#parts.unrecorded(waiting, thrown);
      return undefined;
    }
  }

  /** Puts back in line what has not begun, from that one on. */
  #putBack(from: number): void {
    if (this.#isPutBack) return;
    this.#isPutBack = true;
    const { mailbox } = this.#parts;
    mailbox.inBatch = 0;
    mailbox.putAllBack(this.#taken.slice(from).map(({ waiting }) => waiting));
  }

  #turnAt(index: number, more: Pick<Place, "running"> = {}): Turn {
    const taken = this.#taken[index];
    assert(taken !== undefined, "an output is that of a turn");
    const place = { turn: this.#first + index, time: this.#time, ...more };
    return this.#parts.makeTurn(taken.message, place);
  }
}

function cutOff(code: string): TurnOutput {
  const message = `the turn was cut off: ${code}`;
  return { outcome: { kind: "failed", failure: "cut", code, message }, answered: [] };
}

const NO_OUTPUT: TurnOutput = {
  outcome: { kind: "failed", failure: "host", code: "isolate", message: "it gave no output" },
  answered: [],
};
