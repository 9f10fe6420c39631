// A turn, on the real platform: what is written when, what leaves when, and what an end undoes.

import { afterEach, expect, test } from "vitest";
import { clearFaults, faults } from "./faults.ts";
import { Gate, Probe, start, startAnswer, theater, type Told } from "./stage.ts";

afterEach(clearFaults);

const REQUEST = "message-server-host#request";

test("a turn without effects is written once, at its end, in the order in which things happened", async () => {
  const actor = await start();
  const from = await actor.nextSeq();
  let during: Promise<number> | undefined;
  faults.guest = async (_, go) => {
    const output = await go();
    during = actor.nextSeq(); // the guest has ended, the turn has not
    await during;
    return output;
  };
  const { gave, event } = await actor.ask([["log", "a"], ["echo", 7], ["now"]]);
  expect(await during).toBe(from);
  expect(gave).toMatchObject([null, 7, expect.any(Number)]);
  expect(await actor.lines(from)).toEqual([
    "message.received request 2",
    "host.called runtime#log 2",
    "host.called timing#now 2",
    "turn.committed 2",
  ]);
  expect(event).toEqual({ seq: from + 3, cid: (await actor.events(from))[3]?.cid });
});

test("an effect's intent is on disk before it happens, its outcome before the guest goes on", async () => {
  const [actor, peer] = [await start(), await start()];
  const from = await actor.nextSeq();
  let before: Told[] = [];
  faults.peer = async ({ name }, go) => {
    if (name === `${peer.id} request`) before = await actor.events(from);
    return await go();
  };
  const { gave } = await actor.ask([
    ["log", "first"],
    ["request", peer.id, [["echo", 5]]],
    ["chain"],
    ["log", "last"],
  ]);
  expect(before.map(({ type, turn }) => `${type} ${turn}`)).toEqual([
    "message.received 2",
    "host.called 2",
    "host.intended 2",
  ]);
  // The guest saw `from` events, the three before the effect, and its outcome.
  expect(gave).toEqual([null, "[5]", from + 4, null]);
  expect(await actor.lines(from)).toEqual([
    "message.received request 2",
    "host.called runtime#log 2",
    `host.intended ${REQUEST} 2`,
    `host.returned ${REQUEST} 2`,
    "host.called runtime#get-chain 2",
    "host.called runtime#log 2",
    "turn.committed 2",
  ]);
  const [message, , intent, outcome, , , end] = await actor.events(from);
  expect(outcome?.fields).toMatchObject({ intent: intent?.seq, outcome: "returned" });
  expect(end?.fields).toMatchObject({ message: message?.seq });
  expect(intent?.fields).toMatchObject({ key: `${actor.id}/2/1` });
});

test("requests run one at a time, in the order in which they came", async () => {
  const actor = await start();
  let [running, most] = [0, 0];
  faults.guest = async (_, go) => {
    most = Math.max(most, ++running);
    const output = await go();
    running--;
    return output;
  };
  const asked = Array.from({ length: 8 }, async () => (await actor.ask([["turns"]])).gave);
  expect(await Promise.all(asked)).toEqual(Array.from({ length: 8 }, (_, n) => [n]));
  expect(most).toBe(1);
});

test("what looks at an actor, and what controls it, does not wait behind a running turn", async () => {
  const [actor, peer] = [await start(), await start()];
  const gate = new Gate();
  faults.peer = async ({ name }, go) => {
    if (name === `${peer.id} request`) await gate.wait();
    return await go();
  };
  const asked = actor.ask([["request", peer.id, [["echo", 1]]]]);
  await gate.reached();
  expect((await actor.summary()).status).toBe("running");
  const page = await theater.chain(actor.id, { from: 0, to: null, types: [], limit: 100 });
  expect(page).toMatchObject({ ok: true });
  const verified = await theater.verify(actor.id);
  expect(verified).toMatchObject({ ok: true, value: { verdict: "verified" } });
  expect(await actor.change("pause")).toBe("paused");
  expect(await actor.tell([["echo", "later"]])).toMatchObject({ seq: expect.any(Number) });
  expect(await actor.change("resume")).toBe("running");
  const from = await actor.nextSeq();
  expect(await actor.change("terminate")).toBe("stopped");
  expect(await asked).toMatchObject({ gave: "too-slow", event: { seq: from } });
  expect(await actor.lines(from)).toEqual(["turn.failed cut/terminated 2", "actor.stopped 0"]);
  gate.open();
});

test("terminate and stop let nothing that waits begin before they are recorded", async () => {
  for (const change of ["terminate", "stop"] as const) {
    const [actor, peer] = [await start(), await start()];
    const gate = new Gate();
    faults.peer = async ({ name }, go) => {
      if (name === `${peer.id} request`) await gate.wait();
      return await go();
    };
    const first = actor.ask([["request", peer.id, [["echo", 1]]]]);
    await gate.reached();
    const rest = [actor.ask([["turns"]]), actor.ask([["turns"]])];
    await actor.tell([["echo", "kept"]]);
    const changed = actor.change(change);
    if (change === "stop") setTimeout(() => gate.open(), 20);
    expect(await changed).toBe("stopped");
    const last = (await actor.lines()).at(-1);
    expect(last).toBe("actor.stopped 0");
    expect((await first).gave).toEqual(change === "stop" ? ["[1]"] : "too-slow");
    for (const { gave } of await Promise.all(rest)) expect(gave).toBe("wrong-state");
    gate.open();
    expect((await actor.lines()).at(-1)).toBe("actor.stopped 0");
    // What was acknowledged keeps its place.
    expect(await actor.change("restart")).toBe("running");
    await actor.quiet();
    expect((await actor.ask([["heard"]])).gave).toEqual([["kept"]]);
  }
});

test.for([
  ["a guest's own error", [["refuse", "no"]], "guest-error", "turn.refused 3"],
  ["a trap", [["trap"]], "guest-trap", "turn.failed trap/unreachable 3"],
  [
    "too many host calls",
    [["logs", 10_001, ""]],
    "limit-exceeded",
    "turn.failed limit/host-calls 3",
  ],
  ["too large a state", [["pad", 5_000]], "limit-exceeded", "turn.failed limit/state-bytes 3"],
] as const)("%s leaves no trace but its record", async ([, end, code, line]) => {
  const [actor, peer] = [await start({ limits: { state_bytes: 4_096 } }), await start()];
  await actor.ask([["echo", 1]]);
  const [state, from, peerFrom] = [
    await actor.state(),
    await actor.nextSeq(),
    await peer.nextSeq(),
  ];
  const { gave, event } = await actor.ask([["send", peer.id, [["echo", "lost"]]], ...end]);
  expect(gave).toBe(code);
  const lines = await actor.lines(from);
  expect(lines.slice(0, 2)).toEqual([
    "message.received request 3",
    "host.called message-server-host#send 3",
  ]);
  expect(lines.at(-1)).toBe(line);
  expect(event).toEqual({
    seq: from + lines.length - 1,
    cid: (await actor.events(from)).at(-1)?.cid,
  });
  expect(await actor.state()).toEqual(state);
  expect(await actor.sql("SELECT * FROM outbox")).toEqual([]);
  expect((await actor.ask([["turns"]])).gave).toEqual([1]);
  expect(await peer.nextSeq()).toBe(peerFrom);
});

test("an actor whose first turn fails is failed, and says why", async () => {
  for (const end of [["refuse", "no"], ["trap"]]) {
    const answer = await startAnswer({ init: [["log", "trying"], end] });
    const code = end[0] === "trap" ? "guest-trap" : "guest-error";
    expect(answer).toMatchObject({ ok: false, error: { code, event: { seq: 4 } } });
    const id = answer.ok ? "" : String(answer.error.evidence?.["id"]);
    const actor = new Probe(id);
    expect(await actor.summary()).toMatchObject({ status: "failed", stateBytes: null });
    expect((await actor.lines()).slice(3)).toEqual([
      "host.called runtime#log 1",
      end[0] === "trap" ? "turn.failed trap/unreachable 1" : "turn.refused 1",
      "actor.stopped 0",
    ]);
    expect((await actor.ask([["turns"]])).gave).toBe("wrong-state");
  }
});

test("a shutdown before an effect of the same turn is not forgotten", async () => {
  const [actor, peer] = [await start(), await start()];
  await actor.ask([
    ["shutdown", "bye"],
    ["request", peer.id, [["echo", 1]]],
  ]);
  expect((await actor.lines()).at(-1)).toBe("actor.stopped 0");
  expect((await actor.summary()).status).toBe("stopped");
});

test("a request in a circle is refused at once, however long the circle is", async () => {
  const [a, b, c] = [await start(), await start(), await start()];
  const around = [["request", b.id, [["request", c.id, [["request", a.id, [["echo", 1]]]]]]]];
  const { gave } = await a.ask(around);
  expect(JSON.stringify(gave)).toContain("request-cycle");
  expect((await a.ask([["echo", 1]])).gave).toEqual([1]);
});

test("an actor that is asked often keeps one key for each that asks", async () => {
  const [a, b] = [await start(), await start()];
  for (let n = 0; n < 3; n++) await a.ask([["request", b.id, [["echo", n]]]]);
  expect(await b.sql("SELECT count(*) AS kept FROM idempotency")).toEqual([{ kept: 1 }]);
});

test("shutdown ends an actor with its turn, and only if the turn commits", async () => {
  const actor = await start();
  expect(
    (
      await actor.ask([
        ["shutdown", "bye"],
        ["refuse", "not yet"],
      ])
    ).gave,
  ).toBe("guest-error");
  expect((await actor.summary()).status).toBe("running");
  const gate = new Gate();
  faults.guest = async (_, go) => {
    await gate.wait();
    return await go();
  };
  const last = actor.ask([["shutdown", "bye"]]);
  await gate.reached();
  const behind = actor.ask([["turns"]]);
  gate.open();
  expect((await last).gave).toEqual([null]);
  expect((await behind).gave).toBe("wrong-state"); // and not nothing, for ever
  expect((await actor.lines()).slice(-2)).toEqual(["turn.committed 3", "actor.stopped 0"]);
});
