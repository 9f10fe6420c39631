// The rows about WebSockets: of http-framework, of `theater:edge/websockets` and of http-handlers.

import type { UpgradeInput } from "../../src/runtime/sockets/upgrade-request.ts";
import { fromUtf8 } from "../../src/lib/bytes.ts";
import { must, theater, until, type Probe } from "../runtime/stage.ts";
import { gave, tools } from "../runtime/tools.ts";
import { err, ok, type ImportRows } from "./import-row.ts";

const FRAMEWORK = "theater:simple/http-framework";
/** What the actor of a scene has made before its rows: a server and a handler. */
const [SERVER, HANDLER] = [1, 2];
/** Ids of it, with the path, and the route of the streams. */
export const SOCKET_SITE = 4;
/** Of which one is closed by each of the two functions. */
const [KEPT, CLOSED, ENDED, NOBODY] = [1, 2, 3, 99];
const GONE = err(/^no-such-connection/);
const text = (said: string) => ({ ty: "text", data: null, text: said });

export const upgradeTo = (path: string): UpgradeInput => ({
  path,
  query: "",
  headers: [],
  forwarded: { host: "example.com", proto: "https", prefix: "" },
  principal: "token:test",
});

async function openAt(actor: Probe): Promise<WebSocket> {
  const upgraded = must(await theater.openSocket(actor.id, upgradeTo("/socket")));
  if ("reply" in upgraded) throw new Error("it was not opened");
  upgraded.webSocket.accept();
  return upgraded.webSocket;
}

/** A server that runs with WebSockets at /socket, and connections to it. */
export async function openSockets(actor: Probe, count: number): Promise<WebSocket[]> {
  const call = (fn: string, ...args: unknown[]) => ["call", `${FRAMEWORK}#${fn}`, ...args] as const;
  await gave(
    actor,
    call("create-server", { port: null, host: null, tlsConfig: null }),
    call("register-handler", "sockets"),
    call("start-server", SERVER),
    call("enable-websocket", SERVER, "/socket", HANDLER, HANDLER, HANDLER),
  );
  const sockets: WebSocket[] = [];
  for (let n = 0; n < count; n++) sockets.push(await openAt(actor));
  return sockets;
}

export const frameworkSockets: ImportRows = {
  "send-websocket-message": {
    works: () => [[[SERVER, KEPT, text("hello")], ok(null)]],
    bad: () => [
      [[SERVER, NOBODY, text("hello")], GONE],
      [[NOBODY, KEPT, text("hello")], GONE],
      [[SERVER, KEPT, { ty: "ping", data: null, text: null }], err(/^bad-message/)],
    ],
  },
  "close-websocket": {
    works: () => [[[SERVER, CLOSED], ok(null)]],
    bad: () => [[[SERVER, CLOSED], GONE]],
  },
};

export const websockets: ImportRows = {
  broadcast: {
    works: () => [
      [["/socket", { text: "hello" }], ok(3)],
      [["/elsewhere", { text: "hello" }], ok(0)],
    ],
    bad: "takes any path and message that is within the limits",
  },
  send: {
    works: () => [[[KEPT, { binary: btoa("hello") }], ok(null)]],
    bad: () => [[[NOBODY, { text: "hello" }], GONE]],
  },
  close: {
    works: () => [[[ENDED, 4000, "enough"], ok(null)]],
    bad: () => [
      [[ENDED, 1000, ""], GONE],
      [[KEPT, 1006, ""], err(/^bad-code/)],
      [[KEPT, 1000, "x".repeat(124)], err(/^bad-reason/)],
    ],
  },
  connections: {
    works: () => [
      [["/elsewhere"], []],
      [[null], [KEPT, CLOSED]],
    ],
    bad: "takes any path",
  },
};

const MESSAGE_BYTES = 100;

let made: Promise<Probe> | undefined;

/** One whose connection, of id 1, was opened, said something, and was closed. */
export async function socketActor(): Promise<Probe> {
  return await (made ??= makeSocketActor());
}

async function makeSocketActor(): Promise<Probe> {
  const actor = await tools({}, { message_bytes: MESSAGE_BYTES * 100 });
  const [socket] = await openSockets(actor, 1);
  socket?.send("said");
  socket?.close(1000);
  const isOver = async () =>
    (await actor.lines()).some((line) => line.startsWith("message.received websocket-close"));
  await until(isOver);
  await actor.quiet();
  return actor;
}

/** The code with which a connection ends that says too much. */
export async function closedFor(): Promise<string> {
  const actor = await tools({}, { message_bytes: MESSAGE_BYTES * 100 });
  const [socket] = await openSockets(actor, 1);
  const { promise, resolve } = Promise.withResolvers<number>();
  socket?.addEventListener("close", ({ code }) => resolve(code));
  socket?.send(fromUtf8("x".repeat(MESSAGE_BYTES * 100 + 1)));
  return `closed: \`${await promise}\``;
}
