// One of those that work in the soak: it counts, tells and asks others, sets timers, has children for a while, and
// answers HTTP. What it has counted must add up at the end.

import { Hono } from "hono";
import { defineHttpActor, type HttpEnv } from "theater/guest/http";
import { request, send } from "theater/guest/message-server";
import { log } from "theater/guest/runtime";
import { listChildren, spawn, stopChild } from "theater/guest/supervisor";
import { schedule } from "theater/guest/timers";

interface Worker {
  count: number;
  fired: number;
}

/** Told in a message. `to`: another actor; `manifest`: of a child. */
interface Operation {
  act: "count" | "tell" | "ask" | "timer" | "spawn" | "reap";
  to?: string;
  manifest?: string;
}

const AFTER_MS = 200;

const app = new Hono<{ Bindings: HttpEnv<Worker> }>();

app.get("/", (c) => c.json(c.env.state));

export const { actor, messageServerClient, supervisorHandlers, timersClient, httpHandlers } =
  defineHttpActor<Worker>({
    init: () => ({ count: 0, fired: 0 }),
    http: app,
    onSend: (worker) => ({ ...worker, count: worker.count + 1 }),
    onTimer: (worker) => ({ ...worker, fired: worker.fired + 1 }),

    onRequest(worker, message) {
      const { act, to = "", manifest = "" } = message.json() as Operation;
      log(act);
      if (act === "tell") send(to, "x");
      if (act === "ask") request(to, '{"act":"count"}');
      if (act === "timer") schedule("once", { after: AFTER_MS });
      if (act === "spawn") spawn(manifest);
      if (act === "reap") for (const child of listChildren()) stopChild(child);
      const count = worker.count + 1;
      return [{ ...worker, count }, String(count)];
    },
  });
