// The recovery table of the design: what is durable when the object dies, and what its next life makes of it.

import { afterEach, expect, test } from "vitest";
import { clearFaults, down, faults } from "./faults.ts";
import { bindings, Gate, Probe, start, startAnswer, until, type Program } from "./stage.ts";

afterEach(clearFaults);

/** Holds every guest at its door; what happens before it is on disk or not. */
function holdGuests(): Gate {
  const gate = new Gate();
  faults.guest = async (_, go) => {
    await gate.wait();
    return await go();
  };
  return gate;
}

/** Dies while `asked` is on its way. The answer is that nobody knows. */
async function crashDuring(actor: Probe, asked: Promise<{ gave: unknown }>): Promise<void> {
  await actor.crash();
  clearFaults();
  expect((await asked).gave).toBe("outcome-unknown");
}

test("1, 3: a request that flushed nothing is gone without a trace, and a retry runs it", async () => {
  const actor = await start();
  const before = await actor.events();
  const gate = holdGuests();
  const running = actor.ask([["turns"]], "running");
  await gate.reached();
  const queued = actor.ask([["turns"]], "queued");
  await crashDuring(actor, running);
  expect((await queued).gave).toBe("outcome-unknown");
  expect(await actor.events()).toEqual(before);
  expect((await actor.ask([["turns"]], "running")).gave).toEqual([0]);
  expect((await actor.ask([["turns"]], "queued")).gave).toEqual([1]);
});

test("2, 3: sends run again in their order, the interrupted one first", async () => {
  const actor = await start();
  const gate = holdGuests();
  for (const word of ["a", "b", "c"]) await actor.tell([["echo", word]]);
  await gate.reached();
  await actor.crash();
  clearFaults();
  expect(await actor.alarm()).toBe(true);
  await actor.quiet();
  expect((await actor.ask([["heard"]])).gave).toEqual([["a", "b", "c"]]);
  const lines = (await actor.lines()).slice(4);
  expect(lines.slice(0, 6)).toEqual([
    ...Array<string>(3).fill("message.received send 0"),
    "turn.committed 2",
    "turn.committed 3",
    "turn.committed 4",
  ]);
});

/** Holds the answer of the peer's next turn; the request has arrived or not. */
function holdPeer(peer: Probe, where: "before" | "after"): Gate {
  const gate = new Gate();
  faults.peer = async ({ name }, go) => {
    if (name !== `${peer.id} request`) return await go();
    const answer = where === "after" ? await go() : undefined;
    await gate.wait();
    return answer ?? (await go());
  };
  return gate;
}

const ASKS = (peer: Probe): Program => [
  ["log", "x"],
  ["send", peer.id, [["echo", "sent"]]],
  ["random", 4],
  ["request", peer.id, [["turns"]]],
  ["now"],
  ["chain"],
];

test("4: a turn that had acted goes on, and its effect happens once, arrived or not", async () => {
  for (const where of ["before", "after"] as const) {
    const [actor, peer] = [await start(), await start()];
    const gate = holdPeer(peer, where);
    const from = await actor.nextSeq();
    const asked = actor.ask(ASKS(peer), "key");
    await gate.reached();
    const begun = await actor.events(from);
    await crashDuring(actor, asked);
    // The one who asked comes back with its key, and waits for the turn that goes on.
    const { gave, event } = await actor.ask(ASKS(peer), "key");
    expect(gave).toMatchObject([
      null,
      null,
      expect.any(Array),
      "[0]",
      expect.any(Number),
      from + 6,
    ]);
    const told = await actor.events(from);
    expect(told.slice(0, begun.length)).toEqual(begun);
    expect((await actor.lines(from)).slice(0, 8)).toEqual([
      "message.received request 2",
      "host.called runtime#log 2",
      "host.called message-server-host#send 2",
      "host.called random#random-bytes 2",
      "host.intended message-server-host#request 2",
      "host.returned message-server-host#request 2",
      "host.called timing#now 2",
      "host.called runtime#get-chain 2",
    ]);
    expect(told[8]).toMatchObject({ type: "turn.committed", seq: event?.seq });
    // Randomness is the first life's, and the clock went on from where the effect had put it.
    const random = Uint8Array.from((gave as [null, null, number[]])[2]);
    expect(told[3]?.fields["result"]).toEqual({ ok: random });
    expect((gave as unknown[])[4]).toBe(told[5]?.time);
    await until(async () => (await peer.summary()).turns === 3);
    expect((await peer.ask([["turns"]])).gave).toEqual([2]); // one request and one send
  }
});

test("5: an outcome on disk is fed to the guest and not asked for again", async () => {
  const [actor, peer] = [await start(), await start()];
  const gate = new Gate();
  faults.content = async ({ name }, go) => {
    if (name === "put") await gate.wait();
    return await go();
  };
  const program: Program = [
    ["request", peer.id, [["turns"]]],
    ["putLong", 100_000],
  ];
  const from = await actor.nextSeq();
  const asked = actor.ask(program, "key");
  await gate.reached();
  await crashDuring(actor, asked);
  expect(await actor.alarm()).toBe(true); // nobody asks, and it goes on
  await until(async () => (await actor.summary()).turns === 2 && !(await actor.hasOpenTurn()));
  expect(await actor.lines(from)).toEqual([
    "message.received request 2",
    "host.intended message-server-host#request 2",
    "host.returned message-server-host#request 2",
    "host.intended store#new 2",
    "host.returned store#new 2",
    "host.intended store#store 2",
    "host.returned store#store 2",
    "turn.committed 2",
  ]);
  expect((await actor.ask(program, "key")).event?.seq).toBe(from + 7);
  expect((await peer.ask([["turns"]])).gave).toEqual([1]);
});

test("4: an interrupted turn goes on in an actor that is paused meanwhile", async () => {
  const [actor, peer] = [await start(), await start()];
  const gate = holdPeer(peer, "before");
  const asked = actor.ask([["request", peer.id, [["turns"]]]], "key");
  await gate.reached();
  await actor.change("pause");
  await crashDuring(actor, asked);
  expect((await actor.ask([["request", peer.id, [["turns"]]]], "key")).gave).toEqual(["[0]"]);
  expect((await actor.summary()).status).toBe("paused");
});

test("4: a send whose turn had acted goes on first, and the next one runs after it", async () => {
  const [actor, peer] = [await start(), await start()];
  const gate = holdPeer(peer, "before");
  await actor.tell([["request", peer.id, [["turns"]]]]);
  await gate.reached();
  await actor.tell([["echo", "next"]]);
  await actor.crash();
  clearFaults();
  expect(await actor.alarm()).toBe(true);
  await actor.quiet();
  expect((await actor.ask([["heard"]])).gave).toEqual([["[0]", "next"]]);
  expect((await actor.lines()).slice(4, 9)).toEqual([
    "message.received send 0",
    "host.intended message-server-host#request 2",
    "message.received send 0",
    "host.returned message-server-host#request 2",
    "turn.committed 2",
  ]);
});

test("4: a first turn that was interrupted goes on, and the actor is born", async () => {
  const peer = await start();
  const gate = new Gate();
  let id = "";
  faults.peer = async ({ name }, go) => {
    if (name.endsWith(" create")) id = name.split(" ")[0] ?? "";
    if (name === `${peer.id} request`) await gate.wait();
    return await go();
  };
  const born = startAnswer({ init: [["request", peer.id, [["turns"]]]], key: "born" });
  await gate.reached();
  const actor = new Probe(id);
  await actor.crash();
  clearFaults();
  expect((await born).ok).toBe(false);
  await actor.alarm();
  expect(
    await startAnswer({ init: [["request", peer.id, [["turns"]]]], key: "born" }),
  ).toMatchObject({
    ok: true,
    value: { id },
  });
  expect((await actor.lines()).slice(3)).toEqual([
    "host.intended message-server-host#request 1",
    "host.returned message-server-host#request 1",
    "turn.committed 1",
  ]);
});

test("6: a turn whose commit could not be written goes on, and reaches the same end", async () => {
  const [actor, peer] = [await start(), await start()];
  const program: Program = [
    ["request", peer.id, [["turns"]]],
    ["log", "x"],
  ];
  await actor.sql(`CREATE TRIGGER refuse BEFORE INSERT ON event WHEN new.type = 'turn.committed'
    BEGIN SELECT raise(ABORT, 'refused'); END`);
  expect((await actor.ask(program, "key")).gave).toBe("outcome-unknown");
  expect(await actor.hasOpenTurn()).toBe(true);
  await actor.sql("DROP TRIGGER refuse");
  expect((await actor.ask(program, "key")).gave).toEqual(["[0]", null]);
  expect((await peer.ask([["turns"]])).gave).toEqual([1]);
});

test("13: a guest that does not do again what it did is closed as diverged", async () => {
  const [actor, peer] = [await start(), await start()];
  const gate = holdPeer(peer, "before");
  const asked = actor.ask(
    [
      ["log", "x"],
      ["request", peer.id, [["turns"]]],
    ],
    "key",
  );
  await gate.reached();
  await actor.crash();
  clearFaults();
  // The isolate says that its guest logged something else.
  faults.guest = ({ args }, go) => {
    const [input] = args as [{ params: [unknown, [string, Uint8Array]] }];
    const [, [, body]] = input.params;
    const other = new TextDecoder().decode(body).replace('"x"', '"y"');
    input.params[1][1] = new TextEncoder().encode(other);
    return go();
  };
  await asked;
  expect(
    (
      await actor.ask(
        [
          ["log", "x"],
          ["request", peer.id, [["turns"]]],
        ],
        "key",
      )
    ).gave,
  ).toBe("host-failure");
  expect((await actor.lines()).at(-1)).toBe("turn.failed lost/diverged 2");
  expect((await peer.ask([["turns"]])).gave).toEqual([0]);
  clearFaults();
  expect((await actor.ask([["turns"]])).gave).toEqual([0]);
});

test("14: a request that no life survives is closed as a crash loop", async () => {
  const [actor, peer] = [await start(), await start()];
  for (let life = 1; life <= 4; life++) {
    const gate = holdPeer(peer, "before");
    if (life === 1) void actor.ask([["request", peer.id, [["turns"]]]], "key");
    else void actor.alarm().catch(() => false);
    await gate.reached();
    await actor.crash();
  }
  clearFaults();
  expect((await actor.ask([["request", peer.id, [["turns"]]]], "key")).gave).toBe("host-failure");
  expect((await actor.lines()).at(-1)).toBe("turn.failed host/crash-loop 2");
});

test("4: terminate closes an interrupted turn that has not gone on yet", async () => {
  const [actor, peer] = [await start(), await start()];
  const gate = holdPeer(peer, "before");
  const asked = actor.ask([["request", peer.id, [["turns"]]]], "key");
  await gate.reached();
  await actor.crash();
  await asked;
  expect(await actor.change("terminate")).toBe("stopped");
  expect((await actor.lines()).slice(-2)).toEqual([
    "turn.failed cut/terminated 2",
    "actor.stopped 0",
  ]);
});

test("a birth that the crash interrupted is finished without anybody asking", async () => {
  const gate = holdGuests();
  let id = "";
  faults.peer = ({ name }, go) => {
    if (name.endsWith(" create")) id = name.split(" ")[0] ?? "";
    return go();
  };
  const born = startAnswer({ key: "interrupted" });
  await gate.reached();
  const actor = new Probe(id);
  await actor.crash();
  clearFaults();
  expect((await born).ok).toBe(false);
  await actor.alarm();
  await actor.quiet();
  expect((await actor.lines()).at(-1)).toBe("turn.committed 1");
  expect(await startAnswer({ key: "interrupted" })).toMatchObject({ ok: true, value: { id } });
});

test("7, 10, 12: a recorded end whose answer was lost is the same for its key", async () => {
  for (const program of [[["turns"]], [["refuse", "no"]], [["trap"]], [["pad", 2_000_000]]]) {
    const actor = await start();
    let answer: unknown;
    faults.peer = async ({ name }, go) => {
      const given = await go();
      if (name !== `${actor.id} request`) return given;
      answer = given;
      throw new Error("the answer was lost");
    };
    expect((await actor.ask(program, "key")).gave).toBe("outcome-unknown");
    clearFaults();
    await actor.crash();
    const seq = await actor.nextSeq();
    const again = await actor.ask(program, "key");
    const { ok, value, error } = answer as { ok: boolean; value?: object; error?: object };
    expect(again.event).toEqual((ok ? value : error)?.["event" as never]);
    expect(await actor.nextSeq()).toBe(seq);
  }
});

test("8: what was committed is delivered by the next life, once", async () => {
  const [a, b] = [await start(), await start()];
  for (const lost of ["call", "answer"]) {
    faults.peer = async ({ name }, go) => {
      if (name !== `${b.id} deliver`) return await go();
      if (lost === "answer") await go();
      throw new Error("the connection broke");
    };
    await a.ask([["send", b.id, [["echo", lost]]]]);
    await until(async () => (await a.sql("SELECT * FROM outbox WHERE tries > 0")).length === 1);
    await a.crash();
    clearFaults();
    await until(async () => {
      await a.alarm();
      return (await a.sql("SELECT * FROM outbox")).length === 0;
    });
  }
  await b.quiet();
  expect((await b.ask([["heard"]])).gave).toEqual([["call", "answer"]]);
});

test("9: a ledger that was not told, or whose answer was lost, is told again", async () => {
  for (const lost of ["call", "answer"]) {
    const actor = await start();
    faults.ledger = async (_, go) => {
      if (lost === "answer") await go();
      down();
    };
    const { event } = await actor.ask([["log", "x"]]);
    await actor.alarm();
    await actor.crash();
    clearFaults();
    await actor.alarm();
    const { results } = await bindings.LEDGER.prepare(
      "SELECT seq, lower(hex(cid)) AS cid FROM event WHERE actor = ? ORDER BY seq",
    )
      .bind(actor.id)
      .all();
    expect(results.at(-1)).toMatchObject({ seq: event?.seq });
    expect(results).toEqual(
      await actor.sql("SELECT seq, lower(hex(cid)) AS cid FROM event ORDER BY seq"),
    );
  }
});

test("14: a send that no life survives is closed as a crash loop, and the one behind it runs", async () => {
  const actor = await start();
  let begun = 0;
  faults.guest = ({ args }, go) => {
    const [, [body]] = (args[0] as { params: [unknown, [Uint8Array]] }).params;
    if (!new TextDecoder().decode(body).includes("poison")) return go();
    begun++;
    return new Promise(() => undefined);
  };
  await actor.tell([["echo", "poison"]]);
  await actor.tell([["echo", "fine"]]);
  for (let life = 1; life <= 4; life++) {
    await until(() => begun === life);
    await actor.crash();
    await actor.summary(); // the next life
  }
  await actor.quiet();
  const ends = (await actor.lines()).filter((line) => line.startsWith("turn."));
  expect(ends.slice(1)).toEqual(["turn.failed host/crash-loop 2", "turn.committed 3"]);
  expect(begun).toBe(4);
});
