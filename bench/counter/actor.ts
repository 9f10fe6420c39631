// The durable counter of the comparison: the same work as test/fixtures/tiny.c, in TypeScript.

import { defineActor } from "theater/guest";
import { log } from "theater/guest/runtime";

export const { actor, messageServerClient } = defineActor<number>({
  init: () => 0,

  onRequest(count) {
    log("inc");
    return [count + 1, String(count + 1)];
  },
});
