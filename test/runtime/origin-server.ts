// A real HTTP server on this machine for the tests of http-client: two origins, which remember what reached them.
// `/…` paths say what to answer; `/seen/<id>` tells the requests whose path holds the id.

import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** `http://127.0.0.1:<port>` of the two servers, and of a port on which nobody listens. */
    origins: { first: string; second: string; closed: string };
  }
}

interface Seen {
  server: number;
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
  body: string;
  /** Whether the client went away before the response was whole. */
  cut: boolean;
}

const seen: Seen[] = [];

const CHUNK = "x".repeat(64 * 1024);

type Route = (request: Seen, response: ServerResponse, parameter: string) => void | Promise<void>;

const routes: Record<string, Route> = {
  /** Gives back what came, as JSON. */
  echo: (request, response) => {
    response.setHeader("content-type", "application/json");
    response.setHeader("x-echo", String(request.headers["x-key"] ?? "none"));
    response.end(JSON.stringify(request));
  },
  status: (_, response, status) => {
    response.statusCode = Number(status);
    response.end();
  },
  headers: (_, response) => {
    response.setHeader("set-cookie", ["a=1; Path=/", "b=2"]);
    response.setHeader("x-two", ["one", "two"]);
    response.end("ok");
  },
  gzip: (_, response) => {
    response.setHeader("content-encoding", "gzip");
    response.end(gzipSync("unpacked ".repeat(1_000)));
  },
  /** So many bytes, with their length said before. */
  long: (_, response, length) => {
    response.setHeader("content-length", length);
    response.end("x".repeat(Number(length)));
  },
  /** A few bytes on the wire that are 8 MB once unpacked. */
  bomb: (_, response) => {
    response.setHeader("content-encoding", "gzip");
    response.end(gzipSync(Buffer.alloc(8_000_000)));
  },
  /** Chunks without an end. */
  endless: (_, response) => {
    const more = (): void => {
      while (!response.destroyed && response.write(CHUNK));
      if (!response.destroyed) response.once("drain", more);
    };
    more();
  },
  chunks: async (_, response, count) => {
    for (let n = 0; n < Number(count); n++) {
      response.write(`chunk ${n};`);
      await new Promise((resolve) => setImmediate(resolve));
    }
    response.end();
  },
  /** A head at once, and never a body. */
  slow: (_, response) => {
    response.writeHead(200, { "content-length": "5" });
    response.write("1");
  },
  silent: () => undefined,
  /** Breaks the connection in the middle of the body. */
  broken: (_, response) => {
    response.writeHead(200, { "content-length": "100" });
    response.write("half", () => response.destroy());
  },
  /** Answers from the second time on. */
  again: (request, response) => {
    if (seen.filter(({ url }) => url === request.url).length > 1) response.end("again");
  },
  /** A header of the request, so many times. */
  repeat: (request, response, times) => {
    response.end(String(request.headers["x-key"]).repeat(Number(times)));
  },
  /** Leads to a path whose end came in base64. */
  decoded: (request, response, id) => {
    const hidden = decodeURIComponent(request.url.split("?")[1] ?? "");
    response.writeHead(302, {
      location: `/echo/${id}/${Buffer.from(hidden, "base64").toString()}`,
    });
    response.end();
  },
  loop: (request, response) => {
    response.writeHead(302, { location: request.url });
    response.end();
  },
  /** `/to/<status>/<location, encoded>` */
  to: (_, response, parameter) => {
    const [status = "", ...rest] = parameter.split("/");
    response.writeHead(Number(status), { location: decodeURIComponent(rest.join("/")) });
    response.end("on the way");
  },
  /** The answer that repeats a header of the request in every place and spelling. */
  leak: (request, response) => {
    const key = String(request.headers["x-key"]);
    response.setHeader("x-leak", key);
    response.setHeader("set-cookie", `key=${encodeURIComponent(key)}`);
    response.end([key, encodeURIComponent(key), JSON.stringify({ key })].join("\n"));
  },
};

async function answer(server: number, message: IncomingMessage, response: ServerResponse) {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  const { method = "", url = "", headers } = message;
  const [, route = "", ...rest] = url.split("/");
  if (route === "seen") {
    response.end(JSON.stringify(seen.filter((each) => each.url.includes(rest.join("/")))));
    return;
  }
  const request: Seen = {
    server,
    method,
    url,
    headers,
    body: Buffer.concat(chunks).toString(),
    cut: false,
  };
  seen.push(request);
  response.on("close", () => {
    request.cut = !response.writableEnded;
  });
  const parameter = rest.join("/").split("?")[0] ?? "";
  await routes[route]?.(request, response, parameter);
}

async function listen(number: number): Promise<{ server: Server; origin: string }> {
  const server = createServer((message, response) => {
    void answer(number, message, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const servers = [await listen(1), await listen(2), await listen(3)];
  const [first = "", second = "", closed = ""] = servers.map(({ origin }) => origin);
  await new Promise((resolve) => servers[2]?.server.close(resolve));
  project.provide("origins", { first, second, closed });
  return async () => {
    for (const { server } of servers) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  };
}
