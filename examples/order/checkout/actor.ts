// The checkout: rings an order up at the till and has its receipt printed. Numbers are its own, because the
// till forgets.

import { defineActor } from "theater/guest";
import { request } from "theater/guest/message-server";
import { log } from "theater/guest/runtime";
import { listChildren } from "theater/guest/supervisor";

interface Checkout {
  receipts: number;
  failures: number;
}

export const { actor, messageServerClient, supervisorHandlers } = defineActor<Checkout>({
  init: () => ({ receipts: 0, failures: 0 }),

  onRequest(checkout, message) {
    const [till, printer] = listChildren();
    if (till === undefined || printer === undefined) throw new Error("the checkout is closed");
    const number = checkout.receipts + 1;
    const total = request(till, message.bytes).text();
    const receipt = request(printer, `${number} ${total}`).text();
    return [{ ...checkout, receipts: number }, receipt];
  },

  onChildError(checkout, _, { message }) {
    const failures = checkout.failures + 1;
    log(`failure ${failures} at the checkout: ${message}`);
    return { ...checkout, failures };
  },
});
