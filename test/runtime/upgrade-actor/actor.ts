// An actor of which the tests make other versions by writing another word over `mode` in the component's bytes. A
// message is a text; the state counts them, under the name that the version has for it.

import { defineActor } from "theater/guest";
import { log } from "theater/guest/runtime";

const { mode } = JSON.parse('{"mode":"plain....."}') as { mode: string };

/** Of two forms: `count` since the version that migrates. */
type State = { n: number } | { count: number };

/** Asked in each turn: what stands beside the functions was worked out when the component was built. */
const isNew = (): boolean => /^(count|greedy)/.test(mode);
const counted = (state: State): number => ("n" in state ? state.n : state.count);
const stateOf = (n: number): State => (isNew() ? { count: n } : { n });

function count(state: State, text: string): State {
  if ("n" in state === isNew()) throw new Error("the state is of another version");
  if (text === "refuse") throw new Error("refused");
  if (text !== "look") log(mode.startsWith("chatty") && text === "special" ? "more" : text);
  return text === "look" ? state : stateOf(counted(state) + 1);
}

export const { actor, messageServerClient, upgrade } = defineActor<State>({
  init: (state) => state ?? stateOf(0),
  onSend: (state, message) => count(state, message.text()),
  onRequest(state, message) {
    const next = count(state, message.text());
    const text = message.text() === "special" && mode.startsWith("other") ? "differs" : "answer";
    return [next, `${text} ${counted(next)}`];
  },
  migrate(given) {
    const state = given as State;
    if (mode.startsWith("unwilling")) throw new Error("this version takes over nothing");
    if (mode.startsWith("talking")) log("migrating");
    return isNew() ? { count: counted(state) + (mode.startsWith("greedy") ? 1 : 0) } : state;
  },
});
