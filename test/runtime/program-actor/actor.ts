// An actor that runs programs: a message is a JSON list of steps. What its calls gave goes into a number, and the
// number into the state, the answer, the words of a refusal and, where a step says so, into the log: whatever
// a call gives, a later event depends on it. Only `blind` steps forget what they got.

import { defineActor } from "theater/guest";
import { log } from "theater/guest/runtime";
import * as words from "test:words/words";
import { callImport } from "../tools-actor/any-import.ts";

type Step = readonly [name: string, ...args: unknown[]];

interface State {
  /** What `as` steps kept, by name: ids, for later steps. */
  vars: Record<string, unknown>;
  sum: number;
  kept: string;
}

/** Of this turn. */
interface Turn {
  state: State;
  answer: unknown;
  ends: "answers" | "traps";
}

/** The one word in which a changed component differs: test/runtime/variants.ts puts another in its place. */
const VARIANT = "variant-one";

const steps: Record<string, (turn: Turn, ...args: never[]) => void> = {
  call: (turn, about: string, ...args: unknown[]) => see(turn, call(turn, about, args)),
  as: (turn, name: string, about: string, ...args: unknown[]) => {
    const result = call(turn, about, args);
    see(turn, result);
    const kept = "gave" in result ? result.gave : undefined;
    const one: unknown = Array.isArray(kept) ? kept[0] : kept;
    if (typeof one === "string") turn.state.vars[name] = one;
  },
  blind: (turn, about: string, ...args: unknown[]) => void call(turn, about, args),
  say: ({ state }) => log(`so far ${state.sum}`),
  log: (_, line: string) => log(line),
  variant: () => log(VARIANT),
  keep: ({ state }, text: string) => {
    state.kept = text;
  },
  fill: ({ state }, length: number) => {
    state.kept = "x".repeat(length);
  },
  answer: (turn, value: unknown) => {
    turn.answer = value;
  },
  refuse: ({ state }) => {
    throw new Error(`refused at ${state.sum}`);
  },
  trap: (turn) => {
    turn.ends = "traps";
  },
};

function call(turn: Turn, about: string, args: readonly unknown[]) {
  const filled = args.map((arg) => fill(arg, turn.state.vars));
  if (!about.startsWith("test:words/")) return callImport(about, ...filled);
  const given = filled as [text: string];
  try {
    return { gave: about.endsWith("#odd") ? words.odd(...given) : words.reverse(...given) };
  } catch (thrown) {
    return { err: (thrown as Error).message };
  }
}

/** `"$name"` is what was kept under the name, `{"$json": …}` the bytes of a message. */
function fill(value: unknown, vars: State["vars"]): unknown {
  if (typeof value === "string" && value.startsWith("$")) return vars[value.slice(1)] ?? value;
  if (Array.isArray(value)) return value.map((each) => fill(each, vars));
  if (typeof value !== "object" || value === null) return value;
  if ("$json" in value) return { $bytes: JSON.stringify(fill(value.$json, vars)) };
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, fill(one, vars)]));
}

/** Of a chain its last hash, which all the others are in: a guest takes its time over so much text. */
function summary(result: unknown): unknown {
  const { gave } = result as { gave?: { events?: readonly { hash: unknown }[] } };
  return gave?.events === undefined ? result : [gave.events.length, gave.events.at(-1)?.hash];
}

/** FNV-1a. */
function see({ state }: Turn, result: unknown): void {
  let { sum } = state;
  for (const character of JSON.stringify(summary(result))) {
    sum = Math.imul(sum ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  }
  state.sum = sum;
}

let current: Turn | undefined;

function run(state: State, program: unknown): Turn {
  const turn: Turn = {
    state: { ...state, vars: { ...state.vars } },
    answer: null,
    ends: "answers",
  };
  current = turn;
  if (!Array.isArray(program)) return turn;
  for (const step of program as readonly Step[]) {
    if (!Array.isArray(step)) continue;
    const [name, ...args] = step as Step;
    steps[name]?.(turn, ...(args as never[]));
  }
  return turn;
}

const isDeferred = ({ answer }: Turn): boolean => answer === "later";

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return [];
  }
}

const made = defineActor<State>({
  init: (given) => {
    const state = { vars: {}, sum: 0x811c9dc5, kept: "" };
    const { init, vars = {} } = (given ?? {}) as { init?: unknown; vars?: State["vars"] };
    return run({ ...state, vars }, init).state;
  },
  onSend: (state, message) => run(state, parsed(message.text())).state,
  onRequest(state, message) {
    const turn = run(state, parsed(message.text()));
    const answer = JSON.stringify([turn.state.sum, turn.answer]);
    return [turn.state, isDeferred(turn) ? null : answer];
  },
  onChannelOpen(state, message) {
    const turn = run(state, parsed(message.text()));
    return [turn.state, turn.answer !== "no"];
  },
  onChannelMessage: (state, message) => run(state, parsed(message.text())).state,
  onChannelClose: (state) => state,
  onTimer: (state, _, message) => run(state, parsed(message.text())).state,
});

/** Makes the end of a turn that traps into a result that no lifting accepts. */
function trapping<A extends unknown[], R>(work: (...args: A) => R): (...args: A) => R {
  return (...args) => {
    current = undefined;
    const result = work(...args);
    // What `run` noted while `work` ran.
    return (current as Turn | undefined)?.ends === "traps" ? (7 as never) : result;
  };
}

const { messageServerClient: client } = made;
export const actor: typeof made.actor = {
  init: trapping((...given) => made.actor.init(...given)),
};
export const messageServerClient: typeof client = {
  ...client,
  handleSend: trapping((...given) => client.handleSend(...given)),
  handleRequest: trapping((...given) => client.handleRequest(...given)),
  handleChannelMessage: trapping((...given) => client.handleChannelMessage(...given)),
};
const { timersClient: timers } = made;
export const timersClient: typeof timers = {
  handleTimer: trapping((...given) => timers.handleTimer(...given)),
};

type Bytes = Uint8Array | null;

/** A child's end counts as something that was seen. */
function noted(state: Bytes, params: unknown): [Bytes] {
  const before = JSON.parse(String.fromCharCode(...(state ?? []))) as State;
  const turn = run(before, []);
  see(turn, params);
  const text = JSON.stringify(turn.state);
  return [Uint8Array.from(text, (character) => character.charCodeAt(0))];
}

export const supervisorHandlers: Record<string, (state: Bytes, params: unknown) => [Bytes]> = {
  handleChildError: (state, params) => noted(state, params),
  handleChildExit: (state, params) => noted(state, params),
  handleChildExternalStop: (state, params) => noted(state, params),
};
