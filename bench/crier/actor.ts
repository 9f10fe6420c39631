// Whatever one visitor says, all hear.

import { Hono } from "hono";
import { defineHttpActor, type HttpEnv } from "theater/guest/http";
import { broadcast } from "theater/guest/websockets";

export const { actor, httpHandlers } = defineHttpActor<null>({
  init: () => null,
  http: new Hono<{ Bindings: HttpEnv<null> }>(),
  sockets: {
    paths: ["/live"],
    message: (_, data) => void broadcast(data),
  },
});
