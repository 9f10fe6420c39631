// An actor that does with its plug-ins what a message says: a list of [function, …arguments]. The reply is
// the list of what they gave.

import { ask, count } from "test:mischief/trick";
import { odd, reverse } from "test:words/words";
import { defineActor } from "theater/guest";

type Call = readonly [name: string, ...args: never[]];

const functions: Record<string, (...args: never[]) => unknown> = {
  ask: (how: string, text: string) => {
    const { raw, ...point } = ask(how, new TextEncoder().encode(text));
    return { ...point, raw: [...raw] };
  },
  count: (wide: number) => count(wide),
  reverse: (text: string) => reverse(text),
  odd: (how: string) => odd(how),
};

function tryCall([name, ...args]: Call): unknown {
  try {
    return functions[name]?.(...args) ?? null;
  } catch (thrown) {
    return `err: ${(thrown as Error).message}`;
  }
}

export const { actor, messageServerClient } = defineActor<null>({
  onRequest: (state, message) => [
    state,
    JSON.stringify((message.json() as readonly Call[]).map(tryCall)),
  ],
});
