// Somebody with a WebSocket to an actor, over the runtime: what was heard on it, and how it ended.

import type { UpgradeInput } from "../../src/runtime/sockets/upgrade-request.ts";
import { must, theater, until, type Probe } from "./stage.ts";

/** The visitor's end. Bytes are heard as their number. */
export class Visitor {
  readonly got: (string | number)[] = [];
  closed: { code: number; reason: string } | undefined;
  readonly socket: WebSocket;
  readonly event: number | undefined;

  constructor(socket: WebSocket, event: number | undefined) {
    this.socket = socket;
    this.event = event;
    socket.addEventListener("message", ({ data }) => {
      this.got.push(typeof data === "string" ? data : (data as ArrayBuffer).byteLength);
    });
    socket.addEventListener("close", ({ code, reason }) => {
      this.closed = { code, reason };
    });
    socket.binaryType = "arraybuffer";
    socket.accept();
  }

  say(data: string | Uint8Array): void {
    this.socket.send(data);
  }

  async hears(count: number): Promise<(string | number)[]> {
    await until(() => this.got.length >= count);
    return this.got;
  }

  async ends(): Promise<{ code: number; reason: string } | undefined> {
    await until(() => this.closed !== undefined);
    return this.closed;
  }
}

const upgrade = (uri: string, more: Partial<UpgradeInput> = {}): UpgradeInput => {
  const [path = "", query] = uri.split("?");
  return {
    path,
    query: query === undefined ? "" : `?${query}`,
    headers: [],
    forwarded: { host: "example.com", proto: "https", prefix: "" },
    principal: "token:test",
    ...more,
  };
};

export async function visit(
  actor: Probe,
  uri = "/live",
  more: Partial<UpgradeInput> = {},
): Promise<Visitor> {
  const upgraded = must(await theater.openSocket(actor.id, upgrade(uri, more)));
  if ("reply" in upgraded) throw new Error(`the actor answered with ${upgraded.reply.status}`);
  return new Visitor(upgraded.webSocket, upgraded.event?.seq);
}

export async function refused(
  actor: Probe,
  uri: string,
  more: Partial<UpgradeInput> = {},
): Promise<unknown> {
  const answer = await theater.openSocket(actor.id, upgrade(uri, more));
  if (answer.ok) return "reply" in answer.value ? answer.value.reply.status : "opened";
  return answer.error.code;
}
