// examples/plugin as its README says it: a server with two plug-ins, the actor built, started and asked.

import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildActor } from "../../src/cli/build-actor.ts";
import { startDevServer, type DevServer } from "../../src/cli/dev.ts";

let server: DevServer;
let id: string;

async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  headers.set("authorization", `Bearer ${server.token}`);
  return await fetch(server.url + path, { ...init, headers });
}

async function request(body: string): Promise<[number, string]> {
  const response = await ask(`/v1/actors/${id}/request`, { method: "POST", body });
  return [response.status, await response.text()];
}

beforeAll(async () => {
  const data = await mkdtemp(join(tmpdir(), "theater-plugin-"));
  server = await startDevServer({
    port: 0,
    data,
    plugins: ["examples/plugin/words.ts", "WEATHER=examples/plugin/weather.ts"],
  });
  const { component, manifestPath } = await buildActor("examples/plugin");
  const upload = await ask("/v1/components", { method: "PUT", body: new Uint8Array(component) });
  const uploaded = (await upload.json()) as { component: string };
  const text = await readFile(manifestPath, "utf8");
  const manifest = text.replace("./weather-teller.wasm", uploaded.component);
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify({ manifest });
  const started = await ask("/v1/actors", { method: "POST", headers, body });
  ({ id } = (await started.json()) as { id: string });
}, 60_000);

afterAll(() => server.dispose());

test("the actor answers with what both plug-ins gave", async () => {
  expect(await request("Bern 2")).toEqual([
    200,
    "Clear and 18 degrees, then cloudy and 21 degrees.",
  ]);
});

test("what a plug-in refuses or does not know is the guest's to tell", async () => {
  expect((await request("Atlantis"))[1]).toContain("no city Atlantis");
  expect((await request("Oslo 9"))[1]).toContain("at most 5 days");
});

test("the chain has every call by its WIT types, and verifies", async () => {
  const chain = await (await ask(`/v1/actors/${id}/chain?type=host.intended`)).text();
  expect(chain).toContain("example:weather/forecast#days");
  const verified = await ask(`/v1/actors/${id}/chain/verify`, { method: "POST" });
  expect(await verified.json()).toMatchObject({ verdict: "verified" });
});
