// What sends and requests between actors promise when the world does not: order, one effect, and no silence
// where an actor was set back to an earlier state.

import { afterEach, expect, test, vi } from "vitest";
import { clearFaults, down, faults } from "./faults.ts";
import { bodyOf, start, until, type Probe, type Program } from "./stage.ts";

afterEach(() => {
  clearFaults();
  vi.restoreAllMocks();
});

const DAY_MS = 24 * 3_600_000;

interface Input {
  from: string;
}

const isFrom = (id: string, args: readonly unknown[]): boolean => (args[0] as Input).from === id;

async function heard(actor: Probe): Promise<unknown> {
  await actor.quiet();
  return ((await actor.ask([["heard"]])).gave as unknown[])[0];
}

test("a request waits until the sends of earlier turns have arrived", async () => {
  const [a, b] = [await start(), await start()];
  let isDown = true;
  let requested = 0;
  faults.peer = ({ name, args }, go) => {
    if (name === `${b.id} deliver` && isDown) down();
    if (name === `${b.id} request` && isFrom(a.id, args)) requested++;
    return go();
  };
  await a.ask([["send", b.id, [["echo", "first"]]]]);
  await until(async () => (await a.sql("SELECT * FROM outbox WHERE tries > 0")).length === 1);
  const asked = a.ask([["request", b.id, [["heard"]]]]);
  await until(async () => (await a.sql("SELECT tries FROM outbox"))[0]?.["tries"] !== 1); // tried again for it
  expect(requested).toBe(0);
  isDown = false;
  expect((await asked).gave).toEqual(['[["first"]]']);
});

test("a request overtakes the sends of its own turn", async () => {
  const [a, b] = [await start(), await start()];
  const { gave } = await a.ask([
    ["send", b.id, [["echo", "sent"]]],
    ["request", b.id, [["heard"]]],
  ]);
  expect(gave).toEqual([null, "[[]]"]);
  expect(await heard(b)).toEqual(["sent"]);
});

test("a request behind sends that a full recipient does not take is refused as they are", async () => {
  const [a, full] = [await start(), await start({ limits: { mailbox: 1 } })];
  await full.change("pause");
  await full.tell([["echo", "before"]]);
  await a.ask([["send", full.id, [["echo", "after"]]]]);
  const begun = Date.now();
  const { gave } = await a.ask([["request", full.id, [["echo", 1]]]]);
  expect(JSON.stringify(gave)).toContain("err: busy");
  expect(Date.now() - begun).toBeLessThan(20_000);
});

test("a request whose connection breaks is made again, and its turn runs once", async () => {
  for (const lost of ["call", "answer"]) {
    const [a, b] = [await start(), await start()];
    let broken = 0;
    faults.peer = async ({ name, args }, go) => {
      if (name !== `${b.id} request` || !isFrom(a.id, args) || broken >= 2) return await go();
      broken++;
      if (lost === "answer") await go();
      throw new Error("the connection broke");
    };
    expect((await a.ask([["request", b.id, [["turns"]]]])).gave).toEqual(["[0]"]);
    expect(broken).toBe(2);
    clearFaults();
    expect((await b.ask([["turns"]])).gave).toEqual([1]);
  }
});

test("an actor that dies of each try is not asked for ever", async () => {
  const [a, b] = [await start(), await start()];
  let tries = 0;
  faults.peer = ({ name }, go) => {
    if (name !== `${b.id} request`) return go();
    tries++;
    return down();
  };
  const { gave } = await a.ask([["request", b.id, [["turns"]]]]);
  expect(JSON.stringify(gave)).toContain("err: outcome-unknown");
  expect(tries).toBe(7);
});

async function asked(a: Probe, b: Probe): Promise<{ key: string; cause: Cause; body: Uint8Array }> {
  let seen: { idempotency: { key: string }; cause: Cause; body: Uint8Array } | undefined;
  faults.peer = ({ name, args }, go) => {
    if (name === `${b.id} request` && isFrom(a.id, args)) seen = args[0] as typeof seen;
    return go();
  };
  await a.ask([["request", b.id, [["turns"]]]]);
  clearFaults();
  if (seen === undefined) throw new Error("nothing was asked");
  return { key: seen.idempotency.key, cause: seen.cause, body: seen.body };
}

interface Cause {
  seq: number;
  event: Uint8Array;
}

test("a caller that comes back after any time gets the recorded answer: the turn does not run again", async () => {
  const [a, b] = [await start(), await start()];
  const { key, cause, body } = await asked(a, b);
  const input = { body, from: a.id, idempotency: { principal: a.id, key }, cause };
  const first = await b.stub.request(input);
  const now = Date.now();
  vi.spyOn(Date, "now").mockImplementation(() => now + 400 * DAY_MS);
  expect(await b.stub.request(input)).toEqual(first);
  expect(await b.ask([["turns"]], "of a person")).toMatchObject({ gave: [1] }); // expires what expires
  expect(await b.stub.request(input)).toEqual(first);
});

test("a request of an actor that was set back is refused: in the same place, or an earlier one", async () => {
  const [a, b] = [await start(), await start()];
  const { key, cause, body } = await asked(a, b);
  const [, turn = "", call = ""] = key.split("/");
  const request = async (other: { key?: string; cause?: Cause; body?: Uint8Array }) =>
    await b.stub.request({
      body: other.body ?? body,
      from: a.id,
      idempotency: { principal: a.id, key: other.key ?? key },
      cause: other.cause ?? cause,
    });
  const seq = await b.nextSeq();
  const forked = { ok: false, error: { code: "chain-fork" } };
  expect(await request({ cause: { ...cause, event: new Uint8Array(32).fill(7) } })).toMatchObject(
    forked,
  );
  expect(await request({ body: bodyOf([["echo", "other"]]) })).toMatchObject(forked);
  expect(await request({ key: `${a.id}/${Number(turn) - 1}/${call}` })).toMatchObject(forked);
  expect(await b.nextSeq()).toBe(seq);
  expect((await request({})).ok).toBe(true);
});

test("a sender that was set back stops and says so: its messages are not taken for old ones", async () => {
  for (const back of [1, 2]) {
    const [a, b] = [await start(), await start()];
    for (const word of ["one", "two"]) await a.ask([["send", b.id, [["echo", word]]]]);
    await until(async () => (await a.sql("SELECT * FROM outbox")).length === 0);
    expect(await heard(b)).toEqual(["one", "two"]);
    await a.sql(`UPDATE peer SET sent = sent - ${back}`);
    await a.ask([["send", b.id, [["echo", "new"]]]]);
    await until(async () => (await a.summary()).status === "failed");
    const [row] = await a.sql("SELECT value FROM cell WHERE name = 'reason'");
    expect(row?.["value"]).toMatch(/forked: .* was set back/);
    expect((await a.ask([["turns"]])).gave).toBe("wrong-state");
    expect(await heard(b)).toEqual(["one", "two"]);
    expect(await a.change("restart")).toBe("chain-fork");
    await a.crash();
    expect((await a.summary()).status).toBe("failed");
  }
});

test("an actor that learns by a request that it was set back stops in that turn", async () => {
  const [a, b] = [await start(), await start()];
  faults.peer = async ({ name, args }, go) => {
    if (name !== `${b.id} request` || !isFrom(a.id, args)) return await go();
    return { ok: false, error: { code: "chain-fork", message: "It was set back." } };
  };
  const { gave } = await a.ask([
    ["request", b.id, [["turns"]]],
    ["echo", "goes on"],
  ]);
  expect(gave).toBe("too-slow"); // cut
  expect((await a.lines()).at(-1)).toBe("turn.failed cut/set-back 2");
  await until(async () => (await a.summary()).status === "failed");
});

/** As many keys as an actor keeps. */
const FILL = `INSERT INTO idempotency (principal, route, key, digest, seq, expires)
  WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < 10000)
  SELECT 'token:t', 'request', 'k' || n, 'd', 0, ${Number.MAX_SAFE_INTEGER - 1} FROM counted`;

test("a full table of keys takes no new ones, keeps the old ones, and does not keep actors out", async () => {
  const [actor, other] = [await start(), await start()];
  const program: Program = [["turns"]];
  const first = await actor.ask(program, "known");
  await actor.sql(FILL);
  expect((await actor.ask(program, "new")).gave).toBe("busy");
  expect(await actor.tell(program, "new")).toBe("busy");
  expect((await actor.ask(program)).gave).toEqual([1]); // without a key
  expect(await actor.ask(program, "known")).toEqual(first);
  expect((await other.ask([["request", actor.id, program]])).gave).toEqual(["[2]"]);
  await actor.sql("UPDATE idempotency SET expires = 1 WHERE key = 'k1'");
  expect((await actor.ask(program, "new")).gave).toEqual([3]);
});
