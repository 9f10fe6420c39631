// Kills the server under load and checks the first promise: nothing acknowledged is lost, nothing is done
// that is not recorded. Each tiny actor is a counter, and every message adds one. So after a kill, with
// everything queued run: acknowledged ≤ counter ≤ sent, and the counter is exactly the number of turns
// that its chain says were committed. Kills come at moments of the load's own choosing, in rounds on one
// folder, so that each recovery starts from what the one before left.

import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { decodeEvent } from "../../src/chain/event.ts";
import { parseLine, type Line } from "../../src/chain/ndjson.ts";
import { theater } from "../cli/run-theater.ts";
import { endAll, get, killBoth, killNode, startedDev, TOKEN } from "./dev-process.ts";

const ACTORS = 3;
const LOOPS_PER_ACTOR = 4;
/** Acknowledgements after which each round kills: early and late in the life of a chain. */
const ROUNDS = [30, 75, 140];
const MESSAGES_MAX = 3_000;
const DRAINED_MS_MAX = 20_000;

afterAll(endAll);

/** What the outside knows of one actor. */
interface Ledger {
  id: string;
  sent: number;
  acknowledged: number;
  highestAnswer: number;
  events: Map<number, string>;
}

async function post(url: string, path: string, body: BodyInit, type: string): Promise<Response> {
  const headers = { authorization: `Bearer ${TOKEN}`, "content-type": type };
  return await fetch(url + path, { method: "POST", body, headers });
}

async function startActor(url: string): Promise<Ledger> {
  const component = await fetch(`${url}/v1/components`, {
    method: "PUT",
    body: await readFile("test/fixtures/tiny.wasm"),
    headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/wasm" },
  });
  const { component: digest }: { component: string } = await component.json();
  const manifest = `name = "tiny"\nversion = "0.1.0"\ncomponent = "${digest}"\n[[handler]]\ntype = "runtime"\n[[handler]]\ntype = "message-server"\n`;
  const started = await post(url, "/v1/actors", JSON.stringify({ manifest }), "application/json");
  expect(started.status).toBe(201);
  const { id }: { id: string } = await started.json();
  return { id, sent: 0, acknowledged: 0, highestAnswer: 0, events: new Map() };
}

/** One message; every third is a send. Notes what was acknowledged; false once the server is gone. */
async function sendOne(url: string, actor: Ledger): Promise<boolean> {
  const isSend = actor.sent % 3 === 2;
  actor.sent++;
  try {
    const path = `/v1/actors/${actor.id}/${isSend ? "send" : "request"}`;
    const response = await post(url, path, "x", "application/octet-stream");
    const text = await response.text();
    if (response.status !== (isSend ? 202 : 200)) return false;
    const [seq = "", cid = ""] = response.headers.get("theater-event")?.split(":") ?? [];
    expect(actor.events.has(Number(seq))).toBe(false);
    actor.events.set(Number(seq), cid);
    actor.acknowledged++;
    if (!isSend) actor.highestAnswer = Math.max(actor.highestAnswer, Number(text));
    return true;
  } catch (thrown) {
    if (thrown instanceof TypeError) return false; // the connection broke: fetch's only kind of error
    throw thrown;
  }
}

/**
 * Loads all actors until enough is acknowledged, then kills and starts again under the same load: an
 * orphan goes on acknowledging, and is ended by the next start in the middle of it.
 */
async function loadAcross(
  url: string,
  actors: readonly Ledger[],
  enough: number,
  killAndStart: () => Promise<void>,
): Promise<void> {
  const total = (): number => actors.reduce((sum, { acknowledged }) => sum + acknowledged, 0);
  const goal = total() + enough;
  let restart: Promise<void> | undefined;
  let restarted = false;
  const loop = async (actor: Ledger): Promise<void> => {
    for (let count = 0; count < MESSAGES_MAX && !restarted; count++) {
      if (!(await sendOne(url, actor))) return;
      if (total() >= goal) restart ??= killAndStart().finally(() => (restarted = true));
    }
  };
  await Promise.all(
    actors.flatMap((actor) => Array.from({ length: LOOPS_PER_ACTOR }, () => loop(actor))),
  );
  expect(restart).toBeDefined();
  await restart;
}

async function chainOf(url: string, id: string): Promise<Line[]> {
  const response = await fetch(`${url}/v1/actors/${id}/chain`, {
    headers: { authorization: `Bearer ${TOKEN}`, accept: "application/x-ndjson" },
  });
  expect(response.status).toBe(200);
  return (await response.text()).trimEnd().split("\n").map(parseLine);
}

/** Everything that was acknowledged is there, and nothing is there that was not sent. */
async function checkActor(url: string, actor: Ledger): Promise<void> {
  const mailbox = async (): Promise<number> => {
    const answer = await get(url, `/v1/actors/${actor.id}`);
    const { mailbox }: { mailbox: number } = await answer.json();
    return mailbox;
  };
  await expect.poll(mailbox, { timeout: DRAINED_MS_MAX }).toBe(0);
  actor.sent++;
  const reply = await post(url, `/v1/actors/${actor.id}/request`, "x", "application/octet-stream");
  expect(reply.status).toBe(200);
  const counter = Number(await reply.text());
  actor.acknowledged++;
  expect(counter).toBeGreaterThan(actor.highestAnswer);
  expect(counter).toBeGreaterThanOrEqual(actor.acknowledged);
  expect(counter).toBeLessThanOrEqual(actor.sent);
  actor.highestAnswer = counter;

  const chain = await chainOf(url, actor.id);
  const lost = [...actor.events].filter(([seq, cid]) => chain[seq]?.cid !== cid);
  expect(lost).toEqual([]);
  const types = chain.map(({ block }) => decodeEvent(block).type);
  const init = 1; // the first turn makes the first state
  expect(types.filter((type) => type === "turn.committed")).toHaveLength(counter + init);

  const verified = await theater(["verify", actor.id], { url, token: TOKEN });
  expect(verified).toMatchObject({ code: 0, stdout: expect.stringContaining("0 withheld") });
}

test.for([
  ["node and workerd", killBoth],
  ["node alone, while workerd goes on", killNode],
] as const)(
  "nothing acknowledged is lost when a kill takes %s",
  { timeout: 180_000 },
  async ([, kill]) => {
    const folder = await mkdtemp(join(tmpdir(), "theater-kill-"));
    let server = await startedDev(folder);
    const port = Number(new URL(server.url).port);
    const { url } = server;
    const actors = await Promise.all(Array.from({ length: ACTORS }, () => startActor(url)));
    for (const enough of ROUNDS) {
      await loadAcross(url, actors, enough, async () => {
        await kill(server);
        server = await startedDev(folder, port);
      });
      for (const actor of actors) await checkActor(url, actor);
    }
    const acknowledged = actors.map((actor) => actor.acknowledged);
    expect(Math.min(...acknowledged)).toBeGreaterThan(ROUNDS.length);
  },
);
