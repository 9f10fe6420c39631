// Erasing over HTTP: what is taken, what is refused, and what is passed on.

import { expect, test } from "vitest";
import { frontDoor, problemIn } from "./front-door.ts";
import { ID, refAt } from "./memory-actors.ts";

const CHAIN = `/v1/actors/${ID}/chain`;
const PAYLOAD = `${CHAIN}/7/payload`;

const sent = (method: string, body: unknown): RequestInit => ({
  method,
  body: JSON.stringify(body),
});

test("the reason comes in the body or in the query, and the principal is the token's", async () => {
  for (const [path, init] of [
    [PAYLOAD, sent("DELETE", { reason: "asked for" })],
    [`${PAYLOAD}?reason=asked%20for`, { method: "DELETE" }],
  ] as const) {
    const { ask, actors } = frontDoor();
    const response = await ask(path, init);
    expect(response.status).toBe(200);
    expect(response.headers.get("theater-event")).toBe(`6:${refAt(6).cid}`);
    expect(await response.json()).toEqual({ event: refAt(6), complete: true });
    const by = expect.stringMatching(/^token:[0-9a-f]{8}$/);
    expect(actors.argsOf("erase")).toEqual([ID, { seqs: [7], reason: "asked for", by }]);
  }
});

test("several payloads go together", async () => {
  const { ask, actors } = frontDoor();
  const response = await ask(`${CHAIN}/erase`, sent("POST", { seqs: [7, 9], reason: "r" }));
  expect(response.status).toBe(200);
  expect(actors.argsOf("erase")).toMatchObject([ID, { seqs: [7, 9], reason: "r" }]);
});

test.each([
  ["DELETE", PAYLOAD, {}],
  ["DELETE", PAYLOAD, { reason: "  " }],
  ["DELETE", PAYLOAD, { reason: "r".repeat(501) }],
  ["DELETE", PAYLOAD, { reason: "\ud800" }],
  ["DELETE", `${PAYLOAD}?reason=`, { reason: "r" }],
  ["POST", `${CHAIN}/erase`, { seqs: [], reason: "r" }],
  ["POST", `${CHAIN}/erase`, { seqs: [-1], reason: "r" }],
  ["POST", `${CHAIN}/erase`, { seqs: [1.5], reason: "r" }],
  ["POST", `${CHAIN}/erase`, { seqs: Array.from({ length: 1001 }, (_, n) => n), reason: "r" }],
  ["POST", `${CHAIN}/erase`, { seqs: [1] }],
])("%s %s with %j is refused, and nothing is erased", async (method, path, body) => {
  const { ask, actors } = frontDoor();
  const response = await ask(path, sent(method, body));
  expect(response.status).toBe(400);
  expect(actors.countOf("erase")).toBe(0);
});

test("a refusal of the actor is the answer", async () => {
  const { ask, actors } = frontDoor();
  actors.refusal = { refusal: { code: "wrong-state", message: "Its turn is running." } };
  const response = await ask(PAYLOAD, sent("DELETE", { reason: "r" }));
  expect(response.status).toBe(409);
  expect((await problemIn(response)).detail).toBe("Its turn is running.");
});

test("a raw block is read under its actor", async () => {
  const { ask, actors } = frontDoor();
  const { cid } = refAt(0);
  const response = await ask(`/v1/actors/${ID}/content/${cid}`);
  expect(await response.text()).toBe("block");
  expect(actors.argsOf("block")).toEqual([ID, cid]);
});

test.each([
  ["1763805600000", 1_763_805_600_000],
  ["2025-11-22T10:00:00Z", 1_763_805_600_000],
  ["2025-11-22T11:00:00.000%2B01:00", 1_763_805_600_000],
  ["2025-11-22", 1_763_769_600_000],
])("a chain is read since %s", async (text, ms) => {
  for (const accept of ["application/json", "application/x-ndjson"]) {
    const { ask, actors } = frontDoor();
    const query = `?since=${text}&until=${text}&about=theater:simple/store`;
    const response = await ask(CHAIN + query, { headers: { accept } });
    await response.text();
    const filter = { since: ms, until: ms, about: "theater:simple/store" };
    expect(actors.argsOf("chain")).toMatchObject([ID, filter]);
  }
});

test("a filter holds for every page of a stream", async () => {
  const { ask, actors } = frontDoor();
  actors.events = 250;
  const headers = { accept: "application/x-ndjson" };
  await (await ask(`${CHAIN}?about=send&since=5`, { headers })).text();
  const queries = actors.calls.filter(({ name }) => name === "chain").map(({ args }) => args[1]);
  expect(queries).toHaveLength(3);
  for (const query of queries) expect(query).toMatchObject({ about: "send", since: 5 });
});

test.each([
  "since=yesterday",
  "since=2025-11-22T10:00:00",
  "until=2025-13-01",
  "until=-1",
  "about=",
  "about=a%20b",
  "about=a%23b%23c",
  `about=${"a".repeat(129)}`,
])("%s is refused by name", async (query) => {
  const { ask, actors } = frontDoor();
  const response = await ask(`${CHAIN}?${query}`);
  expect(response.status).toBe(400);
  expect((await problemIn(response)).evidence).toEqual({ parameter: query.split("=")[0] });
  expect(actors.countOf("chain")).toBe(0);
});

test.each(["about=send", "since=0", "until=9", "type=turn.committed"])(
  "a CAR with %s is refused, because it would be no chain",
  async (query) => {
    const { ask } = frontDoor();
    const headers = { accept: "application/vnd.ipld.car" };
    const response = await ask(`${CHAIN}?${query}`, { headers });
    expect(response.status).toBe(400);
    expect((await problemIn(response)).evidence).toEqual({ parameter: query.split("=")[0] });
  },
);
