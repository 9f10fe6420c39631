// `theater debug`: steps through an actor's turns. A terminal gets a prompt; a pipe gives one command a line, so
// that a script can drive it. It only looks: nothing about the actor changes by it.

import { createInterface } from "node:readline";
import { toUtf8 } from "../lib/bytes.ts";
import { ServerRefusal } from "./client.ts";
import type { Context } from "./context.ts";
import { printableLines } from "./output.ts";
import { fetchState } from "./state.ts";
import { diffStates, diffText } from "./state-diff.ts";
import { fetchTurn, lastTurn, turnJson, turnText, type TurnView } from "./turn-view.ts";
import { bytesText, cut } from "./value-text.ts";

const HELP = `next, n             the turn after this one
prev, p             the turn before it
jump <turn>, j      that turn; last for the newest
state, s            the state behind this turn
diff [<turn>], d    what has changed since that turn, or since the one before
help, h             this
quit, q             as the end of input`;

/** Of a state; `theater state` has all of it. */
const STATE_CHARS_MAX = 4_000;

class Debugger {
  readonly #context: Context;
  readonly #id: string;
  #view: TurnView | undefined;

  constructor(context: Context, id: string) {
    this.#context = context;
    this.#id = id;
  }

  get turn(): number {
    return this.#view?.turn ?? 0;
  }

  /** False once it is over. */
  async obey(line: string): Promise<boolean> {
    const [command = "", argument = ""] = line.trim().split(/\s+/);
    const { connection } = this.#context;
    switch (command) {
      case "":
        return true;
      case "n":
      case "next":
        await this.show(this.turn + 1);
        return true;
      case "p":
      case "prev":
        await this.show(this.turn - 1);
        return true;
      case "j":
      case "jump":
        await this.show(
          argument === "last" ? await lastTurn(connection, this.#id) : number(argument),
        );
        return true;
      case "s":
      case "state":
        await this.#state();
        return true;
      case "d":
      case "diff":
        await this.#diff(argument === "" ? this.turn - 1 : number(argument));
        return true;
      case "q":
      case "quit":
        return false;
      default:
        this.#say({ help: HELP.split("\n") }, () => HELP);
        return true;
    }
  }

  async show(turn: number): Promise<void> {
    const last = await lastTurn(this.#context.connection, this.#id);
    if (!(turn >= 1 && turn <= last)) {
      this.#say({ problem: "no such turn", last }, () => `there are turns 1 to ${last}`);
      return;
    }
    const view = await fetchTurn(this.#context.connection, this.#id, turn);
    this.#view = view;
    this.#say(turnJson(view), () => `${turnText(view)}\n(${turn} of ${last})`);
  }

  async #state(): Promise<void> {
    const { state, event } = await this.#stateBehind(this.#view);
    const text = state === null ? "none" : stateText(state);
    this.#say({ event, bytes: state?.length ?? null, text }, () => text);
  }

  async #diff(since: number): Promise<void> {
    const after = await this.#stateBehind(this.#view);
    const { connection } = this.#context;
    const earlier = since < 1 ? undefined : await fetchTurn(connection, this.#id, since);
    const before = since < 1 ? { state: null } : await this.#stateBehind(earlier);
    const diff = diffStates(before.state, after.state);
    this.#say({ since, ...diff }, () => diffText(diff));
  }

  async #stateBehind(view: TurnView | undefined): ReturnType<typeof fetchState> {
    if (view === undefined) return { state: null, event: null };
    return await fetchState(this.#context.connection, this.#id, view.to);
  }

  #say(value: unknown, people: () => string): void {
    this.#context.output.show(value, people);
  }
}

/** Text as it is, as far as a terminal can take it. */
function stateText(state: Uint8Array): string {
  try {
    return cut(printableLines(toUtf8(state)), STATE_CHARS_MAX);
  } catch {
    return bytesText(state);
  }
}

const number = (text: string): number => (/^\d{1,15}$/.test(text) ? Number(text) : Number.NaN);

export async function debug(context: Context, id: string, turn: number): Promise<void> {
  const stepper = new Debugger(context, id);
  await stepper.show(turn);
  const isTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
  const lines = createInterface({
    input: process.stdin,
    terminal: isTerminal,
    ...(isTerminal ? { output: process.stdout } : {}),
  });
  const ask = (): void => {
    if (!isTerminal) return;
    lines.setPrompt(`turn ${stepper.turn}> `);
    lines.prompt();
  };
  ask();
  try {
    for await (const line of lines) {
      try {
        if (!(await stepper.obey(line))) return;
      } catch (thrown) {
        // What the server refuses (an erased state, say) is an answer; the next command may do better.
        if (!(thrown instanceof ServerRefusal)) throw thrown;
        const { code, message } = thrown;
        context.output.show({ problem: code, message }, () =>
          printableLines(`${code}: ${message}`),
        );
      }
      ask();
    }
  } finally {
    lines.close();
  }
}
