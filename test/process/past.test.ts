// An actor's past from the command line: what was, what changed, going back, branching, and proof of where a branch
// comes from.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { workerComponent } from "../../bench/drill/component.ts";
import { startDevServer, type DevServer } from "../../src/cli/dev.ts";
import { theater, type Run } from "../cli/run-theater.ts";

let folder: string;
let wasm: string;
let server: DevServer;
let actor: string;
/** The events that ended its turns, from init on. */
const ends: number[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "theater-past-"));
  wasm = join(folder, "worker.wasm");
  await writeFile(wasm, await workerComponent());
  server = await startDevServer({ port: 0, data: join(folder, "data") });
  const { component } = await call<{ component: string }>(
    "PUT",
    "/v1/components",
    await workerComponent(),
  );
  const handler = [{ type: "runtime" }, { type: "message-server" }];
  const manifest = { name: "clerk", version: "1", component, handler };
  const started = await call<{ id: string; head: { seq: number } }>("POST", "/v1/actors", {
    manifest,
  });
  actor = started.id;
  ends.push(started.head.seq);
  for (const n of [5, 6, 7]) ends.push(await ask({ n, act: "count" }));
}, 120_000);

afterAll(async () => {
  await server.dispose();
  await rm(folder, { recursive: true, force: true });
});

async function send(method: string, path: string, body: Uint8Array | object): Promise<Response> {
  return await fetch(server.url + path, {
    method,
    headers: { authorization: `Bearer ${server.token}`, "content-type": "application/json" },
    body: body instanceof Uint8Array ? new Uint8Array(body) : JSON.stringify(body),
  });
}

async function call<T>(method: string, path: string, body: Uint8Array | object): Promise<T> {
  return (await (await send(method, path, body)).json()) as T;
}

/** The seq of the event that ended the turn. */
async function ask(operation: object): Promise<number> {
  const response = await send("POST", `/v1/actors/${actor}/request`, operation);
  return Number(response.headers.get("theater-event")?.split(":")[0]);
}

const run = async (args: readonly string[], stdin = ""): Promise<Run> =>
  await theater(args, { url: server.url, token: server.token, stdin });

test("a state of then is printed byte by byte, and in what it differs from another", async () => {
  const [then, diff] = await Promise.all([
    run(["state", actor, "--at", String(ends[2])]),
    run(["state", actor, "--at", String(ends[3]), "--diff", String(ends[1])]),
  ]);
  expect(then).toMatchObject({ code: 0, stdout: '{"count":2,"sum":11}' });
  expect(diff).toMatchObject({ code: 0, stdout: "~ /count  1 → 3\n~ /sum  5 → 18\n" });
});

test("a turn is shown with its message, its state and its answer, and a debugger steps through them", async () => {
  const [turn, stepped] = await Promise.all([
    run(["events", actor, "--turn", "3"]),
    run(["debug", actor], "next\nn\nstate\nj 4\ndiff 2\np\nj 9\nwhat\nquit\nstate\n"),
  ]);
  const lines = turn.stdout.split("\n");
  expect(lines[0]).toMatch(/^turn 3 {2}committed {2}events \d+…\d+/);
  expect(lines[2]).toContain(String.raw`"{\"n\":6,\"act\":\"count\"}"`);
  expect(lines.slice(3)).toEqual([
    "state",
    "  ~ /count  1 → 2",
    "  ~ /sum  5 → 11",
    "reply",
    '  "2"',
    "",
  ]);
  const shown = stepped.stdout.split("\n");
  expect(shown.filter((line) => line.startsWith("("))).toEqual(
    [1, 2, 3, 4, 3].map((n) => `(${n} of 4)`),
  );
  expect(stepped.stdout).toContain('\n{"count":2,"sum":11}\nturn 4');
  expect(stepped.stdout).toContain("\n~ /count  1 → 3\n~ /sum  5 → 18\nturn 3");
  expect(stepped.stdout).toContain("\nthere are turns 1 to 4\nnext, n");
  expect(stepped).toMatchObject({ code: 0, stderr: "" });
});

test("a fork is the same past and its own future, and a verifier sees where it comes from", async () => {
  const made = await run([
    "fork",
    actor,
    "--at",
    String(ends[2]),
    "--with",
    wasm,
    "--name",
    "what-if",
  ]);
  const fork = made.stdout.trim();
  expect(made.code).toBe(0);
  const [asked, verified, inside] = await Promise.all([
    run(["request", fork, '{"n":100,"act":"count"}']),
    run(["verify", fork, "--with-origin", "--json"]),
    run(["fork", actor, "--at", String((ends[2] ?? 0) - 1)]),
  ]);
  expect(asked.stdout).toBe("3");
  expect(verified.code).toBe(0);
  expect(JSON.parse(verified.stdout)).toMatchObject({
    verdict: "verified",
    origins: [{ actor, seq: ends[2], checked: true, stateAgrees: true, problem: null }],
  });
  expect(inside).toMatchObject({ code: 1, stderr: expect.stringContaining("wrong-state") });
});

test("going back is an event, and an erased state is said to be erased", async () => {
  const reverted = await run(["revert", actor, "--turns", "2", "--reason", "bad day"]);
  expect(reverted.stdout).toContain(`back to the state after event ${ends[1]}`);
  const [now, neither] = await Promise.all([
    run(["state", actor]),
    run(["revert", actor, "--reason", "x"]),
  ]);
  expect(now.stdout).toBe('{"count":1,"sum":5}');
  expect(neither.code).toBe(2);
  await send("POST", `/v1/actors/${actor}/chain/erase`, { seqs: [ends[2]], reason: "asked" });
  const erased = await run(["state", actor, "--at", String(ends[2])]);
  expect(erased).toMatchObject({
    code: 1,
    stdout: "",
    stderr: expect.stringContaining("erased: "),
  });
  expect(erased.stderr).toContain(`event ${ends[2]}`);
});
