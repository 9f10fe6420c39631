// The worker of the drill: it counts operations by their numbers, hands some on, and fails when told to.
// Its state says how many it has seen and what they add up to: one that is lost or doubled shows in both.

import { defineActor } from "theater/guest";
import { request, send } from "theater/guest/message-server";
import { shutdown } from "theater/guest/runtime";

/** Told in a message. `n` is the operation's number, and no two have the same. */
interface Operation {
  n: number;
  act: "count" | "forward" | "ask" | "trap" | "leave";
  /** For `forward` and `ask`: to whom, and as which number. */
  to?: string;
  as?: number;
}

interface Seen {
  count: number;
  sum: number;
}

class Trap extends Error {}

const made = defineActor<Seen>({
  init: () => ({ count: 0, sum: 0 }),
  onSend: (seen, message) => perform(seen, message.json() as Operation),
  onRequest(seen, message) {
    const after = perform(seen, message.json() as Operation);
    return [after, String(after.count)];
  },
});

function perform({ count, sum }: Seen, { n, act, to = "", as }: Operation): Seen {
  const told = JSON.stringify({ n: as, act: "count" });
  if (act === "trap") throw new Trap();
  if (act === "forward") send(to, told);
  if (act === "ask") request(to, told);
  if (act === "leave") shutdown();
  return { count: count + 1, sum: sum + n };
}

/** Makes a Trap into a result that no lifting accepts: QuickJS turns all other errors into refusals. */
function trapping<R>(work: () => R): R {
  try {
    return work();
  } catch (thrown) {
    if (thrown instanceof Trap) return 7 as R;
    throw thrown;
  }
}

const { messageServerClient: client } = made;

export const { actor } = made;
export const messageServerClient: typeof client = {
  ...client,
  handleSend: (state, params) => trapping(() => client.handleSend(state, params)),
  handleRequest: (state, params) => trapping(() => client.handleRequest(state, params)),
};
