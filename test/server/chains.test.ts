import { expect, test } from "vitest";
import { toBase64 } from "../../src/lib/bytes.ts";
import { frontDoor, problemIn, textOf } from "./front-door.ts";
import type { FrontDoor } from "./front-door.ts";
import { ID, entryAt, refAt } from "./memory-actors.ts";

const CHAIN = `/v1/actors/${ID}/chain`;
const NDJSON = { headers: { accept: "application/x-ndjson" } };

function doorWith(events: number, pageEvents = 1000): FrontDoor {
  const door = frontDoor();
  Object.assign(door.actors, { events, pageEvents });
  return door;
}

async function seqsOf(response: Response): Promise<number[]> {
  expect(response.headers.get("content-type")).toBe("application/x-ndjson");
  const text = await response.text();
  expect(text.endsWith("\n")).toBe(true);
  const lines = text.trimEnd().split("\n");
  return lines.map((line) => (JSON.parse(line) as { seq: number }).seq);
}

const upTo = (events: number): number[] => Array.from({ length: events }, (_, seq) => seq);

test("NDJSON has one event per line with the bytes that were hashed", async () => {
  const { ask } = doorWith(3);
  const response = await ask(CHAIN, NDJSON);
  const lines = (await response.text())
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  for (const [seq, line] of lines.entries()) {
    const { cid, block, payload } = entryAt(seq);
    const texts = { block: toBase64(block), payload: payload && toBase64(payload) };
    expect(line).toMatchObject({ seq, cid, ...texts });
  }
  expect(lines.map(({ payload }) => payload === null)).toEqual([false, false, true]);
});

test("NDJSON holds all pages, and each is read only when the client wants it", async () => {
  const { ask, actors } = doorWith(250);
  const response = await ask(CHAIN, NDJSON);
  expect(actors.countOf("chain")).toBe(1);
  const reader = (response.body ?? new ReadableStream<Uint8Array>()).getReader();
  await reader.read();
  expect(actors.countOf("chain")).toBe(1);
  await reader.read();
  expect(actors.countOf("chain")).toBe(2);
  await reader.cancel();
  expect(actors.countOf("chain")).toBe(2);

  expect(await seqsOf(await doorWith(250).ask(CHAIN, NDJSON))).toEqual(upTo(250));
});

test("a tree is replayed from the beginning, or from the cursor in the body, and with no other option", async () => {
  const { ask, actors } = doorWith(3);
  const replay = async (query: string, body?: string): Promise<Response> =>
    await ask(`${CHAIN}/replay?${query}`, {
      method: "POST",
      ...(body === undefined ? {} : { body }),
    });
  expect(await (await replay("tree=true")).json()).toMatchObject({ root: ID, verdict: "verified" });
  await replay("tree=true", JSON.stringify({ cursor: "what next said" }));
  expect(actors.calls.filter(({ name }) => name === "replayTree").map(({ args }) => args)).toEqual([
    [ID, null],
    [ID, "what next said"],
  ]);
  for (const wrong of ["tree=yes", "tree=true&from=3", "tree=true&component=sha256:1&from=1"]) {
    expect((await replay(wrong)).status).toBe(400);
  }
  expect((await replay("tree=true", "{}")).status).toBe(400);
  expect((await replay("tree=true", "no json")).status).toBe(400);
});

test("pages without a match do not end a stream", async () => {
  const { ask, actors } = doorWith(25, 10);
  const chain = actors.chain;
  actors.chain = async (id, query) => {
    const answer = await chain(id, query);
    return answer.ok && query.from < 20
      ? { ok: true, value: { entries: [], next: answer.value.next } }
      : answer;
  };
  expect(await seqsOf(await ask(CHAIN, NDJSON))).toEqual([20, 21, 22, 23, 24]);
});

test("short pages do not end a stream", async () => {
  const { ask, actors } = doorWith(25, 10);
  expect(await seqsOf(await ask(CHAIN, NDJSON))).toEqual(upTo(25));
  expect(actors.countOf("chain")).toBe(3);
});

test("an actor that goes on writing does not keep the stream open for ever", async () => {
  const { ask, actors } = doorWith(30, 10);
  const response = await ask(CHAIN, NDJSON);
  const chain = actors.chain;
  actors.chain = async (id, query) => {
    if (actors.events < 1000) actors.events += 20; // faster than it is read
    return chain(id, query);
  };
  const seqs = await seqsOf(response);
  expect(seqs).toEqual(upTo(30));
});

test("a limit ends an NDJSON stream across pages", async () => {
  const { ask, actors } = doorWith(250, 10);
  expect(await seqsOf(await ask(`${CHAIN}?limit=15`, NDJSON))).toEqual(upTo(15));
  const [first, , last] = actors.calls.map(({ args }) => args[1]);
  expect([first, last]).toMatchObject([{ limit: 15 }, { from: 10, limit: 5 }]);
});

test("a range keeps its ends", async () => {
  const { ask } = doorWith(250, 10);
  expect(await seqsOf(await ask(`${CHAIN}?from=5&to=29`, NDJSON))).toEqual(upTo(30).slice(5));
});

test("a refusal before the first line is an answer of its own", async () => {
  const { ask, actors } = doorWith(3);
  actors.refusal = { refusal: { code: "unavailable", message: "Not now." } };
  const response = await ask(CHAIN, NDJSON);
  expect(response.status).toBe(503);
  expect((await problemIn(response)).code).toBe("unavailable");
});

test("a refusal in the middle breaks the stream off, so that nobody takes it for the whole", async () => {
  const { ask, actors } = doorWith(250);
  actors.refusal = { refusal: { code: "unavailable", message: "Not now." }, atCall: 3 };
  const response = await ask(CHAIN, NDJSON);
  await expect(response.text()).rejects.toThrow("Not now.");
});

test("a runtime that does not get on breaks the stream off instead of looping", async () => {
  const { ask, actors } = doorWith(250);
  const chain = actors.chain;
  actors.chain = (id, query) => chain(id, { ...query, from: 0 });
  const response = await ask(CHAIN, NDJSON);
  await expect(response.text()).rejects.toThrow("invariant broken");
});

test("a page as JSON has a cursor to go on with, null at the end", async () => {
  const { ask } = doorWith(25);
  const seen: number[] = [];
  let [cursor, pages]: [string | null, number] = ["0", 0];
  while (cursor !== null && pages < 10) {
    const response = await ask(`${CHAIN}?limit=10&from=0&cursor=${cursor}`);
    expect(response.headers.get("content-type")).toBe("application/json");
    const page = (await response.json()) as { events: { seq: number }[]; cursor: string | null };
    seen.push(...page.events.map(({ seq }) => seq));
    cursor = page.cursor;
    pages++;
  }
  expect(seen).toEqual(upTo(25));
  expect(pages).toBe(3);
});

test("types are passed on, several of them too", async () => {
  const { ask, actors } = doorWith(3);
  await ask(`${CHAIN}?from=1&to=2&type=turn.committed&type=turn.failed&limit=7`);
  const types = ["turn.committed", "turn.failed"];
  expect(actors.argsOf("chain")).toEqual([ID, { from: 1, to: 2, types, limit: 7 }]);
});

test.each([
  [undefined, "application/json"],
  ["*/*", "application/json"],
  ["text/html", "application/json"],
  ["application/json;q=0.5, application/x-ndjson", "application/x-ndjson"],
  ["application/x-ndjson;q=0.5, application/json", "application/json"],
  ["application/x-ndjson;q=0", "application/json"],
])("Accept: %s is answered with %s", async (accept, mediaType) => {
  const { ask } = doorWith(3);
  const response = await ask(CHAIN, accept === undefined ? {} : { headers: { accept } });
  expect(response.headers.get("content-type")).toBe(mediaType);
});

test("a CAR of some types only is refused, because it would be no chain", async () => {
  const { ask } = doorWith(3);
  const headers = { accept: "application/vnd.ipld.car" };
  const response = await ask(`${CHAIN}?type=turn.committed`, { headers });
  expect(response.status).toBe(400);
  expect((await problemIn(response)).code).toBe("bad-request");
});

test("a reader that comes back with Last-Event-ID goes on behind the last event it saw", async () => {
  const { ask } = doorWith(5);
  const response = await ask(`${CHAIN}/follow`, { headers: { "last-event-id": "2" } });
  expect(await textOf(response)).toMatch(/^id: 3\ndata: \{"seq":3,.*\}\n\nid: 4\n/);
  const wrong = await ask(`${CHAIN}/follow`, { headers: { "last-event-id": "x" } });
  expect((await problemIn(wrong)).code).toBe("bad-request");
});

test("one event is found by its position, and one that is not there yet is not", async () => {
  const { ask, actors } = doorWith(3);
  const response = await ask(`${CHAIN}/2`);
  expect(response.headers.get("theater-event")).toBe(`2:${refAt(2).cid}`);
  expect(await response.json()).toMatchObject(refAt(2));
  expect(actors.argsOf("chain")).toEqual([ID, { from: 2, to: 2, types: [], limit: 1 }]);
  expect((await ask(`${CHAIN}/3`)).status).toBe(404);
});

test("the head is a position and a CID", async () => {
  const { ask } = doorWith(3);
  expect(await (await ask(`${CHAIN}/head`)).json()).toEqual(refAt(2));
});
