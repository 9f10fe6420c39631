// Makes events: a request with a number logs that many lines.

import { defineActor } from "theater/guest";
import { log } from "theater/guest/runtime";

export const { actor, messageServerClient } = defineActor<number>({
  init: () => 0,

  onRequest(count, message) {
    const lines = Number(message.text());
    for (let line = 0; line < lines; line++) log(`line ${count + line}`);
    return [count + lines, String(count + lines)];
  },
});
