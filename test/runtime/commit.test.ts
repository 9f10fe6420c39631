// The commit point: what cannot be recorded has not happened, by whatever way it could leave. The actor's
// own SQLite refuses in two ways: at once, as a constraint does, and only when the platform commits.

import { expect, test } from "vitest";
import { bindings, start, until, type Probe } from "./stage.ts";
import { gave, tools } from "./tools.ts";
import { visit } from "./visitor.ts";

const WAYS = {
  "at once": (type: string) => `
    CREATE TRIGGER refuse BEFORE INSERT ON event WHEN new.type = '${type}'
    BEGIN SELECT RAISE(ABORT, 'the disk says no'); END`,
  "when it commits": (type: string) => `
    CREATE TABLE IF NOT EXISTS house (id INTEGER PRIMARY KEY);
    CREATE TABLE IF NOT EXISTS orphan (house INTEGER REFERENCES house DEFERRABLE INITIALLY DEFERRED);
    CREATE TRIGGER refuse AFTER INSERT ON event WHEN new.type = '${type}'
    BEGIN INSERT INTO orphan VALUES (1); END`,
};

type Way = keyof typeof WAYS;

async function refuse(actor: Probe, way: Way, type: string): Promise<void> {
  await actor.inside((_, { storage }) => void storage.sql.exec(WAYS[way](type)));
}

async function allow(actor: Probe): Promise<void> {
  await actor.inside((_, { storage }) => void storage.sql.exec("DROP TRIGGER refuse"));
}

/** All that an actor is on disk, apart from the alarm. */
async function onDisk(actor: Probe): Promise<unknown> {
  const tables = ["event", "state", "cell", "mailbox", "outbox", "timer", "peer", "idempotency"];
  return await Promise.all(
    tables.map(async (table) => [table, await actor.sql(`SELECT * FROM ${table} ORDER BY 1`)]),
  );
}

async function inLedger(actor: Probe): Promise<number> {
  const row = await bindings.LEDGER.prepare("SELECT count(*) AS events FROM event WHERE actor = ?")
    .bind(actor.id)
    .first<{ events: number }>();
  return row?.events ?? 0;
}

const ways = Object.keys(WAYS) as Way[];

test.for(ways)("a turn that cannot commit (%s) sends nothing and says nothing", async (way) => {
  const [actor, peer] = [await start(), await start()];
  await actor.ask([["echo", 0]]);
  await until(async () => (await inLedger(actor)) === (await actor.nextSeq()));
  await actor.alarm(); // notes what the ledger has
  await refuse(actor, way, "turn.committed");
  const [before, events] = [await onDisk(actor), await inLedger(actor)];
  const peerEvents = await peer.nextSeq();
  const program = [
    ["send", peer.id, [["echo", "never"]]],
    ["schedule", "never", { after: 60_000 }, []],
    ["echo", "never"],
  ];
  const { gave, event, message } = await actor.ask(program, "a-key");
  expect(["internal", "outcome-unknown"]).toContain(gave);
  expect(event).toBeUndefined();
  expect(message).not.toContain("never");
  await actor.alarm();
  expect(await onDisk(actor)).toEqual(before);
  expect(await inLedger(actor)).toBe(events);
  expect(await peer.nextSeq()).toBe(peerEvents);
  // Nothing was kept of it, so the same key runs it now.
  await allow(actor);
  expect((await actor.ask(program, "a-key")).gave).toEqual([null, expect.any(Number), "never"]);
  await until(async () => (await peer.ask([["heard"]])).gave?.toString() === "never");
});

test.for(ways)("what cannot commit (%s) is not said on a WebSocket either", async (way) => {
  const actor = await tools();
  const call = (fn: string, ...args: unknown[]) =>
    ["call", `theater:simple/http-framework#${fn}`, ...args] as const;
  await gave(
    actor,
    call("create-server", { port: null, host: null, tlsConfig: null }),
    call("register-handler", "sockets"),
    call("start-server", 1),
    call("enable-websocket", 1, "/live", null, 2, null),
  );
  const [one, other] = [await visit(actor), await visit(actor)];
  await refuse(actor, way, "turn.committed");
  one.say('[["call","theater:edge/websockets#broadcast",null,{"tag":"text","val":"never"}]]');
  // The frame is lost, and whoever sent it sees it. Where the object is reset, all see it.
  expect((await one.ends())?.code).toBe(way === "at once" ? 1011 : 1006);
  expect([...one.got, ...other.got]).toEqual([]);
  await allow(actor);
  const late = await visit(actor);
  late.say("heard");
  expect(await late.hears(1)).toEqual(["heard"]);
});

// The platform holds results until they are on disk, and does not hold exceptions.
test.for(ways)("a guest's error that cannot be recorded (%s) is not told", async (way) => {
  const actor = await start();
  await refuse(actor, way, "turn.refused");
  const { gave, event, message } = await actor.ask([["refuse", "a secret"]]);
  expect(["internal", "outcome-unknown"]).toContain(gave);
  expect(event).toBeUndefined();
  expect(message).not.toContain("a secret");
});

test.for(ways)("a send that cannot be written (%s) is not acknowledged", async (way) => {
  const actor = await start();
  await refuse(actor, way, "message.received");
  const before = await onDisk(actor);
  expect(["internal", "outcome-unknown"]).toContain(await actor.tell([["echo", 1]], "a-key"));
  expect(await onDisk(actor)).toEqual(before);
  await allow(actor);
  expect((await actor.ask([["heard"]])).gave).toEqual([[]]);
});

test.for(ways)("an effect whose intent cannot be written (%s) does not happen", async (way) => {
  const [actor, peer] = [await start(), await start()];
  await refuse(actor, way, "host.intended");
  const outside = async (): Promise<unknown> => [
    await peer.nextSeq(),
    await bindings.LEDGER.prepare("SELECT * FROM store").raw(),
    (await bindings.CONTENT.list()).objects.map(({ key }) => key),
  ];
  const before = await outside();
  const lost = ["host-failure", "outcome-unknown"];
  expect(lost).toContain((await actor.ask([["request", peer.id, [["echo", 1]]]])).gave);
  expect(lost).toContain((await actor.ask([["put", "x"]])).gave);
  expect(await outside()).toEqual(before);
});

test.for(ways)("a guest goes on only where an effect's outcome is written (%s)", async (way) => {
  const [actor, peer] = [await start(), await start()];
  await refuse(actor, way, "host.returned");
  const from = await actor.nextSeq();
  const program = [
    ["request", peer.id, [["turns"]]],
    ["send", peer.id, [["echo", "once"]]],
  ];
  expect((await actor.ask(program, "key")).gave).toBe("outcome-unknown");
  await allow(actor); // before the next life has come as far
  expect((await actor.ask(program, "key")).gave).toEqual(["[0]", null]);
  expect(await actor.lines(from)).toEqual([
    "message.received request 2",
    "host.intended message-server-host#request 2",
    "host.returned message-server-host#request 2",
    "host.called message-server-host#send 2",
    "turn.committed 2",
  ]);
  await until(async () => (await peer.summary()).turns === 3);
  expect((await peer.ask([["turns"], ["heard"]])).gave).toEqual([2, ["once"]]);
});

test("an acknowledged send whose turn cannot commit stays first in line", async () => {
  const actor = await start();
  await refuse(actor, "at once", "turn.committed");
  await actor.tell([["echo", "first"]]);
  await actor.tell([["echo", "second"]]);
  await until(async () => (await actor.sql("SELECT * FROM mailbox")).length === 2);
  await actor.alarm();
  expect(await actor.state()).toEqual({ turns: 0, heard: [] });
  await allow(actor);
  expect(await actor.alarm()).toBe(true); // armed although its transactions were undone
  await actor.quiet();
  expect((await actor.ask([["heard"]])).gave).toEqual([["first", "second"]]);
});
