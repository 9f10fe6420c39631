// The smallest actor: its state is a number, every message adds to it.

import { defineActor } from "theater/guest";
import { log } from "theater/guest/runtime";

export const { actor, messageServerClient } = defineActor<number>({
  onSend: (count) => count + 1,

  onRequest(count, message) {
    const step = Number(message.text() || "1");
    if (!Number.isSafeInteger(step)) throw new Error("send a whole number, or nothing to add one");
    log(`${count} + ${step}`);
    return [count + step, String(count + step)];
  },
});
