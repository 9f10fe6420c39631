// What depends on the platform's own streams and hashes: the same front door inside workerd.

import { expect, test } from "vitest";
import { MESSAGE_BYTES_MAX } from "../../src/server/limits.ts";
import { frontDoor } from "./front-door.ts";
import { ID } from "./memory-actors.ts";

const CHAIN = `/v1/actors/${ID}/chain`;
const NDJSON = { headers: { accept: "application/x-ndjson" } };

test("a token opens, and a wrong one does not", async () => {
  const { ask } = frontDoor();
  expect((await ask("/v1/actors")).status).toBe(200);
  expect((await ask("/v1/actors", { headers: { authorization: "Bearer x" } })).status).toBe(401);
});

test("the document can be made here", async () => {
  const document = await (await frontDoor().ask("/v1/openapi.json")).json();
  expect(document).toMatchObject({ openapi: "3.1.0" });
});

test("a chain streams page by page as it is read", async () => {
  const { ask, actors } = frontDoor();
  actors.events = 250;
  const response = await ask(CHAIN, NDJSON);
  expect(actors.countOf("chain")).toBe(1);
  expect((await response.text()).trimEnd().split("\n").length).toBe(250);
  expect(actors.countOf("chain")).toBe(3);
});

test("a refusal in the middle breaks a stream off", async () => {
  const { ask, actors } = frontDoor();
  actors.events = 250;
  actors.refusal = { refusal: { code: "unavailable", message: "Not now." }, atCall: 3 };
  const response = await ask(CHAIN, NDJSON);
  await expect(response.text()).rejects.toThrow("Not now.");
});

test("a chunked body above the limit is not read to its end", async () => {
  const { ask, actors } = frontDoor();
  let chunks = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        chunks++;
        controller.enqueue(new Uint8Array(65_536));
      },
    },
    { highWaterMark: 0 },
  );
  const response = await ask(`/v1/actors/${ID}/send`, { method: "POST", body });
  expect(response.status).toBe(413);
  expect(chunks).toBeLessThanOrEqual(MESSAGE_BYTES_MAX / 65_536 + 2);
  expect(actors.calls).toEqual([]);
});
