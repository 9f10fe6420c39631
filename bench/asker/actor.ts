// Asks the actor that its request names, and answers what that one said.

import { defineActor } from "theater/guest";
import { request } from "theater/guest/message-server";

export const { actor, messageServerClient } = defineActor<null>({
  init: () => null,
  onRequest: (state, message) => [state, request(message.text(), "x").text()],
});
