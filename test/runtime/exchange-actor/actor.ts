// One side of an exchange of numbered messages. Told `{"go": [to, asks, sends]}` it asks and then sends on with
// its next numbers; told `{"n": number}` it writes the number down. Requests come first in a turn because
// they do not wait for its end, and sends do: so numbers rise in the order of arrival.

import { defineActor } from "theater/guest";
import { request, send } from "theater/guest/message-server";

interface State {
  /** The last number that was used. */
  sent: number;
  /** Numbers in the order of arrival, as runs of consecutive ones: all in order is one run. */
  got: [first: number, last: number][];
  /** Requests that were refused because they closed a cycle: their numbers are used again. */
  cycles: number;
  /** Requests of unknown outcome, or that failed in any other way. */
  failed: [number: number, why: string][];
}

type Told = { go: [to: string, asks: number, sends: number] } | { n: number };

function take(state: State, n: number): State {
  const last = state.got.at(-1);
  if (last !== undefined && last[1] + 1 === n) last[1] = n;
  else state.got.push([n, n]);
  return state;
}

function ask(state: State, to: string): void {
  const n = state.sent + 1;
  try {
    const answer = request(to, JSON.stringify({ n })).text();
    state.sent = n;
    if (answer !== String(n)) state.failed.push([n, `answered ${answer}`]);
  } catch (thrown) {
    const why = (thrown as Error).message;
    if (why.startsWith("request-cycle")) {
      state.cycles++;
      return;
    }
    state.sent = n;
    state.failed.push([n, why]);
  }
}

export const { actor, messageServerClient } = defineActor<State>({
  init: () => ({ sent: 0, got: [], cycles: 0, failed: [] }),

  onSend: (state, message) => take(state, (message.json() as { n: number }).n),

  onRequest(state, message) {
    const told = message.json() as Told;
    if ("n" in told) return [take(state, told.n), String(told.n)];
    const [to, asks, sends] = told.go;
    for (let n = 0; n < asks; n++) ask(state, to);
    for (let n = 0; n < sends; n++) send(to, JSON.stringify({ n: ++state.sent }));
    return [state, String(state.sent)];
  },
});
