// One keep-alive connection to a server on this machine: a request at a time, written as bytes that were made
// before, and its answer parsed by hand. node:http takes several times as much of the processor for the same,
// which on a machine with few cores is taken from the server that is measured.

import { once } from "node:events";
import { connect, type Socket } from "node:net";

export interface Answer {
  status: number;
  body: string;
}

/** An answer may take so long; then the measurement has failed, and says so. */
const ANSWER_MS_MAX = 30_000;
const HEAD_END = Buffer.from("\r\n\r\n");

/** The bytes of one request. */
export function requestBytes(options: {
  method: string;
  path: string;
  headers?: Readonly<Record<string, string>>;
  body?: string;
}): Buffer {
  const { method, path, headers = {}, body = "" } = options;
  const all = { host: "127.0.0.1", "content-length": String(Buffer.byteLength(body)), ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join("")}\r\n${body}`);
}

export class Connection {
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #waiting: { resolve(answer: Answer): void; reject(error: Error): void } | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setTimeout(ANSWER_MS_MAX, () => socket.destroy(new Error("no answer in time")));
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail(new Error("the server closed the connection")));
  }

  static async open(port: number): Promise<Connection> {
    const socket = connect({ host: "127.0.0.1", port });
    await once(socket, "connect");
    return new Connection(socket);
  }

  ask(request: Buffer): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#socket.destroyed) return reject(new Error("the connection is closed"));
      this.#waiting = { resolve, reject };
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #fail(error: Error): void {
    this.#waiting?.reject(error);
    this.#waiting = undefined;
  }

  #take(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    const answer = parse(this.#received);
    if (answer === undefined) return;
    this.#received = Buffer.alloc(0);
    this.#waiting?.resolve(answer);
  }
}

/** Undefined as long as the answer is not whole. */
function parse(bytes: Buffer): Answer | undefined {
  const end = bytes.indexOf(HEAD_END);
  if (end === -1) return undefined;
  const head = bytes.toString("latin1", 0, end);
  const status = Number(head.slice(9, 12));
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  const rest = bytes.subarray(end + HEAD_END.length);
  if (length !== undefined) {
    if (rest.length < Number(length)) return undefined;
    return { status, body: rest.toString("utf8", 0, Number(length)) };
  }
  if (!/\r\ntransfer-encoding: *chunked/i.test(head)) return { status, body: "" };
  const body = chunked(rest);
  return body === undefined ? undefined : { status, body };
}

function chunked(bytes: Buffer): string | undefined {
  const parts: Buffer[] = [];
  for (let at = 0; ;) {
    const line = bytes.indexOf("\r\n", at);
    if (line === -1) return undefined;
    const size = Number.parseInt(bytes.toString("latin1", at, line), 16);
    const next = line + 2 + size + 2;
    if (bytes.length < next) return undefined;
    if (size === 0) return Buffer.concat(parts).toString();
    parts.push(bytes.subarray(line + 2, line + 2 + size));
    at = next;
  }
}
