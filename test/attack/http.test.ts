// Goal: every wrong request is answered with a problem that has a code, never with a bug and never with
// silence. Method: raw sockets, because a client library would put most of these requests right.

import { connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { TINY } from "./hostile-guest.ts";
import { Stage, type Problem } from "./stage.ts";

const ANSWER_MS_MAX = 5_000;

let stage: Stage;
let id: string;
let component: string;

beforeAll(async () => {
  stage = await Stage.start();
  id = await stage.actor(TINY);
  component = (await stage.upload(TINY)) as string;
}, 60_000);

afterAll(async () => {
  await stage.end();
});

interface Raw {
  status: number;
  /** Of a problem; else the first bytes of the body. */
  said: string;
}

async function raw(lines: string, body: Iterable<string | Uint8Array> = []): Promise<Raw> {
  const socket = connect(Number(new URL(stage.server.url).port), "127.0.0.1");
  let text = "";
  const closed = new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("no answer")), ANSWER_MS_MAX);
    socket.on("data", (data) => (text += data.toString("latin1")));
    socket.on("error", () => undefined); // the server may close while a body is on its way
    socket.on("close", () => {
      clearTimeout(timer);
      resolve();
    });
  });
  socket.write(Buffer.from(`${lines}\r\n\r\n`, "latin1"));
  for (const part of body) socket.write(part);
  await closed;
  const [head = "", content = ""] = text.split("\r\n\r\n");
  const status = Number(head.split(" ")[1]);
  const isProblem = head.toLowerCase().includes("content-type: application/problem+json");
  const said = isProblem ? (/"code":"([a-z-]+)"/.exec(content)?.[1] ?? "") : content.slice(0, 40);
  return { status, said };
}

/** A request line and headers, with a token. */
function asked(line: string, ...headers: string[]): string {
  const { token } = stage.server;
  return [
    `${line.replace("{id}", id)} HTTP/1.1`,
    "host: theater.local",
    "connection: close",
    `authorization: Bearer ${token}`,
    ...headers,
  ].join("\r\n");
}

test.for([
  ["/v1/actors/../actors", 404],
  ["/v1/actors/%2e%2e", 404],
  ["/v1/actors/%00", 404],
  ["/v1/actors/{id}%00", 404],
  ["/v1/actors/%ff", 404],
  ["/v1/actors/%", 404],
  [`/v1/actors/${"a".repeat(20_000)}`, 404],
  [`/v1/actors/${"a".repeat(32)}/chain`, 404],
  ["//v1/actors", 404],
  ["/healthz/", 404],
  ["/healthz%2f..%2fv1/actors", 404],
  ["/v1/stores/%00/labels", 400],
  ["/v1/stores/../labels", 400],
  ["/v1/stores/a%2fb/labels", 400],
  ["/v1/stores/a/labels/%00", 400],
  [`/v1/content/${"b".repeat(59)}`, 400],
  [`/v1/components/sha256:${"0".repeat(64)}/wasm`, 404],
  ["/v1/actors/{id}/chain/999999999999999", 404],
  ["/v1/actors/{id}/chain/-1", 404],
  ["/v1/actors/{id}/chain?from=9007199254740993", 400],
  ["/v1/actors/{id}/chain?limit=1001", 400],
  [`/v1/actors/{id}/chain?${"type=turn.committed&".repeat(40)}`, 400],
  ["/v1/actors/{id}/chain?to=0&from=5", 400],
  ["/v1/actors?cursor=%00", 400],
  ["/v1/actors?limit=99999999999", 400],
] as const)("GET %s: %i", async ([path, status]) => {
  const answer = await raw(asked(`GET ${path}`));
  expect(answer).toEqual({ status, said: expect.stringMatching(/^(not-found|bad-request)$/) });
});

test.for<[string, string]>([
  ["no token", ""],
  ["no bearer", "authorization: Basic {token}"],
  ["two tokens", "authorization: Bearer {token}\r\nauthorization: Bearer {token}"],
  ["the token without its end", "authorization: Bearer {short}"],
  ["a long token", `authorization: Bearer ${"a".repeat(8_000)}`],
  ["a token that is no ASCII", "authorization: Bearer \xff\xfe"],
  ["thousands of spaces", `authorization: Bearer${" ".repeat(8_000)}x y`],
])("with %s everything that is not open is 401", async ([, header]) => {
  const { token } = stage.server;
  const filled = header.replaceAll("{token}", token).replace("{short}", token.slice(0, -1));
  for (const path of [`/v1/actors?token=${token}`, "/nothing-here", `/v1/actors/${id}`]) {
    const lines = [
      `GET ${path} HTTP/1.1`,
      "host: x",
      "connection: close",
      ...(filled ? [filled] : []),
    ];
    expect(await raw(lines.join("\r\n"))).toEqual({ status: 401, said: "unauthorized" });
  }
});

test.for(["OPTIONS", "TRACE", "PATCH", "DELETE", "PROPFIND"])(
  "%s is no method of a list",
  async (method) => {
    expect(await raw(asked(`${method} /v1/actors`))).toEqual({ status: 405, said: "wrong-method" });
    const overridden = asked("GET /v1/actors/{id}/send", `x-http-method-override: ${method}`);
    expect(await raw(overridden)).toEqual({ status: 405, said: "wrong-method" });
  },
);

test("HEAD is GET without a body", async () => {
  expect(await raw(asked("HEAD /v1/actors/{id}/chain"))).toEqual({ status: 200, said: "" });
  expect(await raw(asked("HEAD /nothing-here"))).toEqual({ status: 404, said: "" });
});

test("thousands of headers, long ones and odd ones do no harm", async () => {
  const many = Array.from({ length: 3_000 }, (_, n) => `x-${n}: y`);
  expect((await raw(asked("GET /v1/actors/{id}", ...many))).status).toBe(200);
  expect((await raw(asked("GET /v1/actors/{id}", `x: ${"y".repeat(100_000)}`))).status).toBe(200);
  const accept = `accept: ${"a/b;q=9e9,".repeat(700)}*/*;q=x;;;,,,`;
  expect((await raw(asked("GET /v1/actors/{id}/chain", accept))).status).toBe(200);
});

test.for([
  ["", "an empty key"],
  ["k".repeat(256), "a long key"],
  ["a b", "a key with a space"],
  ["a\r\nidempotency-key: b", "two keys"],
])("Idempotency-Key: %s is %s", async ([key]) => {
  const lines = asked("POST /v1/actors/{id}/send", `idempotency-key: ${key}`, "content-length: 1");
  expect(await raw(lines, ["x"])).toEqual({ status: 400, said: "bad-request" });
});

const CHUNK = Buffer.concat([
  Buffer.from("10000\r\n"),
  Buffer.alloc(65_536, 97),
  Buffer.from("\r\n"),
]);

test("a body without an end is cut off at its limit", async () => {
  const lines = asked("POST /v1/actors/{id}/send", "transfer-encoding: chunked");
  expect(
    await raw(
      lines,
      Array.from({ length: 64 }, () => CHUNK),
    ),
  ).toEqual({
    status: 413,
    said: "too-large",
  });
});

test("a body that is chunked wrongly is refused", async () => {
  const lines = asked("POST /v1/actors/{id}/send", "transfer-encoding: chunked");
  expect(await raw(lines, ["zz\r\nabc"])).toEqual({ status: 400, said: "bad-request" });
});

const deep = (levels: number): string => "[".repeat(levels) + "]".repeat(levels);

test.for<[string, string, string]>([
  ["nothing", " ", "bad-request"],
  ["half an object", "{", "bad-request"],
  ["a list", "[]", "bad-request"],
  ["no manifest", "{}", "bad-request"],
  ["another key", '{"manifest":"","x":1}', "bad-request"],
  ["__proto__ at the top", '{"__proto__":{"manifest":"x"}}', "bad-request"],
  ["__proto__ inside", '{"manifest":{"__proto__":{"name":"x"}}}', "bad-request"],
  ["__proto__ in escapes", '{"manifest":{"\\u005f_proto__":1}}', "bad-request"],
  ["lists in lists", `{"manifest":{"a":${deep(100_000)}}}`, "bad-"],
  ["objects in objects", `${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`, "bad-"],
  ["deep TOML", JSON.stringify({ manifest: `a = ${deep(50_000)}` }), "bad-manifest"],
  ["deep TOML keys", JSON.stringify({ manifest: `${"a.".repeat(50_000)}b = 1` }), "bad-manifest"],
  [
    "thousands of tables",
    JSON.stringify({ manifest: "[[handler]]\n".repeat(15_000) }),
    "bad-manifest",
  ],
  ["a manifest of 2 MB", JSON.stringify({ manifest: "a".repeat(2_000_000) }), "too-large"],
  [
    "a state of 1 MiB + 1",
    JSON.stringify({ manifest: "", initState: "AAAA".repeat(349_526) }),
    "too-large",
  ],
])("a start with %s is refused with a code", async ([, body, code]) => {
  const response = await stage.ask("/v1/actors", { method: "POST", body });
  expect(((await response.json()) as Problem).code).toContain(code);
});

async function refusalOf(fields: Record<string, unknown>): Promise<string> {
  const manifest = {
    name: "a",
    version: "1",
    component,
    handler: [{ type: "runtime" }],
    ...fields,
  };
  const body = JSON.stringify({ manifest }).replace('"\u{1f4a5}"', '"\\ud800"');
  const response = await stage.ask("/v1/actors", { method: "POST", body });
  const { code, detail } = (await response.json()) as Problem;
  return `${code}: ${detail}`;
}

const runtime = { type: "runtime" };

test.for<[string, Record<string, unknown>, string]>([
  [
    "an unknown key",
    { versoin: "1" },
    'Unknown key "versoin" in manifest; did you mean "version"?',
  ],
  ["a key that every object has", { constructor: 1 }, 'Unknown key "constructor"'],
  ["a very long key", { ["k".repeat(100_000)]: 1 }, "Unknown key"],
  ["an unknown limit", { limits: { state_byte: 1 } }, 'did you mean "state_bytes"?'],
  ["a negative limit", { limits: { mailbox: -1 } }, "limits.mailbox"],
  ["a limit above all", { limits: { state_bytes: 1e15 } }, "limits.state_bytes"],
  ["a name that is none", { name: "\u{1f600}" }, "name: 1 to 63"],
  ["a name of two lines", { name: "a\nb" }, "name: 1 to 63"],
  ["a number as name", { name: 5 }, "name: "],
  ["an unknown handler", { handler: [{ type: "runtimes" }] }, 'did you mean "runtime"?'],
  ["a handler called constructor", { handler: [{ type: "constructor" }] }, "There is no handler"],
  ["a handler twice", { handler: [runtime, runtime] }, "stands twice"],
  ["forty handlers", { handler: Array.from({ length: 40 }, () => runtime) }, "handler: "],
  ["a handler without a type", { handler: [{}] }, "handler.0.type"],
  [
    "a handler's unknown key",
    { handler: [runtime, { type: "random", max_byte: 1 }] },
    'did you mean "max_bytes"?',
  ],
  [
    "random bytes without measure",
    { handler: [runtime, { type: "random", max_bytes: 2 ** 40 }] },
    "max_bytes",
  ],
  [
    "half of a character",
    { handler: [runtime, { type: "store", stores: ["\u{1f4a5}"] }] },
    "stores.0",
  ],
  ["a file", { component: "file:///etc/passwd" }, "The server takes component"],
  ["save_chain = false", { save_chain: false }, "save_chain: Remove it"],
  [
    "the original's permissions",
    { permissions: {} },
    "Remove permissions: write [permission_policy",
  ],
  ["a policy for no handler", { permission_policy: { stor: {} } }, 'did you mean "store"?'],
  [
    "a policy's unknown key",
    { permission_policy: { random: { type: "restrict", conifg: {} } } },
    'Unknown key "conifg" in permission_policy.random; did you mean "config"?',
  ],
  [
    "a policy's unknown kind",
    { permission_policy: { random: { type: "forbid" } } },
    "permission_policy.random.type",
  ],
  [
    "a policy that restricts to nothing said",
    { permission_policy: { random: { type: "restrict" } } },
    "Say what is left with a table [permission_policy.random.config]",
  ],
  [
    "a policy's wrong configuration",
    { permission_policy: { random: { type: "restrict", config: { max_byte: 1 } } } },
    'Unknown key "max_byte" in permission_policy.random.config; did you mean "max_bytes"?',
  ],
  [
    "a policy twice",
    { permission_policy: { message_server: {}, "message-server": {} } },
    "stands twice",
  ],
  ["a variable that nobody gives", { description: "{{a}}" }, 'there is no variable "a"'],
])("a manifest with %s: the refusal says what is wrong", async ([, fields, says]) => {
  const refusal = await refusalOf(fields);
  expect(refusal).toMatch(/^bad-manifest: /);
  expect(refusal).toContain(says);
});

test.for<[string, Record<string, unknown>, string]>([
  ["limits.fuel", { limits: { fuel: 1 } }, "Remove limits.fuel"],
  ["limits.memory_pages", { limits: { memory_pages: 1 } }, "Remove limits.memory_pages"],
])("a manifest with %s is refused, because this version would not keep it", async (row) => {
  const [, fields, says] = row;
  expect(await refusalOf(fields)).toContain(`unsupported: ${says}`);
});

test.for([
  "[__proto__]",
  "[limits.__proto__]",
  "[permission_policy.__proto__]",
  "[permission_policy.random.config.__proto__]",
  '[[handler]]\ntype = "runtime"\n[handler.__proto__]',
])("a manifest with %s is refused by that name", async (table) => {
  const manifest = `name = "a"\nversion = "1"\ncomponent = "${component}"\n${table}\n`;
  const body = JSON.stringify({ manifest });
  const response = await stage.ask("/v1/actors", { method: "POST", body });
  const { code, detail } = (await response.json()) as Problem;
  expect(`${code}: ${detail}`).toMatch(/^bad-manifest: .*__proto__/s);
});

test("an actor without message-server takes no messages, and none is recorded", async () => {
  const quiet = (await stage.start(component, { handler: [runtime] })) as string;
  const before = (await stage.chain(quiet)).length;
  const refusal = { code: "missing-handler", status: 422 };
  expect(await stage.request(quiet, "x")).toMatchObject(refusal);
  const sent = await stage.ask(`/v1/actors/${quiet}/send`, { method: "POST", body: "x" });
  expect(await sent.json()).toMatchObject(refusal);
  expect(await stage.chain(quiet)).toHaveLength(before);
});

test("after all that the server serves", async () => {
  expect(await stage.request(id, "x")).toBeInstanceOf(Uint8Array);
  expect(await stage.verdict(id)).toBe("verified");
  expect(stage.notes).toEqual([]); // nothing that happened here was a bug
});
