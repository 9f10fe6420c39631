// The past over HTTP: what is taken, what is refused, and what is passed on.

import { expect, test } from "vitest";
import { frontDoor } from "./front-door.ts";
import { DIGEST, ID, refAt } from "./memory-actors.ts";

const ACTOR = `/v1/actors/${ID}`;

const post = (body: unknown, headers: Record<string, string> = {}): RequestInit => ({
  method: "POST",
  body: JSON.stringify(body),
  headers,
});

test("a state of then comes with the event that recorded it, the present one without", async () => {
  const { ask, actors } = frontDoor();
  const then = await ask(`${ACTOR}/state?at=7`);
  expect([await then.text(), then.headers.get("theater-event")]).toEqual([
    "state",
    `3:${refAt(3).cid}`,
  ]);
  expect(actors.argsOf("stateAt")).toEqual([ID, 7]);
  const now = await ask(`${ACTOR}/state`);
  expect([await now.text(), now.headers.get("theater-event")]).toEqual(["state", null]);
  actors.stateBytes = null;
  expect((await ask(`${ACTOR}/state?at=7`)).status).toBe(204);
});

test("what was erased is gone, and the answer names the event", async () => {
  const { ask, actors } = frontDoor();
  actors.refusal = { refusal: { code: "erased", message: "Erased.", evidence: { seq: 7 } } };
  const response = await ask(`${ACTOR}/state?at=7`);
  expect(response.status).toBe(410);
  expect(await response.json()).toMatchObject({ code: "erased", evidence: { seq: 7 } });
});

test("a revert says who, why and under which key; a fork where, with what and as whom", async () => {
  const { ask, actors } = frontDoor();
  const key = { "idempotency-key": "k" };
  const principal = expect.stringMatching(/^token:[0-9a-f]{8}$/);
  const reverted = await ask(`${ACTOR}/revert`, post({ to: 3, reason: " why " }, key));
  expect(reverted.headers.get("theater-event")).toBe(`5:${refAt(5).cid}`);
  const input = { turns: null, to: 3, reason: "why", principal, key: "k" };
  expect(actors.argsOf("revert")).toEqual([ID, input]);
  const forked = await ask(`${ACTOR}/chain/fork`, post({ at: 3, component: DIGEST }, key));
  expect([forked.status, forked.headers.get("location")]).toEqual([201, `/v1/actors/${ID}`]);
  const idempotency = { principal, key: "k" };
  expect(actors.argsOf("fork")).toEqual([
    ID,
    { at: 3, component: DIGEST, name: null, idempotency },
  ]);
});

test.each([
  ["revert", { turns: 1 }],
  ["revert", { reason: "r" }],
  ["revert", { turns: 1, to: 3, reason: "r" }],
  ["revert", { turns: 0, reason: "r" }],
  ["revert", { turns: 1_001, reason: "r" }],
  ["revert", { to: -1, reason: "r" }],
  ["revert", { to: 1.5, reason: "r" }],
  ["revert", { to: 3, reason: " " }],
  ["revert", { to: 3, reason: "r".repeat(501) }],
  ["chain/fork", {}],
  ["chain/fork", { at: -1 }],
  ["chain/fork", { at: "3" }],
  ["chain/fork", { at: 3, component: "latest" }],
  ["chain/fork", { at: 3, parent: ID }],
  ["state?at=-1", undefined],
  ["state?at=1e3", undefined],
])("%s with %j is refused, and nothing is asked of the actor", async (path, body) => {
  const { ask, actors } = frontDoor();
  const response = await ask(`${ACTOR}/${path}`, body === undefined ? {} : post(body));
  expect(response.status).toBe(400);
  expect(actors.calls).toEqual([]);
});

test("a turn that is no number is not found", async () => {
  const { ask, actors } = frontDoor();
  expect((await ask(`${ACTOR}/turns/last`)).status).toBe(404);
  expect(actors.calls).toEqual([]);
});
