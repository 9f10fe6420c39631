// Actors as an author writes them, in TypeScript with the guest SDK, that send and ask each other: from the
// source through the build, the upload and the start to the chains of both.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildActor } from "../../src/cli/build-actor.ts";
import { theater } from "../cli/run-theater.ts";
import { startDevServer, type DevServer } from "../../src/cli/dev.ts";

const MANIFEST = `name = "relay"
version = "0.1.0"
component = "./relay.wasm"

[[handler]]
type = "runtime"

[[handler]]
type = "message-server"

[[handler]]
type = "store"

[[handler]]
type = "random"

[[handler]]
type = "timing"
`;

// "ask <id> <text>" asks another relay, "tell <id> <text>" sends to it; anything else is answered or kept.
const SOURCE = `
import { defineActor } from "theater/guest";
import { closeChannel, request, send, sendOnChannel } from "theater/guest/message-server";
import { generateUuid } from "theater/guest/random";
import { createStore } from "theater/guest/store";
import { now } from "theater/guest/timing";

interface State { told: string[] }

export const { actor, messageServerClient } = defineActor<State>({
  init: () => ({ told: [] }),
  onSend: (state, message) => ({ told: [...state.told, message.text()] }),
  onRequest(state, message) {
    const [verb = "", to = "", ...rest] = message.text().split(" ");
    if (verb === "ask") return [state, "they say: " + request(to, rest.join(" ")).text()];
    if (verb === "tell") { send(to, rest.join(" ")); return [state, "told"]; }
    if (verb === "told") return [state, state.told.join(", ")];
    if (verb === "fail") throw new Error("as you wish");
    if (verb === "draw") return [state, generateUuid() + " " + String(now())];
    if (verb === "keep") {
      const store = createStore();
      const ref = store.put(message.text());
      store.label("last", ref);
      return [state, store.id];
    }
    return [state, "echo " + message.text()];
  },
  onChannelOpen: (state, message) => [
    state,
    message.text() === "no" ? { accepted: false, message: "not today" } : true,
  ],
  onChannelMessage(state, message, channel) {
    if (message.text() === "bye") closeChannel(channel);
    else sendOnChannel(channel, "echo " + message.text());
    return { told: [...state.told, message.text()] };
  },
});
`;

let folder: string;
let server: DevServer;
let ids: [string, string];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "theater-messages-"));
  await writeFile(join(folder, "manifest.toml"), MANIFEST);
  await writeFile(join(folder, "actor.ts"), SOURCE);
  server = await startDevServer({ port: 0, data: join(folder, "data") });
  const { component } = await buildActor(folder);
  const uploaded = await call("PUT", "/v1/components", component);
  const { component: digest } = JSON.parse(uploaded) as { component?: string };
  if (digest === undefined) throw new Error(uploaded);
  const manifest = MANIFEST.replace("./relay.wasm", digest);
  const start = async (): Promise<string> => {
    const started = await call("POST", "/v1/actors", JSON.stringify({ manifest }));
    const { id } = JSON.parse(started) as { id?: string };
    if (id === undefined) throw new Error(started);
    return id;
  };
  ids = [await start(), await start()];
});

afterAll(async () => {
  await server.dispose();
  await rm(folder, { recursive: true, force: true });
});

async function call(method: string, path: string, body?: string | Uint8Array): Promise<string> {
  const headers = { authorization: `Bearer ${server.token}` };
  const init =
    body === undefined ? { method, headers } : { method, headers, body: body as BodyInit };
  return await (await fetch(server.url + path, init)).text();
}

const ask = (id: string, text: string): Promise<string> =>
  call("POST", `/v1/actors/${id}/request`, text);

interface Line {
  seq: number;
  cid: string;
  event: { type: string; about: string; fields: Record<string, unknown> };
}

async function chainOf(id: string): Promise<Line[]> {
  const { events } = JSON.parse(await call("GET", `/v1/actors/${id}/chain?limit=1000`)) as {
    events: Line[];
  };
  return events;
}

test("a request to another actor is answered, and both chains say so", async () => {
  const [a, b] = ids;
  expect(await ask(a, `ask ${b} good morning`)).toBe("they say: echo good morning");
  const asked = (await chainOf(a)).filter(({ event }) => event.type.startsWith("host."));
  expect(asked.map(({ event }) => event.type)).toEqual(["host.intended", "host.returned"]);
  const intended = asked[0];
  const received = (await chainOf(b)).findLast(({ event }) => event.type === "message.received");
  expect(received?.event.fields).toMatchObject({
    from: a,
    cause: { actor: a, seq: intended?.seq, event: { "/": intended?.cid } },
  });
});

test("the command line opens a channel, says its lines on it and prints what comes", async () => {
  const [a] = ids;
  const given = { url: server.url, token: server.token };
  const [left, closed, refused, unknown] = await Promise.all([
    theater(["channel", a, "hello"], { ...given, stdin: "one\ntwo\n" }),
    theater(["channel", a, "hello"], { ...given, stdin: "three\nbye\nnever\n" }),
    theater(["channel", a, "no"], given),
    theater(["channel", a, "hello"], { ...given, token: "wrong" }),
  ]);
  expect([left.code, left.stdout]).toEqual([0, "echo one\necho two\n"]);
  expect(left.stderr).toMatch(/^ch_[0-9a-f]{32} is open: recorded as \d+:b/);
  expect([closed.code, closed.stdout]).toEqual([0, "echo three\n"]);
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("not today")]);
  expect(unknown.code).toBe(1);
});

test("the error of the actor that was asked is the error of the call", async () => {
  const [a, b] = ids;
  const problem = JSON.parse(await ask(a, `ask ${b} fail`)) as { code: string; detail: string };
  expect(problem).toMatchObject({
    code: "guest-error",
    detail: expect.stringContaining("as you wish"),
  });
});

test("a send arrives once, after the turn that sent it", async () => {
  const [a, b] = ids;
  expect(await ask(a, `tell ${b} one`)).toBe("told");
  expect(await ask(a, `tell ${b} two`)).toBe("told");
  await expect.poll(() => ask(b, "told"), { timeout: 10_000 }).toBe("one, two");
});

test("random numbers, the clock and the store work from TypeScript", async () => {
  const [a] = ids;
  expect(await ask(a, "draw")).toMatch(
    /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12} \d{13}$/,
  );
  const store = await ask(a, "keep this");
  expect(store).toMatch(/^[0-9a-f]{32}$/);
  const label = JSON.parse(await call("GET", `/v1/stores/${store}/labels/last`)) as { cid: string };
  expect(await call("GET", `/v1/content/${label.cid}`)).toBe("keep this");
});

test("what was said between them verifies", async () => {
  for (const id of ids) {
    const report = JSON.parse(await call("POST", `/v1/actors/${id}/chain/verify`)) as {
      verdict: string;
    };
    expect(report.verdict).toBe("verified");
  }
});
