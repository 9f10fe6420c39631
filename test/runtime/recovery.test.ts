// The recovery table of the design: what is durable when the object dies, and what its next life makes of it.

import { afterEach, expect, test } from "vitest";
import { clearFaults, down, faults } from "./faults.ts";
import { bindings, Gate, Probe, start, startAnswer, until } from "./stage.ts";

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

test("4, 5: a turn that had acted is closed as lost, with its key, and not run again", async () => {
  for (const answered of [false, true]) {
    const [actor, peer] = [await start(), await start()];
    const gate = new Gate();
    if (answered) {
      // The outcome is on disk; the guest is held before it makes its next call.
      faults.content = async ({ name }, go) => {
        if (name === "put") await gate.wait();
        return await go();
      };
    } else {
      faults.peer = async ({ name }, go) => {
        if (name === `${peer.id} request`) await gate.wait();
        return await go();
      };
    }
    const from = await actor.nextSeq();
    const program = [
      ["log", "x"],
      ["request", peer.id, [["turns"]]],
      ["putLong", 100_000],
    ];
    const asked = actor.ask(program, "key");
    await gate.reached();
    await crashDuring(actor, asked);
    const lines = [
      "message.received request 2",
      "host.called runtime#log 2",
      "host.intended message-server-host#request 2",
      ...(answered
        ? [
            "host.returned message-server-host#request 2",
            "host.intended store#new 2",
            "host.returned store#new 2",
          ]
        : []),
      "turn.failed lost/unresumable 2",
    ];
    expect(await actor.lines(from)).toEqual(lines);
    const again = await actor.ask(program, "key");
    expect(again).toMatchObject({ gave: "host-failure", event: { seq: from + lines.length - 1 } });
    expect((await actor.ask([["turns"]])).gave).toEqual([0]);
    expect((await peer.ask([["turns"]])).gave).toEqual([answered ? 1 : 0]);
  }
});

test("4: a lost turn is closed also in an actor that may not run", async () => {
  const [actor, peer] = [await start(), await start()];
  const gate = new Gate();
  faults.peer = async ({ name }, go) => {
    if (name === `${peer.id} request`) await gate.wait();
    return await go();
  };
  const asked = actor.ask([["request", peer.id, [["turns"]]]], "key");
  await gate.reached();
  await actor.change("pause");
  await crashDuring(actor, asked);
  expect((await actor.lines()).at(-1)).toBe("turn.failed lost/unresumable 2");
  expect((await actor.ask([["request", peer.id, [["turns"]]]], "key")).gave).toBe("host-failure");
});

test("4: a send whose turn had acted is closed too, and the next one runs", async () => {
  const [actor, peer] = [await start(), await start()];
  const gate = new Gate();
  faults.peer = async ({ name }, go) => {
    if (name === `${peer.id} request`) await gate.wait();
    return await go();
  };
  await actor.tell([["request", peer.id, [["turns"]]]]);
  await gate.reached();
  await actor.tell([["echo", "next"]]);
  await actor.crash();
  clearFaults();
  expect(await actor.alarm()).toBe(true);
  await actor.quiet();
  expect((await actor.ask([["heard"]])).gave).toEqual([["next"]]);
  expect((await actor.lines()).slice(4, 9)).toEqual([
    "message.received send 0",
    "host.intended message-server-host#request 2",
    "message.received send 0",
    "turn.failed lost/unresumable 2",
    "turn.committed 3",
  ]);
});

test("4: an actor whose first turn was lost is failed", async () => {
  const peer = await start();
  const gate = new Gate();
  let id = "";
  faults.peer = async ({ name }, go) => {
    if (name.endsWith(" create")) id = name.split(" ")[0] ?? "";
    if (name === `${peer.id} request`) await gate.wait();
    return await go();
  };
  const born = startAnswer({ init: [["request", peer.id, [["turns"]]]] });
  await gate.reached();
  const actor = new Probe(id);
  await actor.crash();
  clearFaults();
  expect((await born).ok).toBe(false);
  expect((await actor.summary()).status).toBe("failed");
  expect((await actor.lines()).slice(3)).toEqual([
    "host.intended message-server-host#request 1",
    "turn.failed lost/unresumable 1",
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
