import { expect, test } from "vitest";
import {
  COMPONENT_BYTES_MAX,
  CONTENT_BYTES_MAX,
  INIT_STATE_BYTES_MAX,
  LABEL_BODY_BYTES_MAX,
  MANIFEST_BYTES_MAX,
  MESSAGE_BYTES_MAX,
  START_BODY_BYTES_MAX,
} from "../../src/server/limits.ts";
import { toBase64 } from "../../src/lib/bytes.ts";
import type { MessageInput } from "../../src/runtime/protocol.ts";
import { TOKEN, frontDoor, problemIn, sha256Hex } from "./front-door.ts";
import { DIGEST, ID } from "./memory-actors.ts";

const PRINCIPAL = `token:${sha256Hex(TOKEN).slice(0, 8)}`;

const BODIES: [method: string, path: string, limit: string, bytesMax: number][] = [
  ["PUT", "/v1/components", "component", COMPONENT_BYTES_MAX],
  ["POST", "/v1/actors", "body", START_BODY_BYTES_MAX],
  ["POST", `/v1/actors/${ID}/send`, "message", MESSAGE_BYTES_MAX],
  ["POST", `/v1/actors/${ID}/request`, "message", MESSAGE_BYTES_MAX],
  ["PUT", "/v1/stores/s/content", "content", CONTENT_BYTES_MAX],
  ["PUT", "/v1/stores/s/labels/l", "label body", LABEL_BODY_BYTES_MAX],
];

/** A body that never ends, in chunks of 64 KiB, and a count of those that were taken. */
function endless(): { body: ReadableStream; taken: () => number; cancelled: () => boolean } {
  let [chunks, stopped] = [0, false];
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        chunks++;
        controller.enqueue(new Uint8Array(65_536));
      },
      cancel() {
        stopped = true;
      },
    },
    { highWaterMark: 0 },
  );
  return { body, taken: () => chunks, cancelled: () => stopped };
}

test.each(BODIES)(
  "%s %s: a chunked body is read up to the %s limit and no further",
  async (method, path, limit, bytesMax) => {
    const { ask, actors } = frontDoor();
    const { body, taken, cancelled } = endless();
    const response = await ask(path, { method, body, duplex: "half" } as RequestInit);
    expect(response.status).toBe(413);
    expect(await problemIn(response)).toMatchObject({
      code: "too-large",
      evidence: { limit, bytesMax },
    });
    expect(taken()).toBeLessThanOrEqual(Math.ceil((bytesMax + 1) / 65_536) + 1);
    expect(cancelled()).toBe(true);
    expect(actors.calls).toEqual([]);
  },
);

test.each(BODIES)(
  "%s %s: a content-length above the limit is refused before a byte is read",
  async (method, path, _, bytesMax) => {
    const { ask } = frontDoor();
    const { body, taken } = endless();
    const headers = { "content-length": String(bytesMax + 1) };
    const response = await ask(path, { method, headers, body, duplex: "half" } as RequestInit);
    expect(response.status).toBe(413);
    expect(taken()).toBe(0);
  },
);

test.each(["1", "0", "-1", "many"])(
  "a content-length of %s does not hide a body",
  async (length) => {
    const { ask } = frontDoor();
    const { body, taken } = endless();
    const headers = { "content-length": length };
    const init = { method: "POST", headers, body, duplex: "half" } as RequestInit;
    expect((await ask(`/v1/actors/${ID}/send`, init)).status).toBe(413);
    expect(taken()).toBeLessThanOrEqual(MESSAGE_BYTES_MAX / 65_536 + 2);
  },
);

test("a body that breaks off is not taken for a message", async () => {
  const { ask, actors, reported } = frontDoor();
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new Uint8Array(10)),
    pull: (controller) => controller.error(new Error("connection lost")),
  });
  const init = { method: "POST", body, duplex: "half" } as RequestInit;
  const response = await ask(`/v1/actors/${ID}/send`, init);
  expect((await problemIn(response)).code).toBe("bad-request");
  expect([actors.calls, reported]).toEqual([[], []]);
});

test("a message of exactly the limit passes as it is, and an empty one too", async () => {
  const { ask, actors } = frontDoor();
  for (const bytes of [crypto.getRandomValues(new Uint8Array(65_536)), new Uint8Array()]) {
    const body = new Uint8Array(bytes.length === 0 ? 0 : MESSAGE_BYTES_MAX);
    body.set(bytes);
    actors.calls.length = 0;
    const response = await ask(`/v1/actors/${ID}/send`, { method: "POST", body });
    expect(response.status).toBe(202);
    const [id, message] = actors.argsOf("send") as [string, MessageInput];
    expect(id).toBe(ID);
    expect(message.from).toBe("external");
    expect(Buffer.compare(message.body, body)).toBe(0);
  }
});

test("a manifest and a state have limits of their own within the body", async () => {
  const { ask, actors } = frontDoor();
  const start = async (input: unknown): Promise<Response> =>
    ask("/v1/actors", { method: "POST", body: JSON.stringify(input) });
  const atLimit = { manifest: "é".repeat(MANIFEST_BYTES_MAX / 2) };
  const state = new Uint8Array(INIT_STATE_BYTES_MAX);
  expect((await start({ ...atLimit, initState: toBase64(state) })).status).toBe(201);
  expect(actors.countOf("start")).toBe(1);
  for (const [limit, input] of [
    ["manifest", { manifest: `${atLimit.manifest}x` }],
    ["manifest", { manifest: { name: "x".repeat(MANIFEST_BYTES_MAX) } }],
    ["initial state", { manifest: "", initState: toBase64(new Uint8Array(state.length + 1)) }],
  ] as const) {
    const response = await start(input);
    expect(response.status).toBe(413);
    expect(await problemIn(response)).toMatchObject({ evidence: { limit } });
  }
  expect(actors.countOf("start")).toBe(1);
});

test("what is sent to start an actor arrives", async () => {
  const { ask, actors } = frontDoor();
  const body = JSON.stringify({ manifest: { name: "tiny" }, initState: "AAEC", parent: ID });
  const response = await ask("/v1/actors", { method: "POST", body });
  expect(response.headers.get("location")).toBe(`/v1/actors/${ID}`);
  expect(response.headers.get("theater-event")).toMatch(/^1:b[a-z2-7]{58}$/);
  expect(actors.argsOf("start")).toEqual([
    {
      manifest: { name: "tiny" },
      initState: Uint8Array.of(0, 1, 2),
      parent: ID,
      principal: PRINCIPAL,
    },
  ]);
});

test.each([
  ["{", "JSON"],
  ["[]", "expected object"],
  ["{}", "manifest"],
  ['{"manifest": 1}', "manifest"],
  ['{"manifest": "", "initstate": ""}', "initstate"],
  ['{"manifest": "", "initState": "AAE"}', "initState"],
  ['{"manifest": "", "initState": "?!"}', "initState"],
  ['{"manifest": "", "parent": "nobody"}', "parent"],
  ['{"manifest": "\u{fffd}"'.slice(0, -1), "JSON"],
])("starting with %s is refused and names what is wrong: %s", async (body, named) => {
  const { ask, actors } = frontDoor();
  const response = await ask("/v1/actors", { method: "POST", body });
  expect(response.status).toBe(400);
  expect((await problemIn(response)).detail).toContain(named);
  expect(actors.calls).toEqual([]);
});

test("a JSON body that is not UTF-8 is refused", async () => {
  const { ask } = frontDoor();
  const body = Uint8Array.of(0x22, 0xff, 0x22);
  expect((await ask("/v1/actors", { method: "POST", body })).status).toBe(400);
});

const KEYED: [path: string, name: string, body: string][] = [
  ["/v1/actors", "start", '{"manifest":""}'],
  [`/v1/actors/${ID}/send`, "send", "x"],
  [`/v1/actors/${ID}/request`, "request", "x"],
];

test.each(KEYED)("POST %s passes its idempotency key on", async (path, name, body) => {
  const { ask, actors } = frontDoor();
  for (const key of ["k", "~".repeat(255), '"8e03978e-40d5-43dd-bc93-6894a57f9324"']) {
    actors.calls.length = 0;
    await ask(path, { method: "POST", body, headers: { "idempotency-key": key } });
    const input = actors.argsOf(name).at(-1);
    expect(input).toMatchObject({ idempotency: { principal: PRINCIPAL, key } });
  }
  actors.calls.length = 0;
  await ask(path, { method: "POST", body });
  expect(actors.argsOf(name).at(-1)).not.toHaveProperty("idempotency");
});

test.each(KEYED)("POST %s refuses a key that is no key", async (path, _, body) => {
  const { ask, actors } = frontDoor();
  for (const key of ["", "a b", "k".repeat(256), "é"]) {
    const headers = { "idempotency-key": key };
    const response = await ask(path, { method: "POST", body, headers });
    expect(response.status).toBe(400);
    expect((await problemIn(response)).detail).toContain("Idempotency-Key");
  }
  expect(actors.calls).toEqual([]);
});

test("a list is asked for with what the query says, and defaults for the rest", async () => {
  const { ask, actors } = frontDoor();
  await ask(`/v1/actors?status=paused&parent=${ID}&cursor=abc&limit=1000&other=1`);
  await ask("/v1/actors");
  expect(actors.calls.map(({ args }) => args)).toEqual([
    [{ status: "paused", parent: ID, cursor: "abc", limit: 1000 }],
    [{ status: null, parent: null, cursor: null, limit: 100 }],
  ]);
});

test.each([
  ["/v1/actors?limit=0", "limit"],
  ["/v1/actors?limit=1001", "limit"],
  ["/v1/actors?limit=", "limit"],
  ["/v1/actors?limit=1e2", "limit"],
  ["/v1/actors?limit=5&status=asleep", "status"],
  ["/v1/actors?parent=nobody", "parent"],
  [`/v1/actors?cursor=${"c".repeat(513)}`, "cursor"],
  [`/v1/actors/${ID}/chain?from=-1`, "from"],
  [`/v1/actors/${ID}/chain?from=1.5`, "from"],
  [`/v1/actors/${ID}/chain?to=9007199254740992`, "to"],
  [`/v1/actors/${ID}/chain?from=3&to=2`, "to"],
  [`/v1/actors/${ID}/chain?limit=1001`, "limit"],
  [`/v1/actors/${ID}/chain?type=turn.imagined`, "type"],
  [`/v1/actors/${ID}/chain?cursor=x`, "cursor"],
])("%s is refused and names the parameter %s", async (path, parameter) => {
  const { ask, actors } = frontDoor();
  const response = await ask(path);
  expect(response.status).toBe(400);
  const { detail, evidence } = await problemIn(response);
  expect(detail).toContain(`\`${parameter}\``);
  expect(evidence).toEqual({ parameter });
  expect(actors.calls).toEqual([]);
});

test("a label with a slash is one label, and content can be stored under it", async () => {
  const { ask, actors } = frontDoor();
  const body = JSON.stringify({ digest: DIGEST });
  expect((await ask("/v1/stores/s/labels/a%2Fb", { method: "PUT", body })).status).toBe(204);
  expect(actors.argsOf("setLabel")).toEqual(["s", "a/b", DIGEST]);
  expect((await ask("/v1/stores/s/content?label=a%2Fb", { method: "PUT", body: "x" })).status).toBe(
    201,
  );
  expect(actors.argsOf("putContent")).toEqual(["s", Uint8Array.of(120), "a/b"]);
  expect((await ask("/v1/stores/s/labels/none")).status).toBe(404);
});
