// An actor that does what it is told: a message is a JSON list of steps, the reply the list of what they
// gave. `{"init": […]}` as the initial state runs steps in the first turn. A `trap` has to break the
// component's own types, because QuickJS turns every JavaScript error into an ordinary refusal.

import { defineActor } from "theater/guest";
import {
  cancelRequest,
  closeChannel,
  openChannel,
  outstandingRequests,
  request,
  respondToRequest,
  sendOnChannel,
  send,
} from "theater/guest/message-server";
import { randomBytes } from "theater/guest/random";
import { getChain, log, shutdown } from "theater/guest/runtime";
import { Store, createStore } from "theater/guest/store";
import { cancel, list, schedule, type Plan } from "theater/guest/timers";
import { deadline, now, sleep } from "theater/guest/timing";

type Step = readonly [name: string, ...args: never[]];

interface State {
  init?: readonly Step[];
  turns: number;
  /** Texts of the messages that came by send, in order. */
  heard: unknown[];
  /** What a channel is answered, as it was set: true, false or with words. */
  accepts?: boolean | { accepted: boolean; message?: string };
  pad?: string;
  /** Of this turn only. */
  defers?: boolean;
}

class Trap extends Error {}

const steps: Record<string, (state: State, ...args: never[]) => unknown> = {
  echo: (_, value: unknown) => value,
  log: (_, line: string) => log(line),
  logs: (_, count: number, line: string) => {
    for (let n = 0; n < count; n++) log(line);
  },
  send: (_, id: string, message: unknown) => attempt(() => send(id, JSON.stringify(message))),
  accept: (state, decision: NonNullable<State["accepts"]>) => {
    state.accepts = decision;
  },
  open: (_, id: string, program: unknown) =>
    attempt(() => openChannel(id, JSON.stringify(program))),
  /** Opens, and goes on with the channel's id in place of "$" in the steps. */
  openThen: (state, id: string, program: unknown, then: readonly Step[]) => {
    const channel = openChannel(id, JSON.stringify(program));
    const text = JSON.stringify(then).replaceAll(`"$"`, JSON.stringify(channel));
    return [channel, ...run(state, JSON.parse(text) as readonly Step[])];
  },
  say: (_, channel: string, program: unknown) =>
    attempt(() => sendOnChannel(channel, JSON.stringify(program))),
  sayMany: (_, channel: string, count: number) => {
    for (let n = 0; n < count; n++) {
      const said = attempt(() => sendOnChannel(channel, JSON.stringify([["echo", n]])));
      if (typeof said === "string") return [n, said];
    }
    return [count];
  },
  sayLong: (_, channel: string, length: number) =>
    attempt(() => sendOnChannel(channel, JSON.stringify([["echo", "z".repeat(length)]]))),
  hangUp: (_, channel: string) => attempt(() => closeChannel(channel)),
  request: (_, id: string, message: unknown) =>
    attempt(() => request(id, JSON.stringify(message)).text()),
  /** The turn gives no answer. */
  defer: (state) => {
    state.defers = true;
  },
  outstanding: () => outstandingRequests(),
  answer: (_, id: string, value: unknown) =>
    attempt(() => respondToRequest(id, JSON.stringify(value))),
  answerOwn: (state, value: unknown) => {
    respondToRequest(outstandingRequests().at(-1) ?? "", JSON.stringify(value));
    state.defers = true;
  },
  answerLong: (_, id: string, length: number) =>
    attempt(() => respondToRequest(id, JSON.stringify("y".repeat(length)))),
  giveUp: (_, id: string) => attempt(() => cancelRequest(id)),
  put: (_, text: string) => {
    const store = createStore();
    store.putAtLabel("kept", text);
    return store.id;
  },
  putLong: (_, length: number) => createStore().put("z".repeat(length)),
  read: (_, store: string) => new Store(store).getLabel("kept"),
  now: () => now(),
  sleep: (_, duration: number) => attempt(() => sleep(duration)),
  deadline: (_, timestamp: number) => attempt(() => deadline(timestamp)),
  schedule: (_, name: string, plan: Plan, program: unknown) =>
    attempt(() => schedule(name, plan, JSON.stringify(program))),
  cancel: (_, name: string) => cancel(name),
  timers: () => list(),
  random: (_, length: number) => [...randomBytes(length)],
  chain: () => getChain().events.length,
  heard: (state) => state.heard,
  turns: (state) => state.turns,
  pad: (state, length: number) => {
    state.pad = "x".repeat(length);
  },
  padded: (state) => state.pad?.length ?? 0,
  long: (_, length: number) => "y".repeat(length),
  shutdown: (_, data: string) => shutdown(data),
  refuse: (_, reason: string) => {
    throw new Error(reason);
  },
  trap: () => {
    throw new Trap();
  },
};

/** What the host refuses is an answer too. */
function attempt<R>(call: () => R): R | string {
  try {
    return call();
  } catch (thrown) {
    return `err: ${(thrown as Error).message}`;
  }
}

function run(state: State, program: readonly Step[]): unknown[] {
  return program.map(([name, ...args]) => steps[name]?.(state, ...args) ?? null);
}

const made = defineActor<State>({
  init: (given) => {
    const state = { turns: 0, heard: [], ...given };
    if (state.init !== undefined) run(state, state.init);
    return state;
  },

  onSend(state, message) {
    const program = message.json() as readonly Step[];
    const results = run(state, program);
    return { ...state, turns: state.turns + 1, heard: [...state.heard, ...results] };
  },

  onRequest(state, message) {
    const results = run(state, message.json() as readonly Step[]);
    const { defers = false, ...next } = state;
    return [{ ...next, turns: state.turns + 1 }, defers ? null : JSON.stringify(results)];
  },

  onChannelOpen(state, message, channel) {
    const results = run(state, message.json() as readonly Step[]);
    return [
      { ...state, heard: [...state.heard, `open ${channel}`, ...results] },
      state.accepts ?? true,
    ];
  },

  onChannelMessage(state, message, channel) {
    let results: unknown[] = [message.text()];
    try {
      const program = JSON.parse(
        message.text().replaceAll(`"$"`, JSON.stringify(channel)),
      ) as unknown;
      if (Array.isArray(program)) results = run(state, program as readonly Step[]);
    } catch {
      // Words, and no program.
    }
    return { ...state, heard: [...state.heard, ...results] };
  },

  onChannelClose(state, channel) {
    return { ...state, heard: [...state.heard, `close ${channel}`] };
  },

  onTimer(state, name, message) {
    const results = run(state, message.json() as readonly Step[]);
    return { ...state, heard: [...state.heard, name, ...results] };
  },
});

/** Makes a Trap into a result that no lifting accepts. */
function trapping<R>(work: () => R): R {
  try {
    return work();
  } catch (thrown) {
    if (thrown instanceof Trap) return 7 as R;
    throw thrown;
  }
}

const { actor: own, messageServerClient: client, timersClient: timer } = made;

export const actor: typeof own = {
  init: (state, params) => trapping(() => own.init(state, params)),
};
export const messageServerClient: typeof client = {
  ...client,
  handleSend: (state, params) => trapping(() => client.handleSend(state, params)),
  handleRequest: (state, params) => trapping(() => client.handleRequest(state, params)),
  handleChannelOpen: (state, params) => trapping(() => client.handleChannelOpen(state, params)),
};
export const timersClient: typeof timer = {
  handleTimer: (state, params) => trapping(() => timer.handleTimer(state, params)),
};
