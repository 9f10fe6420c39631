// One server with two actors that can do what HTTP can: a Hono application and a wasi:http component. Beside them the
// guestbook, and the room of docs/websockets.md.

import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, request as open, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildActor } from "../../src/cli/build-actor.ts";
import { startDevServer, type DevServer } from "../../src/cli/dev.ts";
import { WEB } from "../conformance/build-web.ts";

const ROOT = join(import.meta.dirname, "../..");

export let folder: string;
export let server: DevServer;
export let web: string;
export let plain: string;
/** What the component asks, "host:port". */
export let origin: string;
const originServer = createServer((request, response) => {
  request.setEncoding("utf8");
  let body = "";
  request.on("data", (part: string) => (body += part));
  request.on("end", () => {
    if (request.url !== "/slow") response.end(`${request.method} ${request.url} ${body}`);
  });
});

/** For all tests of a file. */
export async function serve(): Promise<void> {
  folder = await mkdtemp(join(tmpdir(), "theater-http-"));
  process.env["ACTOR_HOSTS"] = "localhost=guestbook";
  const build = async (dir: string): Promise<Uint8Array> =>
    (await buildActor(join(ROOT, dir), { write: false })).component;
  const [up, own, example] = await Promise.all([
    startDevServer({ port: 0, data: folder }),
    build("test/process/http-actor"),
    build("examples/guestbook"),
  ]);
  server = up;
  web = await started(own, "web");
  await started(example, "guestbook");
  await started(await documented(), "room");
  await new Promise<void>((done) => originServer.listen(0, "127.0.0.1", done));
  origin = `127.0.0.1:${(originServer.address() as AddressInfo).port}`;
  plain = await started(await readFile(WEB), "plain", plainManifest("plain"));
}

export async function close(): Promise<void> {
  delete process.env["ACTOR_HOSTS"];
  originServer.closeAllConnections();
  originServer.close();
  await server.dispose();
  await rm(folder, { recursive: true, force: true });
}

/** The first actor in the document. */
async function documented(): Promise<Uint8Array> {
  const text = await readFile(join(ROOT, "docs/websockets.md"), "utf8");
  const [, source = ""] = /```ts\n(.*?)```/s.exec(text) ?? [];
  const dir = join(folder, "room");
  await mkdir(dir);
  await writeFile(join(dir, "actor.ts"), source);
  const handler = ["http-framework", "runtime", "timing"].map(
    (type) => `[[handler]]\ntype = "${type}"\n`,
  );
  const head = 'name = "room"\nversion = "1"\ncomponent = "./room.wasm"\n';
  await writeFile(join(dir, "manifest.toml"), head + handler.join(""));
  return (await buildActor(dir, { write: false })).component;
}

export const ask = async (path: string, init: RequestInit): Promise<Record<string, unknown>> => {
  const headers = { authorization: `Bearer ${server.token}` };
  const response = await fetch(server.url + path, { ...init, headers });
  return (await response.json()) as Record<string, unknown>;
};

/** Of the wasi:http component of test/fixtures/web.c: what it imports is granted, and no more. */
export const plainManifest = (
  name: string,
): { limits: object; handler: Record<string, unknown>[] } => ({
  limits: { turn_ms: 4_000, mailbox: 2 },
  handler: [
    {
      type: "http-framework",
      public_name: name,
      public: true,
      stream: ["/stream/{count}", "/broken/{count}"],
    },
    { type: "runtime" },
    { type: "timing", max_sleep_duration: 5_000 },
    { type: "random" },
    { type: "environment" },
    { type: "http-client", allowed_hosts: [`http://${origin}`], allowed_methods: ["GET", "POST"] },
  ],
});

async function started(body: Uint8Array, name: string, more: object = {}): Promise<string> {
  const { component } = await ask("/v1/components", { method: "PUT", body: body as BodyInit });
  const site = { type: "http-framework", public_name: name, public: true, read_only: ["/"] };
  const handler = [site, { type: "runtime" }, { type: "timing" }];
  const manifest = { name, version: "1", component, handler, ...more };
  const { id } = await ask("/v1/actors", { method: "POST", body: JSON.stringify({ manifest }) });
  return String(id);
}

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

export interface Ask {
  method?: string;
  headers?: Record<string, string>;
  /** Several parts go in chunks, without a length. */
  parts?: readonly (string | Uint8Array)[];
}

/** Past fetch, which hides lengths and chunks. */
export async function raw(
  path: string,
  { method = "GET", headers = {}, parts = [] }: Ask = {},
): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const asked = open(server.url + path, { method, headers });
    asked.on("upgrade", ({ statusCode: status = 0, headers: given }, socket) => {
      socket.destroy();
      resolve({ status, headers: given, body: Buffer.alloc(0) });
    });
    asked.on("response", (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const { statusCode: status = 0, headers: given } = response;
        resolve({ status, headers: given, body: Buffer.concat(chunks) });
      });
    });
    asked.on("error", reject);
    const [only] = parts;
    if (parts.length === 1 && only !== undefined) {
      asked.setHeader("content-length", Buffer.byteLength(only));
    }
    for (const part of parts) asked.write(part);
    asked.end();
  });
}
