// A guestbook that is an actor: a Hono application whose pages and entries are turns, recorded and provable.

import { Hono } from "hono";
import { html, raw } from "hono/html";
import { defineHttpActor, type HttpEnv } from "theater/guest/http";
import { broadcast } from "theater/guest/websockets";

interface Entry {
  readonly name: string;
  readonly text: string;
  /** Milliseconds since the epoch. */
  readonly time: number;
}

interface Guestbook {
  readonly entries: readonly Entry[];
}

const ENTRIES_MAX = 100;
const NAME_CHARS_MAX = 40;
const TEXT_CHARS_MAX = 500;
const LIVE = "/live";

const app = new Hono<{ Bindings: HttpEnv<Guestbook> }>();

app.get("/", (c) => c.html(page(c.env.state)));

app.get("/entries", (c) => c.json(c.env.state.entries));

app.post("/entries", async (c) => {
  const form = await c.req.parseBody();
  const name = textOf(form["name"], NAME_CHARS_MAX) || "Somebody";
  const text = textOf(form["text"], TEXT_CHARS_MAX);
  if (text === "") return c.text("Write something first.", 400);
  const { entries } = c.env.state;
  const entry = { name, text, time: Date.now() };
  c.env.state = { entries: [entry, ...entries].slice(0, ENTRIES_MAX) };
  // To every page that is open, once this turn is on record.
  broadcast(JSON.stringify(entry), LIVE);
  return c.redirect("/", 303);
});

function textOf(value: unknown, charsMax: number): string {
  return typeof value === "string" ? value.trim().slice(0, charsMax) : "";
}

/** In the page: entries of others appear as they are signed. What visitors wrote goes in as text. */
const SCRIPT = `
  const list = document.querySelector("ul");
  const show = ({ name, text, time }) => {
    const [entry, who, when] = ["li", "b", "small"].map((tag) => document.createElement(tag));
    who.textContent = name;
    when.textContent = new Date(time).toISOString();
    entry.append(who, ": ", text, " ", when);
    list.prepend(entry);
  };
  const url = new URL("live", location.href);
  url.protocol = url.protocol.replace("http", "ws");
  const listen = (isAgain) => {
    const socket = new WebSocket(url);
    socket.onopen = async () => {
      document.body.dataset.live = "yes";
      if (!isAgain) return;
      list.replaceChildren();
      const entries = await (await fetch("entries")).json();
      entries.reverse().forEach(show);
    };
    socket.onmessage = ({ data }) => show(JSON.parse(data));
    socket.onclose = () => setTimeout(listen, 1000, true);
  };
  listen(false);
`;

/** `html` escapes what visitors wrote. Links are relative: the page may be served below any path. */
function page({ entries }: Guestbook) {
  return html`<!doctype html>
    <html lang="en">
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width" />
      <title>Guestbook</title>
      <style>
        body {
          font: 1rem/1.5 system-ui;
          max-width: 36rem;
          margin: 2rem auto;
          padding: 0 1rem;
        }
        input,
        textarea {
          display: block;
          width: 100%;
          margin: 0 0 0.5rem;
          font: inherit;
          box-sizing: border-box;
        }
        li {
          margin: 0.5rem 0;
        }
      </style>
      <h1>Guestbook</h1>
      <form method="post" action="entries">
        <input name="name" maxlength="${NAME_CHARS_MAX}" placeholder="Your name" />
        <textarea
          name="text"
          maxlength="${TEXT_CHARS_MAX}"
          placeholder="Your words"
          required
        ></textarea>
        <button>Sign</button>
      </form>
      <ul>
        ${entries.map(
          ({ name, text, time }) =>
            html`<li><b>${name}</b>: ${text} <small>${new Date(time).toISOString()}</small></li>`,
        )}
      </ul>
      <script>
        ${raw(SCRIPT)};
      </script>
    </html>`;
}

export const { actor, httpHandlers } = defineHttpActor<Guestbook>({
  init: () => ({ entries: [] }),
  http: app,
  sockets: { paths: [LIVE] },
});
