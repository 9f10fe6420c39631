// Lives a program: what happens to an actor on the real runtime, until everything has come to rest.

import { clearFaults, down, faults } from "./faults.ts";
import type { Happening } from "./programs.ts";
import { bodyOf, Gate, theater, until, type Probe, type Program } from "./stage.ts";

const HOST = "theater:simple/message-server-host";

/** A request to the peer at which the turn can be held up. */
const asking = (peer: Probe, steps: Program): Program => {
  const half = Math.floor(steps.length / 2);
  const held = ["call", `${HOST}#request`, peer.id, { $json: [["keep", "asked"]] }];
  return [...steps.slice(0, half), held, ...steps.slice(half)];
};

export async function live(
  actor: Probe,
  peer: Probe,
  program: readonly Happening[],
): Promise<void> {
  try {
    for (const [at, happening] of program.entries()) await happen(actor, peer, happening, `${at}`);
    await rest(actor);
  } finally {
    clearFaults();
  }
}

async function happen(
  actor: Probe,
  peer: Probe,
  happening: Happening,
  key: string,
): Promise<unknown> {
  switch (happening.what) {
    case "request":
      return await ask(actor, happening.steps);
    case "send":
      return await actor.tell(happening.steps);
    case "evict":
      return await evict(actor);
    case "crash":
      return await actor.crash();
    case "pause":
      await actor.change("pause");
      await actor.tell([["log", "while paused"], ["say"]]);
      return await actor.change("resume");
    case "restart":
      await actor.change("stop");
      return await actor.change("restart");
    case "outage":
      faults.ledger = down;
      await ask(actor, happening.steps);
      return clearFaults();
    case "crash-during":
    case "cut-during":
      return await interrupt(actor, peer, happening, key);
  }
}

/** One that somebody waits for is not evicted: it dies. */
async function evict(actor: Probe): Promise<void> {
  await rest(actor); // and one that crashed is there again
  const [row] = await actor.sql("SELECT count(*) AS open FROM deferred");
  await (row?.["open"] === 0 ? actor.evict() : actor.crash());
}

/** Not waited for longer than its turn: a turn may leave it open for ever. */
async function ask(actor: Probe, steps: Program, key?: string): Promise<void> {
  const from = await actor.nextSeq();
  const asked = actor.ask(steps, key).catch(() => undefined);
  const isOver = async (): Promise<boolean> =>
    (await actor.events(from)).some(({ type }) => type.startsWith("turn."));
  let isAnswered = false;
  void asked.then(() => (isAnswered = true));
  await until(async () => isAnswered || (await isOver()));
}

/** The object dies, or the turn is cut, while its request to the peer is on its way. */
async function interrupt(
  actor: Probe,
  peer: Probe,
  { what, steps }: Extract<Happening, { steps: Program }>,
  key: string,
): Promise<void> {
  const gate = new Gate();
  faults.peer = async ({ name }, go) => {
    if (name === `${peer.id} request`) await gate.wait();
    return await go();
  };
  const body = bodyOf(asking(peer, steps));
  const input = { body, from: "external", idempotency: { principal: "tester", key } };
  let isAnswered = false;
  const asked = theater.request(actor.id, input).catch(() => undefined);
  void asked.then(() => (isAnswered = true));
  // A turn that fails before it asks, or has nothing to ask, ends by itself.
  await Promise.race([gate.reached(), until(() => isAnswered)]).catch(() => undefined);
  if (what === "crash-during") {
    await actor.crash();
    gate.open();
    clearFaults();
    await ask(actor, asking(peer, steps), key);
  } else {
    await actor.change("terminate");
    gate.open();
    clearFaults();
    await actor.change("restart");
  }
}

/** Until nothing is under way any more. */
export async function rest(actor: Probe): Promise<void> {
  await until(async () => {
    await actor.alarm();
    const query = "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM mailbox) AS rest";
    const [row] = await actor.sql(query);
    const { status } = await actor.summary();
    const isDown = status !== "running";
    return (row?.["rest"] === 0 || isDown) && !(await actor.hasOpenTurn());
  });
}
