// A person asks to be forgotten, from end to end: a real server that signs, an auditor with the command
// line who was there before, and what she still can prove afterwards.

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cidText } from "../../src/chain/cid.ts";
import { sha256 } from "../../src/chain/hash.ts";
import { parseLine } from "../../src/chain/ndjson.ts";
import { Link } from "../../src/chain/value.ts";
import { fromUtf8 } from "../../src/lib/bytes.ts";
import { startDevServer, type DevServer } from "../../src/cli/dev.ts";
import { theater as run, type Run } from "../cli/run-theater.ts";

const MANIFEST = `name = "tiny"
version = "0.1.0"
component = "${join(import.meta.dirname, "../fixtures/tiny.wasm")}"
[[handler]]
type = "runtime"
[[handler]]
type = "message-server"
`;
const SECRET = "born on the fifth of May";
const LARGE = SECRET.repeat(5_000);

let folder: string;
let server: DevServer;
let id: string;
let message: number;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "theater-erasure-"));
  server = await startDevServer({ port: 0, data: join(folder, "data") });
  await writeFile(join(folder, "tiny.toml"), MANIFEST);
  id = (await ok("start", "tiny.toml")).stdout.trim();
  await ok("request", id, SECRET, "--receipt", "before.receipt");
  message = (await types()).lastIndexOf("message.received");
  const { key } = JSON.parse((await ok("trust", "--from", id, "--json")).stdout) as { key: string };
  await ok("trust", key);
  await ok("verify", id); // she remembers the checkpoint
}, 60_000);

afterAll(async () => {
  await server.dispose();
  await rm(folder, { recursive: true, force: true });
});

async function ok(...args: string[]): Promise<Run> {
  const env = { THEATER_TRUST: join(folder, "trust.json") };
  const done = await run(args, { cwd: folder, env, ...server });
  if (done.code !== 0) throw new Error(`theater ${args.join(" ")}: ${done.stdout}${done.stderr}`);
  return done;
}

async function call(method: string, path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  headers.set("authorization", `Bearer ${server.token}`);
  return await fetch(`${server.url}/v1/actors/${id}${path}`, { ...init, method, headers });
}

async function lines(): Promise<{ seq: number; payload: unknown; event: { type: string } }[]> {
  const headers = { accept: "application/x-ndjson" };
  const text = await (await call("GET", "/chain", { headers })).text();
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Awaited<ReturnType<typeof lines>>[number]);
}

const types = async (): Promise<string[]> => (await lines()).map(({ event }) => event.type);

test("the payload is erased over HTTP, and every form of reading shows it so", async () => {
  const body = JSON.stringify({ reason: "request 17" });
  const response = await call("DELETE", `/chain/${message}/payload`, { body });
  expect(response.status).toBe(200);
  const erased = (await response.json()) as { event: { seq: number; cid: string } };
  expect(erased).toMatchObject({ complete: true });
  expect(response.headers.get("theater-event")).toBe(`${erased.event.seq}:${erased.event.cid}`);
  const again = await call("DELETE", `/chain/${message}/payload?reason=again`);
  expect(await again.json()).toEqual(erased);

  const one = await (await call("GET", `/chain/${message}`)).json();
  expect(one).toMatchObject({ seq: message, payload: null, event: { fields: null } });
  const all = await lines();
  expect(all[message]).toMatchObject({ payload: null, event: { fields: null } });
  expect(all.at(-1)).toMatchObject({
    event: { type: "payload.erased", fields: { seqs: [message], reason: "request 17" } },
  });
  await ok("export", id, "-o", "after.car", "--include", "manifest,component,states");
  await ok("export", id, "-o", "after.ndjson");
  const parsed = (await readFile(join(folder, "after.ndjson"), "utf8")).trimEnd().split("\n");
  expect(parseLine(parsed[message] ?? "").payload).toBeNull();
  for (const file of ["after.car", "after.ndjson"]) {
    expect((await readFile(join(folder, file))).includes(SECRET)).toBe(false);
  }
});

test("the chain is the one she saw, signed, with one payload erased", async () => {
  const verdict = /^verified 0…(\d+), signed to \1 by theater\.local, 1 erased, 0 withheld\n/;
  expect((await ok("verify", id)).stdout).toMatch(verdict);
  for (const file of ["after.car", "after.ndjson"]) {
    expect((await ok("verify", file)).stdout).toContain("1 erased, 0 withheld");
  }
  const report = await (await call("POST", "/chain/verify")).json();
  expect(report).toMatchObject({ verdict: "verified", erased: [message], withheld: [] });
});

test("a receipt from before proves what it proved, and a new one proves the event without its words", async () => {
  expect((await ok("verify", "before.receipt")).stdout).toMatch(/^verified event \d+ of /);
  await ok("receipt", id, String(message), "-o", "after.receipt");
  expect((await ok("verify", "after.receipt")).stdout).toMatch(/^verified event \d+ of /);
  const receipt = await readFile(join(folder, "after.receipt"), "utf8");
  const extra = Buffer.from(/^extra (.*)$/m.exec(receipt)?.[1] ?? "", "base64");
  expect(extra.length).toBeGreaterThan(100);
  expect(extra.includes(SECRET)).toBe(false);
});

test("the actor and its state are as they were, and a large message goes with its block", async () => {
  const state = await (await call("GET", "/state")).text();
  const { event } = (await (await call("POST", "/send", { body: LARGE })).json()) as {
    event: { seq: number };
  };
  await expect
    .poll(async () => (await (await call("GET", "")).json()) as object)
    .toMatchObject({
      mailbox: 0,
    });
  expect(await (await call("GET", "/state")).text()).not.toBe(state);
  const block = `/content/${cidText(new Link("raw", sha256(fromUtf8(LARGE))))}`;
  expect(await (await call("GET", block)).text()).toBe(LARGE);
  const body = JSON.stringify({ seqs: [event.seq, message], reason: "request 18" });
  expect((await call("POST", "/chain/erase", { body })).status).toBe(200);
  expect((await call("GET", block)).status).toBe(404);
  expect((await call("POST", "/request", { body: "still there?" })).status).toBe(200);
  expect((await ok("verify", id)).stdout).toContain("2 erased, 0 withheld");
});

test("the command line erases too, and lists what is about one interface", async () => {
  await ok("request", id, "one more");
  const logged = JSON.parse(
    (await ok("events", id, "--about", "theater:simple/runtime", "--json")).stdout,
  ) as { seq: number }[];
  const seq = logged.at(-1)?.seq ?? -1;
  const erased = (await ok("erase", id, String(seq), "--reason", "request 18")).stdout;
  expect(erased).toMatch(new RegExp(`^erased ${seq}, as event \\d+:b[a-z2-7]{58} says\n$`));
  expect((await lines())[seq]?.payload).toBeNull();
  expect((await ok("verify", id)).stdout).toContain("erased, 0 withheld");
});
