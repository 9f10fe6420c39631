// The till, with a mistake in it: it keeps every order for ever, until its state is larger than its manifest
// allows. That ends it, and no handler of its own could help.

import { defineActor } from "theater/guest";

const PRICES: Readonly<Record<string, number>> = { tea: 3, cake: 5, soup: 7 };

export const { actor, messageServerClient } = defineActor<string[]>({
  init: () => [],

  onRequest(journal, message) {
    const [article = "", note = ""] = message.text().split(/:\s*/, 2);
    const price = PRICES[article];
    if (price === undefined) throw new Error(`there is no ${article}`);
    const line = `${article} at ${price}.00`;
    return [[...journal, `order ${journal.length + 1}: ${line}, wish: ${note}`], line];
  },
});
