// Takes a body over HTTP and says how many bytes it was.

import { Hono } from "hono";
import { defineHttpActor, type HttpEnv } from "theater/guest/http";

const app = new Hono<{ Bindings: HttpEnv<null> }>();

app.post("/", async (c) => c.text(String((await c.req.arrayBuffer()).byteLength)));

export const { actor, httpHandlers } = defineHttpActor<null>({ init: () => null, http: app });
