// A real HTTP server with answers written by the test: what the command line does with each answer must
// not depend on what a Theater server happens to say today.

import { createServer, type IncomingHttpHeaders } from "node:http";
import { buffer } from "node:stream/consumers";

export interface Received {
  method: string;
  /** Path and query. */
  path: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

export interface Canned {
  status?: number;
  headers?: Record<string, string>;
  json?: unknown;
  body?: string | Uint8Array;
}

export interface CannedServer {
  url: string;
  received: Received[];
  [Symbol.asyncDispose](): Promise<void>;
}

/** `answer` gets every request; undefined answers 404 with a problem. */
export async function serve(
  answer: (request: Received) => Canned | undefined,
): Promise<CannedServer> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const { method = "", url: path = "", headers } = request;
      const one = { method, path, headers, body: await buffer(request) };
      received.push(one);
      const canned = answer(one) ?? problem(404, "not-found", "There is no such thing.");
      const { status = 200, json, body } = canned;
      const type = json === undefined ? {} : { "content-type": "application/json" };
      response.writeHead(status, { ...type, ...canned.headers });
      response.end(json === undefined ? body : JSON.stringify(json));
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { url: `http://127.0.0.1:${address.port}`, received, [Symbol.asyncDispose]: close };
}

export function problem(status: number, code: string, detail: string, evidence?: unknown): Canned {
  const body = JSON.stringify({ type: "about:blank", title: "t", status, code, detail, evidence });
  return { status, body, headers: { "content-type": "application/problem+json" } };
}
