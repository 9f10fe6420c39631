// The desk of a shop. What goes wrong at the checkout is not its business: it says so and goes on, and the
// [supervisor] table of its manifest sees to it that there is a checkout again.

import { defineActor } from "theater/guest";
import { request } from "theater/guest/message-server";
import { log } from "theater/guest/runtime";
import { listChildren } from "theater/guest/supervisor";

interface Desk {
  orders: number;
  lost: number;
}

export const { actor, messageServerClient, supervisorHandlers } = defineActor<Desk>({
  init: () => ({ orders: 0, lost: 0 }),

  onRequest(desk, message) {
    const [checkout] = listChildren();
    try {
      if (checkout === undefined) throw new Error("there is no checkout");
      const receipt = request(checkout, message.bytes);
      return [{ ...desk, orders: desk.orders + 1 }, receipt.text()];
    } catch (thrown) {
      const why = thrown instanceof Error ? thrown.message : String(thrown);
      return [{ ...desk, lost: desk.lost + 1 }, `order again, please: ${why}`];
    }
  },

  onChildError(desk, _, { message }) {
    log(`the checkout is down: ${message}`);
    return desk;
  },
});
