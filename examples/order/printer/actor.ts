// The printer: counts what it has printed. It never fails, and is started again with the till all the same.

import { defineActor } from "theater/guest";

export const { actor, messageServerClient } = defineActor<number>({
  init: (printed) => printed ?? 0,

  onRequest(printed, message) {
    const [number = "", ...line] = message.text().split(" ");
    return [printed + 1, `receipt ${number}: ${line.join(" ")}`];
  },
});
