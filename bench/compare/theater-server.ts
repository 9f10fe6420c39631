// Theater as `theater dev` runs it, with a counter for each target.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import theater from "../../package.json" with { type: "json" };
import { startBenchServer } from "../server.ts";
import { endLater } from "./peer-process.ts";
import { BODY, KEYS, type Served } from "./served.ts";

/** `bundled`: with the component in the Worker itself, see docs/deploy.md. */
export async function serveTheater(wasm: Uint8Array, bundled = false): Promise<Served> {
  const folder = await mkdtemp(join(tmpdir(), "theater-bench-"));
  const server = await startBenchServer(folder, bundled ? { bundled: wasm } : {});
  endLater(async () => {
    await server.dispose();
    await rm(folder, { recursive: true, force: true });
  });
  const headers = {
    authorization: `Bearer ${server.token}`,
    "content-type": "application/octet-stream",
  };
  const call = async <T>(method: string, path: string, body: BodyInit): Promise<T> => {
    const response = await fetch(server.url + path, { method, headers, body });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${text}`);
    return JSON.parse(text) as T;
  };
  const bytes = new Uint8Array(wasm);
  const { component } = await call<{ component: string }>("PUT", "/v1/components", bytes);
  const handler = [{ type: "runtime" }, { type: "message-server" }];
  const manifest = { name: "counter", version: "1", component, handler };
  const born = async (): Promise<string> => {
    const body = JSON.stringify({ manifest });
    const { id } = await call<{ id: string }>("POST", "/v1/actors", body);
    return `/v1/actors/${id}/request`;
  };
  const paths = [await born()];
  paths.push(...(await Promise.all(Array.from({ length: KEYS - 1 }, born))));
  const port = Number(new URL(server.url).port);
  return { port, paths, headers, body: BODY, versions: { theater: theater.version } };
}
