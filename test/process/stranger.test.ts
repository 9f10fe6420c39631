// A component that was not written for Theater: it imports nothing and adds two numbers. It can be
// uploaded and looked at, and whoever wants to start it is told what it lacks.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "@bytecodealliance/jco-transpile/wasm-tools";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startDevServer, type DevServer } from "../../src/cli/dev.ts";

const ADDER = `(component
  (core module $m
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))
  (core instance $i (instantiate $m))
  (func (export "add") (param "a" u32) (param "b" u32) (result u32) (canon lift (core func $i "add"))))`;

let folder: string;
let server: DevServer;
let uploaded: {
  component: string;
  imports: string[];
  exports: string[];
  actor: { ready: boolean; lacks: string[] };
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "theater-stranger-"));
  server = await startDevServer({ port: 0, data: folder });
  const response = await call("PUT", "/v1/components", await parse(ADDER));
  uploaded = await response.json();
}, 60_000);

afterAll(async () => {
  await server.dispose();
  await rm(folder, { recursive: true, force: true });
});

function call(method: string, path: string, body?: BodyInit | Uint8Array): Promise<Response> {
  const headers = { authorization: `Bearer ${server.token}` };
  return fetch(server.url + path, {
    method,
    headers,
    ...(body === undefined ? {} : { body: body as BodyInit }),
  });
}

test("it uploads, and its exports are listed", () => {
  expect(uploaded.component).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(uploaded.imports).toEqual([]);
  expect(uploaded.exports).toEqual(["add"]);
});

test("its WIT is listed with every type", async () => {
  const wit = await (await call("GET", `/v1/components/${uploaded.component}/wit`)).text();
  expect(wit).toContain("export add: func(a: u32, b: u32) -> u32;");
});

test("what it lacks to be an actor is said at the upload and at the start", async () => {
  expect(uploaded.actor.ready).toBe(false);
  expect(uploaded.actor.lacks.join(" ")).toContain(
    "It does not export theater:simple/actor with the function init",
  );
  const manifest = `name = "adder"\nversion = "1"\ncomponent = "${uploaded.component}"`;
  const response = await call("POST", "/v1/actors", JSON.stringify({ manifest }));
  const problem = (await response.json()) as { code: string; detail: string };
  expect([response.status, problem.code]).toEqual([422, "not-an-actor"]);
  expect(problem.detail).toContain("theater:simple/actor");
});
