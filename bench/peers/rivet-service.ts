// A durable counter as an actor of rivetkit, on the engine that its package brings. Prints where the engine answers
// and the ids of its actors, one for each key that stands in the arguments.

import { setup, actor } from "rivetkit";
import { createClient } from "rivetkit/client";

const port = Number(process.env["RIVET_RUN_ENGINE_PORT"] ?? 6420);

process.stdin.resume().on("end", () => process.exit(0));

const TRIES_MAX = 60;
const TRY_MS = 500;

const counter = actor({
  state: { count: 0 },
  // The others have their objects awake too.
  options: { noSleep: true },
  actions: {
    async add(context, _body: string): Promise<number> {
      const count = ++context.state.count;
      // Otherwise the state is on disk a while after the answer.
      await context.saveState({ immediate: true });
      return count;
    },
  },
});

const registry = setup({ use: { counter } });
registry.start();

const client = createClient<typeof registry>(`http://127.0.0.1:${port}`);
const [first = "", ...more] = process.argv.slice(2);
const ids = [await idOf(first), ...(await Promise.all(more.map(idOf)))];
console.log(JSON.stringify({ port, ids }));

/** The engine knows a while after it has started that there is somebody to run actors. */
async function idOf(key: string): Promise<string> {
  for (let tries = 0; ; tries++) {
    try {
      return await client.counter.getOrCreate([key]).resolve();
    } catch (thrown) {
      if (tries === TRIES_MAX) throw thrown;
      await new Promise((resolve) => setTimeout(resolve, TRY_MS));
    }
  }
}
