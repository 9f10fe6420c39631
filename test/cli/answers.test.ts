import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { problem, serve } from "./canned-server.ts";
import { theater } from "./run-theater.ts";

// Each test is a whole process, some are several, and machines are busy.
vi.setConfig({ testTimeout: 30_000 });

const ID = "a".repeat(32);
const CID = `b${"a".repeat(58)}`;
const EVENT = { seq: 3, cid: CID };
const EVENT_HEADER = { "theater-event": `3:${CID}` };

test("a refusal is shown as its code, its sentence and its evidence, and exits 1", async () => {
  const evidence = { status: "stopped" };
  await using server = await serve(() => problem(409, "wrong-state", "Start it again.", evidence));
  const { code, stdout, stderr } = await theater(["pause", ID], server);
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toBe('wrong-state: Start it again.\n{"status":"stopped"}\n');
});

test("with --json a refusal is one JSON value on stderr", async () => {
  await using server = await serve(() => problem(404, "not-found", "No such actor."));
  const { code, stdout, stderr } = await theater(["inspect", ID, "--json"], server);
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(JSON.parse(stderr)).toEqual({
    code: "not-found",
    message: "No such actor.",
    evidence: null,
  });
});

test("a code that this version does not know is passed on", async () => {
  await using server = await serve(() => problem(418, "teapot", "Short and stout."));
  const { code, stderr } = await theater(["inspect", ID], server);
  expect(code).toBe(1);
  expect(stderr).toBe("teapot: Short and stout.\n");
});

test("an answer that is no Theater answer is refused with its status", async () => {
  await using server = await serve(() => ({ status: 502, body: "<h1>Bad gateway</h1>" }));
  const { code, stderr } = await theater(["inspect", ID], server);
  expect(code).toBe(1);
  expect(stderr).toContain("http-502: ");
});

test("an answer of another form is refused and not shown as if it were right", async () => {
  await using server = await serve(() => ({ json: { actors: "none" } }));
  const { code, stderr } = await theater(["list"], server);
  expect(code).toBe(1);
  expect(stderr).toContain("unsupported: ");
});

test("where nobody answers, the message says how to start a server", async () => {
  const { url } = await (async () => {
    await using server = await serve(() => undefined);
    return server;
  })();
  const { code, stderr } = await theater(["list"], { url });
  expect(code).toBe(1);
  expect(stderr).toContain(
    `unavailable: nobody answers at ${url}; start a server with \`theater dev\``,
  );
});

test("the token comes from THEATER_TOKEN, and --token goes before it", async () => {
  await using server = await serve(() => ({ json: { actors: [], cursor: null } }));
  await theater(["list"], { url: server.url });
  await theater(["list"], { url: server.url, token: "from-env" });
  await theater(["list", "--token", "from-option"], { url: server.url, token: "from-env" });
  expect(server.received.map(({ headers }) => headers.authorization)).toEqual([
    undefined,
    "Bearer from-env",
    "Bearer from-option",
  ]);
});

test("request prints exactly the bytes of the reply, and the event on stderr", async () => {
  const reply = Uint8Array.of(0, 255, 27, 91, 10);
  await using server = await serve(() => ({ body: reply, headers: EVENT_HEADER }));
  const { code, bytes, stderr } = await theater(["request", ID, "x", "--key", "k-1"], server);
  expect(code).toBe(0);
  expect([...bytes]).toEqual([...reply]);
  expect(stderr).toBe(`recorded as 3:${CID}\n`);
  expect(server.received).toMatchObject([
    { method: "POST", path: `/v1/actors/${ID}/request`, body: Buffer.from("x") },
  ]);
  expect(server.received[0]?.headers).toMatchObject({
    "idempotency-key": "k-1",
    "content-type": "application/octet-stream",
  });
});

test("request --json gives the reply in base64, and as text where it is text", async () => {
  await using server = await serve(({ body }) => ({ body, headers: EVENT_HEADER }));
  const ask = async (body: string | Uint8Array): Promise<unknown> =>
    JSON.parse((await theater(["request", ID, "@-", "--json"], { ...server, stdin: body })).stdout);
  expect(await ask("hé")).toEqual({ reply: "aMOp", text: "hé", event: EVENT });
  expect(await ask(Uint8Array.of(255))).toEqual({ reply: "/w==", text: null, event: EVENT });
  expect(await ask("")).toEqual({ reply: "", text: "", event: EVENT });
});

test("a body is a literal, a file or standard input", async () => {
  await using server = await serve(() => ({ status: 202, json: {}, headers: EVENT_HEADER }));
  const dir = await mkdtemp(join(tmpdir(), "theater-cli-"));
  await writeFile(join(dir, "body.bin"), Uint8Array.of(0, 200));
  await theater(["send", ID, "literal"], server);
  await theater(["send", ID, "@body.bin"], { ...server, cwd: dir });
  await theater(["send", ID, "@-"], { ...server, stdin: "typed" });
  expect(server.received.map(({ body }) => body.toString("latin1"))).toEqual([
    "literal",
    "\x00\xc8",
    "typed",
  ]);
});

test("a file that is not there is told from a bug", async () => {
  await using server = await serve(() => undefined);
  const { code, stderr } = await theater(["send", ID, "@absent"], server);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^bad-request: ENOENT.*absent/);
  expect(server.received).toEqual([]);
});

test("list follows the cursor and gives programs one array", async () => {
  const actor = { id: ID, name: "chess", status: "running", parent: null, createdMs: 0 };
  await using server = await serve(({ path }) => ({
    json: path.includes("cursor=two")
      ? { actors: [{ ...actor, name: "second" }], cursor: null }
      : { actors: [actor], cursor: "two" },
  }));
  const json = await theater(["list", "--status", "running", "--json"], server);
  expect(JSON.parse(json.stdout)).toEqual([actor, { ...actor, name: "second" }]);
  expect(server.received[0]?.path).toBe("/v1/actors?status=running&limit=1000");
  const { stdout } = await theater(["list"], server);
  expect(stdout.split("\n")).toEqual([
    `id                                name    status   created              parent`,
    `${ID}  chess   running  1970-01-01 00:00:00  -`,
    `${ID}  second  running  1970-01-01 00:00:00  -`,
    "",
  ]);
});

test("text from an actor cannot control the terminal", async () => {
  const name = "x\u001b[2Jy\u202e";
  await using server = await serve(() => ({ json: { id: ID, name, createdMs: 0 } }));
  const { stdout } = await theater(["inspect", ID], server);
  expect(stdout).toContain("x\\u{1b}[2Jy\\u{202e}");
  await using refusing = await serve(() => problem(422, "guest-error", `no ${name}`));
  const { stderr } = await theater(["request", ID, "x"], refusing);
  expect(stderr).toBe("guest-error: no x\\u{1b}[2Jy\\u{202e}\n");
});

test("without a terminal there are no colours, whatever CI says", async () => {
  await using server = await serve(() => problem(404, "not-found", "No."));
  const { stderr } = await theater(["inspect", ID], { ...server, env: { CI: "true" } });
  expect(stderr).toBe("not-found: No.\n");
});

test("state prints exactly the state, and nothing where there is none", async () => {
  await using server = await serve(({ path }) =>
    path.includes("bbb") ? { status: 204 } : { body: Uint8Array.of(1, 0, 2) },
  );
  expect([...(await theater(["state", ID], server)).bytes]).toEqual([1, 0, 2]);
  const { code, stdout, stderr } = await theater(["state", "b".repeat(32)], server);
  expect({ code, stdout, stderr }).toEqual({
    code: 0,
    stdout: "",
    stderr: "the actor has no state\n",
  });
});

test.for(["stop", "terminate", "restart", "pause", "resume"])(
  "%s asks for exactly that and prints the new status",
  async (name) => {
    await using server = await serve(() => ({ json: { status: "changed", event: EVENT } }));
    const { stdout } = await theater([name, ID], server);
    expect(stdout).toBe("changed\n");
    expect(server.received).toMatchObject([{ method: "POST", path: `/v1/actors/${ID}/${name}` }]);
  },
);

test("a token that is missing or wrong is named as people set it", async () => {
  const detail = "Send the token as `Authorization: Bearer <token>`.";
  await using server = await serve(() => problem(401, "unauthorized", detail));
  const without = await theater(["list"], server);
  expect(without).toMatchObject({ code: 1, stdout: "" });
  expect(without.stderr).toMatch(/^unauthorized: .*set THEATER_TOKEN or give --token/);
  const { code, stderr } = await theater(["list"], { ...server, token: "wrong" });
  expect(code).toBe(1);
  expect(stderr).toMatch(/^unauthorized: .*check THEATER_TOKEN or --token/);
  expect(stderr).not.toContain("wrong");
});

test("inspect lists the handlers that were granted", async () => {
  const handlers = ["runtime", "store"];
  await using server = await serve(() => ({ json: { id: ID, name: "chess", handlers } }));
  expect((await theater(["inspect", ID], server)).stdout).toContain("handlers  runtime, store\n");
  await using bare = await serve(() => ({ json: { id: ID, name: "chess", handlers: [] } }));
  expect((await theater(["inspect", ID], bare)).stdout).toContain("handlers  -\n");
});
