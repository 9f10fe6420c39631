// A Hono application as an actor, with a route for each thing that HTTP can do.

import { Hono } from "hono";
import { defineHttpActor, type HttpEnv } from "theater/guest/http";
import { broadcast } from "theater/guest/websockets";

interface State {
  count: number;
}

const app = new Hono<{ Bindings: HttpEnv<State> }>();
const TEN_MB = 10_000_000;
const DIGITS = "0123456789";

app.use("/middleware/*", async (c, next) => {
  if (c.req.header("x-stop") !== undefined) return c.text("stopped", 401);
  await next();
  c.header("x-after", "yes");
  return undefined;
});
app.get("/middleware/:name", (c) => c.text(`hello ${c.req.param("name")}`));

app.get("/text", (c) => c.text("grüße"));
app.get("/query", (c) => c.json({ one: c.req.query("one"), all: c.req.queries("all") }));
app.get("/async", async (c) => {
  const parts = await Promise.all(["a", "b"].map(async (part) => await Promise.resolve(part)));
  return c.text(parts.join(""));
});
app.get("/status/:status", (c) => c.body("body", Number(c.req.param("status")) as 200));
app.get("/empty", (c) => c.body(null, 204));
app.get("/big", (c) => c.body(new Uint8Array(TEN_MB).fill(120)));
app.get("/chunked", (c) => c.body("in chunks", 200, { "transfer-encoding": "chunked" }));
app.get("/gzip", (c) => c.body("not really", 200, { "content-encoding": "gzip" }));
app.get("/cookies", (c) => {
  c.header("set-cookie", "one=1; Path=/; HttpOnly", { append: true });
  c.header("set-cookie", "two=2; Expires=Wed, 21 Oct 2026 07:28:00 GMT", { append: true });
  return c.text(c.req.header("cookie") ?? "none");
});
app.get("/redirect", (c) => c.redirect("/text"));
app.get("/range", (c) => {
  const [, from = "0", to = "9"] = /^bytes=(\d+)-(\d+)$/.exec(c.req.header("range") ?? "") ?? [];
  const part = DIGITS.slice(Number(from), Number(to) + 1);
  return c.body(part, 206, { "content-range": `bytes ${from}-${to}/10`, "accept-ranges": "bytes" });
});
app.get("/throws", () => {
  throw new Error("in the application");
});
app.get("/waits", async () => await new Promise<Response>(() => undefined));
app.post("/form", async (c) => {
  const form = await c.req.parseBody();
  const told = Object.entries(form).map(([name, value]) =>
    value instanceof File ? [name, value.name, value.type, value.size] : [name, value],
  );
  return c.json(told);
});
app.post("/count", (c) => {
  c.env.state = { count: c.env.state.count + 1 };
  return c.json(c.env.state);
});
app.all("/echo", async (c) => {
  const bytes = new Uint8Array(await c.req.arrayBuffer());
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 997) sum = (sum * 31 + (bytes[at] ?? 0)) % 65_521;
  return c.json({ method: c.req.method, url: c.req.url, length: bytes.length, sum });
});

export const { actor, httpHandlers } = defineHttpActor<State>({
  init: () => ({ count: 0 }),
  http: app,
  sockets: {
    paths: ["/socket", "/rooms/{name}"],
    // Says which of its messages it is, so that one too many, or too few, shows.
    message(id, data, { state }) {
      if (typeof data !== "string") return data;
      state.count++;
      if (!data.startsWith("all ")) return `${id}: ${data}`;
      broadcast(`${state.count} ${data}`, "/socket");
      return undefined;
    },
  },
});
