// A supervisor and its children at odd moments: starts that fail, a first turn that does not commit, a chain
// that forks, states too large for a payload. The ordinary ones are in supervision.test.ts.

import { afterEach, expect, test } from "vitest";
import { clearFaults, down, faults } from "./faults.ts";
import { bindings, bodyOf, Gate, must, Probe, probeComponent, theater, until } from "./stage.ts";
import { startTools } from "./tools.ts";

afterEach(clearFaults);

const HANDLERS = ["runtime", "message-server", "store", "timing", "random", "timers"];

const spawnCall = (...args: unknown[]) =>
  ["call", "theater:simple/supervisor#spawn", ...args] as const;

async function childText(): Promise<string> {
  const handlers = HANDLERS.map((type) => `[[handler]]\ntype = "${type}"`).join("\n");
  const component = await probeComponent();
  return `name = "worker"\nversion = "1"\ncomponent = "${component}"\n${handlers}`;
}

async function childManifest(): Promise<string> {
  const bytes = new TextEncoder().encode(await childText());
  return must(await theater.putContent("manifests", bytes, null)).digest;
}

interface Policy {
  supervisor?: Record<string, unknown>;
  child?: Record<string, unknown>;
  init?: unknown;
}

async function supervise({ supervisor, child, init }: Policy = {}): Promise<Probe> {
  const manifest = {
    supervisor: { intensity: 10, period_ms: 60_000, ...supervisor },
    child: [{ name: "a", manifest: await childManifest(), ...child }],
  };
  const initState = init === undefined ? {} : { initState: bodyOf({ init }) };
  const answer = await startTools({}, { manifest, ...initState });
  if (answer.ok) return new Probe(answer.value.id);
  return new Probe((answer.error.evidence as { id: string }).id);
}

/** The supervisor's only child, once it is known. */
async function childOf(boss: Probe): Promise<Probe> {
  let id = "";
  await until(async () => {
    const [row] = await boss.sql("SELECT actor FROM child");
    id = (row?.["actor"] as string | undefined) ?? "";
    return id !== "";
  });
  return new Probe(id);
}

const isRunning = async (actor: Probe): Promise<boolean> =>
  (await actor.summary()).status === "running";

const countOf = async (actor: Probe, type: string): Promise<number> =>
  (await actor.events()).filter((event) => event.type === type).length;

/** Waits for the child of the boss, up. */
async function up(boss: Probe): Promise<Probe> {
  const child = await childOf(boss);
  await until(async () => (await boss.sql("SELECT 1 FROM child WHERE born = 1")).length === 1);
  await until(async () => await isRunning(child));
  return child;
}

test("a child that begins anew does so before it takes what waited for it", async () => {
  const boss = await supervise({ child: { start_from: "init" } });
  const a = await up(boss);
  const gate = new Gate();
  faults.guest = async (_, go) => {
    await gate.wait();
    return await go();
  };
  await a.tell([["echo", "first"]]);
  await gate.reached();
  await a.tell([["echo", "kept"]]);
  faults.guest = undefined;
  const trapped = a.ask([["trap"]]);
  await a.tell([["echo", "later"]]);
  gate.open();
  await trapped;
  await until(async () => (await countOf(a, "actor.started")) === 2 && (await isRunning(a)));
  await a.quiet();
  // What was answered before the failure was of the state that is gone.
  expect((await a.ask([["heard"]])).gave).toEqual([["later"]]);
});

test("a child with a large state begins anew with it", async () => {
  const spawned = { start_from: "init" };
  const boss = await supervise({ supervisor: { spawned } });
  const state = { $bytes: JSON.stringify({ heard: ["x".repeat(100_000)] }) };
  const [given] = (await boss.ask([spawnCall(await childText(), state)])).gave as {
    gave: string;
  }[];
  const child = new Probe(given?.gave ?? "");
  await child.ask([["trap"]]);
  await until(
    async () => (await countOf(child, "actor.started")) === 2 && (await isRunning(child)),
  );
  await child.quiet();
  const [heard] = (await child.ask([["heard"]])).gave as string[][];
  expect(heard?.[0]?.length).toBe(100_000);
  // Each of the two messages holds the block: erasing one must not take it from the other.
  const inits = (await child.events()).filter(({ about }) => about === "lifecycle");
  expect(inits).toHaveLength(2);
  for (const { seq } of inits) {
    expect(await child.sql(`SELECT seq FROM link WHERE seq = ${seq}`)).toHaveLength(1);
  }
  expect(must(await theater.replay(child.id, null))).toMatchObject({ verdict: "verified" });
});

test("a child whose first start failed for its host is born by the next one", async () => {
  let runs = 0;
  faults.guest = (_, go) => {
    if (runs++ > 0) throw new Error("no isolate"); // the first is the supervisor's own
    return go();
  };
  const boss = await supervise();
  await until(async () => (await boss.summary()).status === "failed");
  clearFaults();
  expect(await boss.change("restart")).toBe("running");
  const a = await up(boss);
  expect((await a.ask([["turns"]])).gave).toEqual([0]);
});

test("a supervisor whose first turn does not commit leaves nobody behind", async () => {
  const boss = await supervise({
    init: [spawnCall(await childText(), null), ["refuse"]],
  });
  expect((await boss.summary()).status).toBe("failed");
  await until(async () => {
    const rows = await boss.sql("SELECT actor, born FROM child");
    for (const { actor, born } of rows) {
      if (born === 1 && (await isRunning(new Probe(actor as string)))) return false;
    }
    return true;
  });
  const spawned = (await boss.events()).find(({ type }) => type === "host.returned");
  const { ok: id } = (spawned?.fields ?? {})["result"] as { ok: string };
  expect((await new Probe(id).summary()).status).toBe("stopped");
});

test("a child that supervises nobody decides nothing", async () => {
  const a = await up(await supervise());
  expect(await countOf(a, "supervision.decided")).toBe(0);
});

/** The ledger holds another event in the place of the actor's next one. */
async function fork(actor: Probe): Promise<void> {
  must(await theater.head(actor.id));
  const [head] = await actor.sql("SELECT seq, cid FROM event ORDER BY seq DESC LIMIT 1");
  faults.ledger = down;
  await actor.ask([["log", "mine"]]);
  const next = [actor.id, Number(head?.["seq"]) + 1, new Uint8Array(32).fill(7)];
  await bindings.LEDGER.prepare(
    "INSERT INTO event VALUES (?1, ?2, ?3, ?4, 2, 'host.called', '', 0, x'00', ?3, NULL)",
  )
    .bind(...next, head?.["cid"])
    .run();
  clearFaults();
  expect(await theater.head(actor.id)).toMatchObject({ ok: false, error: { code: "chain-fork" } });
}

test("a supervisor learns that a child's chain forked, and the child stays down", async () => {
  const boss = await supervise();
  const a = await up(boss);
  await fork(a);
  await until(async () => (await a.summary()).status === "failed");
  await until(async () => (await countOf(boss, "child.exited")) === 1);
  const exited = (await boss.events()).find(({ type }) => type === "child.exited");
  expect(exited?.fields).toMatchObject({ reason: "corrupted-state" });
});

test("a supervisor that gives up ends the turn that it is in", async () => {
  const boss = await supervise({ supervisor: { intensity: 0 } });
  const a = await up(boss);
  const peer = new Probe(must(await startTools({})).id);
  const gate = new Gate();
  faults.peer = async ({ name }, go) => {
    if (name === `${peer.id} request`) await gate.wait();
    return await go();
  };
  const asked = boss.ask([
    ["call", "theater:simple/message-server-host#request", peer.id, { $bytes: "[]" }],
  ]);
  await gate.reached();
  await a.ask([["trap"]]);
  await asked;
  expect((await boss.summary()).status).toBe("failed");
  expect(await boss.lines()).toContain("turn.failed cut/escalated 2");
  gate.open();
});

test("a supervisor that begins while a child is still being discarded begins once, whatever turns it has", async () => {
  const boss = await supervise();
  const a = await up(boss);
  const [birth, end] = [new Gate(), new Gate()];
  let discarded = "";
  faults.peer = async ({ name }, go) => {
    const [id = "", method = ""] = name.split(" ");
    if (method === "obey" && id === discarded) await end.wait();
    const answer = await go();
    if (method !== "create") return answer;
    discarded = id;
    await birth.wait();
    return answer;
  };
  const spawning = boss.ask([spawnCall(await childText(), null)]);
  await birth.reached();
  expect(await boss.change("terminate")).toBe("stopped");
  await end.reached();
  for (const phase of ["begins", "stops", "begins"]) {
    expect(await boss.change(phase === "stops" ? "stop" : "restart")).toMatch(/running|stopped/);
    for (let n = 0; n < 5 && phase === "begins"; n++) await boss.ask([["log", "a turn"]]);
    const { queue } = (await supervisorOf(boss)) as { queue: { on: string }[] };
    expect(queue.map(({ on }) => on)).toEqual(phase === "begins" ? ["boot"] : []);
  }
  const boots = await bootsOf(boss);
  birth.open();
  end.open();
  await spawning;
  await until(async () => await isRunning(a));
  await until(async () => (await new Probe(discarded).summary()).status === "stopped");
  expect(await bootsOf(boss)).toBe(boots + 1);
});

async function supervisorOf(boss: Probe): Promise<unknown> {
  const [row] = await boss.sql("SELECT state FROM supervisor");
  return JSON.parse(row?.["state"] as string);
}

const bootsOf = async (boss: Probe): Promise<number> =>
  (await boss.events()).filter(({ fields }) => fields["action"] === "boot").length;

/** Holds the births of children before they happen. */
function holdBirths(): { gate: Gate; births: string[] } {
  const held = { gate: new Gate(), births: [] as string[] };
  faults.peer = async ({ name, args }, go) => {
    const [id = "", method] = name.split(" ");
    const [given] = args as [{ incarnation?: number }];
    if (method !== "create" || given.incarnation === undefined) return await go();
    held.births.push(id);
    await held.gate.wait();
    return await go();
  };
  return held;
}

const isBorn = async (id: string): Promise<boolean> => must(await new Probe(id).stub.isBorn());

test("a birth that comes after the order to stop does not happen, however often it comes", async () => {
  const boss = await supervise();
  const a = await up(boss);
  const { gate, births } = holdBirths();
  const spawning = boss.ask([spawnCall(await childText(), null)]);
  await gate.reached();
  const [row] = await boss.sql("SELECT genesis FROM child WHERE born = 0");
  expect(await boss.change("terminate")).toBe("stopped");
  await until(async () => (await boss.sql("SELECT 1 FROM child")).length === 1);
  clearFaults();
  gate.open();
  await spawning;
  const [id = ""] = births;
  const genesis = new Uint8Array(row?.["genesis"] as ArrayBuffer);
  for (let n = 0; n < 2; n++) {
    const again = await new Probe(id).stub.create({ genesis, initState: null, createdMs: 0 });
    expect(again).toMatchObject({ ok: false, error: { code: "wrong-state" } });
  }
  expect(await isBorn(id)).toBe(false);
  await boss.change("restart");
  await until(async () => await isRunning(a));
  expect(await boss.sql("SELECT name FROM child")).toEqual([{ name: "a" }]);
});

test("a child whose first start was called off is born by the next one, and not by the old one", async () => {
  const { gate, births } = holdBirths();
  const boss = await supervise();
  await gate.reached();
  const [row] = await boss.sql("SELECT genesis FROM child");
  expect(await boss.change("stop")).toBe("stopped");
  clearFaults();
  gate.open();
  const [id = ""] = births;
  const genesis = new Uint8Array(row?.["genesis"] as ArrayBuffer);
  const birth = { genesis, initState: null, createdMs: 0 };
  const old = await new Probe(id).stub.create({ ...birth, incarnation: 1 });
  expect(old).toMatchObject({ ok: false, error: { code: "wrong-state" } });
  expect(await isBorn(id)).toBe(false);
  expect(await boss.change("restart")).toBe("running");
  const a = await up(boss);
  expect(a.id).toBe(id);
  expect((await a.ask([["turns"]])).gave).toEqual([0]);
});

test("nobody calls off a birth without the genesis that the object is named after", async () => {
  const boss = await supervise();
  const a = await up(boss);
  const [row] = await boss.sql("SELECT genesis FROM child");
  const genesis = new Uint8Array(row?.["genesis"] as ArrayBuffer);
  const order = { operation: "1", incarnation: 9, what: "stop", from: "init", by: null } as const;
  const nobody = new Probe("a".repeat(a.id.length));
  for (const given of [
    { parent: boss.id, genesis },
    { parent: boss.id, genesis: null },
  ]) {
    const refused = await nobody.stub.obey({ ...order, ...given });
    expect(refused).toMatchObject({ ok: false, error: { code: "not-found" } });
  }
  expect(await nobody.sql("SELECT name FROM sqlite_master WHERE name = 'stillborn'")).toEqual([]);
});

test("a child of an operator whose birth was cut off is born after all, or called off with its supervisor", async () => {
  for (const meanwhile of ["goes on", "stops"]) {
    const boss = await supervise();
    await up(boss);
    const { gate, births } = holdBirths();
    const manifest = await childManifest();
    const starting = theater
      .start({ manifest, initState: null, parent: boss.id, principal: "tester" })
      .catch(() => undefined);
    await gate.reached();
    if (meanwhile === "stops") await boss.inside((actor) => actor.change("stop", "tester", null));
    await boss.crash();
    clearFaults();
    const [id = ""] = births;
    const child = new Probe(id);
    await boss.alarm().catch(() => false);
    if (meanwhile === "goes on") {
      await until(async () => (await isBorn(id)) && (await isRunning(child)));
      await until(async () => (await boss.stub.branch().then(must)).children.length === 2);
    } else {
      await until(async () => (await boss.sql("SELECT 1 FROM child")).length === 1);
    }
    gate.open();
    await starting;
    expect(await isBorn(id)).toBe(meanwhile === "goes on");
  }
});

test("a child that was resumed from a state begins anew with that state, and a replay agrees", async () => {
  const boss = await supervise({ supervisor: { spawned: { start_from: "init" } } });
  await up(boss);
  const resumeCall = (state: object) =>
    ["call", "theater:simple/supervisor#resume", text, { $bytes: JSON.stringify(state) }] as const;
  const text = await childText();
  for (const heard of [[], ["x".repeat(100_000)]]) {
    const [given] = (await boss.ask([resumeCall({ turns: 41, heard })])).gave as { gave: string }[];
    const child = new Probe(given?.gave ?? "");
    for (let failures = 1; failures <= 2; failures++) {
      expect((await child.ask([["turns"]])).gave).toEqual([41]);
      await child.ask([["trap"]]);
      await until(async () => (await countOf(child, "actor.started")) === failures + 1);
      await until(async () => await isRunning(child));
    }
    expect(await child.state()).toEqual({ turns: 41, heard });
    expect(await child.lines()).not.toContain("message.received lifecycle");
    expect(must(await theater.replay(child.id, null))).toMatchObject({ verdict: "verified" });
  }
});

test("a supervisor that is deleted leaves no child behind, in whatever state it was", async () => {
  const boss = await supervise();
  const a = await up(boss);
  await fork(boss);
  await until(async () => (await boss.summary()).status === "failed");
  expect(await isRunning(a)).toBe(true); // its work need not stop for its supervisor's trouble
  expect(await boss.change("delete")).toBe("deleted"); // whatever the ledger says of its chain
  expect((await boss.summary()).status).toBe("deleted");
  expect((await a.summary()).status).toBe("stopped");
  expect(await a.change("restart")).toBe("wrong-state");
});
