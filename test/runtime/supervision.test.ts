// Supervision on real objects: children start with their supervisor, failures are decided about and
// repaired, and both chains say the same. The policy itself is tested in test/supervision.

import { afterEach, expect, test } from "vitest";
import { clearFaults, faults, settings } from "./faults.ts";
import { Gate, must, Probe, probeComponent, start, theater, until, type Told } from "./stage.ts";

afterEach(() => {
  clearFaults();
  delete settings.UNREACHABLE_MS;
});

const HANDLERS = ["runtime", "message-server", "store", "timing", "random", "timers"];

interface Policy {
  supervisor?: Record<string, unknown>;
  children: readonly Record<string, unknown>[];
}

/** The digest of a manifest that a [[child]] names. */
async function childManifest(limits: Record<string, number> = {}, more = ""): Promise<string> {
  const component = await probeComponent();
  const handlers = HANDLERS.map((type) => `[[handler]]\ntype = "${type}"`).join("\n");
  const table = Object.entries(limits).map(([key, value]) => `${key} = ${value}`);
  const text = `name = "worker"\nversion = "1"\ncomponent = "${component}"\n[limits]\n${table.join("\n")}\n${handlers}\n${more}`;
  const bytes = new TextEncoder().encode(text);
  return must(await theater.putContent("manifests", bytes, null)).digest;
}

async function supervise({ supervisor = {}, children }: Policy): Promise<Probe> {
  const manifest = await childManifest();
  const answer = await theater.start({
    manifest: {
      name: "boss",
      version: "1",
      component: await probeComponent(),
      handler: HANDLERS.map((type) => ({ type })),
      supervisor: { intensity: 10, period_ms: 60_000, ...supervisor },
      child: children.map((each) => ({ manifest, ...each })),
    },
    initState: null,
    parent: null,
    principal: "tester",
  });
  return new Probe(must(answer).id);
}

/** The actors of a supervisor's children, by name. */
async function childrenOf(boss: Probe): Promise<Record<string, Probe>> {
  const rows = await boss.sql("SELECT name, actor FROM child WHERE born = 1");
  return Object.fromEntries(
    rows.map(({ name, actor }) => [name as string, new Probe(actor as string)]),
  );
}

async function up(boss: Probe, count: number): Promise<Record<string, Probe>> {
  await until(async () => Object.keys(await childrenOf(boss)).length === count);
  await quiet(boss);
  return await childrenOf(boss);
}

/** Waits until the supervisor has nothing under way. */
async function quiet(boss: Probe): Promise<void> {
  await until(async () => {
    const [row] = await boss.sql("SELECT state FROM supervisor");
    const { plans, queue } = JSON.parse(row?.["state"] as string) as { plans: []; queue: [] };
    return plans.length === 0 && queue.length === 0;
  });
}

const ofType = async (actor: Probe, type: string): Promise<Told[]> =>
  (await actor.events()).filter((event) => event.type === type);

test("the children of a manifest start with their supervisor, in order, linked to its chain", async () => {
  const boss = await supervise({ children: [{ name: "a" }, { name: "b" }] });
  const children = await up(boss, 2);
  expect(Object.keys(children)).toEqual(["a", "b"]);
  const [decided] = await ofType(boss, "supervision.decided");
  expect(decided?.fields).toMatchObject({ action: "boot", cause: { on: "boot" } });
  for (const child of Object.values(children)) {
    const [genesis] = await child.events();
    const parent = genesis?.fields["parent"] as { actor: string; seq: number };
    expect(parent.actor).toBe(boss.id);
    expect((await child.ask([["turns"]])).gave).toEqual([0]);
  }
  expect((await boss.ask([["turns"]])).gave).toEqual([0]);
});

test("a child that traps is started again from its last committed state", async () => {
  const boss = await supervise({ children: [{ name: "a" }] });
  const { a } = await up(boss, 1);
  await a?.ask([["turns"]]);
  await a?.ask([["turns"]]);
  expect((await a?.ask([["trap"]]))?.gave).toBe("guest-trap");
  await until(async () => (await ofType(boss, "supervision.decided")).length === 2);
  await quiet(boss);
  expect((await a?.ask([["turns"]]))?.gave).toEqual([2]);
  const [, decided] = await ofType(boss, "supervision.decided");
  expect(decided?.fields).toMatchObject({
    action: "restart",
    cause: { on: "exit", child: "a", kind: "trap" },
    children: [a?.id],
  });
  // The parent's chain has the child's head at its end; the child's chain has who started it again.
  const [exited] = await ofType(boss, "child.exited");
  const events = (await a?.events()) ?? [];
  const stopped = events.find(({ type }) => type === "actor.stopped");
  expect(exited?.fields).toMatchObject({ child: a?.id, size: (stopped?.seq ?? 0) + 1 });
  const restarted = events.findLast(({ type }) => type === "actor.started");
  expect(restarted?.fields).toMatchObject({ by: boss.id });
});

test("a child that begins anew runs init again", async () => {
  const boss = await supervise({ children: [{ name: "a", start_from: "init" }] });
  const { a } = await up(boss, 1);
  await a?.ask([["turns"]]);
  await a?.ask([["trap"]]);
  await until(async () => (await ofType(boss, "supervision.decided")).length === 2);
  await quiet(boss);
  expect((await a?.ask([["turns"]]))?.gave).toEqual([0]);
});

test("one for all: the others stop in reverse order and all start again in order", async () => {
  const boss = await supervise({
    supervisor: { strategy: "one-for-all" },
    children: [{ name: "a" }, { name: "b" }, { name: "c" }],
  });
  const { a, b, c } = await up(boss, 3);
  await b?.ask([["trap"]]);
  await until(async () => (await ofType(boss, "supervision.decided")).length === 2);
  await quiet(boss);
  for (const child of [a, b, c]) expect((await child?.ask([["turns"]]))?.gave).toEqual([0]);
  const exits = (await ofType(boss, "child.exited")).map(({ fields }) => fields["child"]);
  expect(exits).toEqual([b?.id, c?.id, a?.id]);
});

test("too many restarts, and the supervisor gives up: its children stop and it is failed", async () => {
  const boss = await supervise({
    supervisor: { intensity: 2 },
    children: [{ name: "a" }, { name: "b" }],
  });
  const { a, b } = await up(boss, 2);
  for (let n = 1; n <= 3; n++) {
    await until(async () => (await a?.summary())?.status === "running");
    await a?.ask([["trap"]]);
    await until(async () => (await ofType(boss, "supervision.decided")).length === n + 1);
  }
  await until(async () => (await boss.summary()).status === "failed");
  expect((await b?.summary())?.status).toBe("stopped");
  expect((await a?.summary())?.status).toBe("failed");
  expect(must(await theater.inspect(boss.id)).status).toBe("failed");
});

test("a stop ends the children first, and a restart brings them back with their states", async () => {
  const boss = await supervise({ children: [{ name: "a" }, { name: "b" }] });
  const { a, b } = await up(boss, 2);
  await a?.ask([["turns"]]);
  expect(await boss.change("stop")).toBe("stopped");
  expect((await a?.summary())?.status).toBe("stopped");
  expect((await b?.summary())?.status).toBe("stopped");
  expect(await boss.change("restart")).toBe("running");
  await until(async () => (await b?.summary())?.status === "running");
  expect((await a?.ask([["turns"]]))?.gave).toEqual([1]);
});

test("a stop from outside leaves the child down, and its supervisor knows", async () => {
  const boss = await supervise({ children: [{ name: "a" }] });
  const { a } = await up(boss, 1);
  await a?.change("stop");
  await until(async () => (await ofType(boss, "child.exited")).length === 1);
  await quiet(boss);
  expect((await a?.summary())?.status).toBe("stopped");
});

test("whoever dies between failure, decision and restart, the child runs again, once", async () => {
  for (const where of ["notice", "obey"] as const) {
    const boss = await supervise({ children: [{ name: "a" }] });
    const { a } = await up(boss, 1);
    const gate = new Gate();
    faults.peer = async ({ name }, go) => {
      if (name.endsWith(` ${where}`)) await gate.wait();
      return await go();
    };
    await a?.ask([["turns"]]);
    expect((await a?.ask([["trap"]]))?.gave).toBe("guest-trap");
    await gate.reached();
    await (where === "notice" ? a : boss)?.crash();
    clearFaults();
    await a?.alarm().catch(() => false);
    await boss.alarm().catch(() => false);
    await until(async () => (await a?.summary())?.status === "running");
    await quiet(boss);
    expect((await a?.ask([["turns"]]))?.gave).toEqual([1]);
    const starts = ((await a?.events()) ?? []).filter(({ type }) => type === "actor.started");
    expect(starts).toHaveLength(2);
    expect(await ofType(boss, "child.exited")).toHaveLength(1);
  }
});

test("only its supervisor gives a child orders, and only a child gives notice", async () => {
  const boss = await supervise({ children: [{ name: "a" }] });
  const { a } = await up(boss, 1);
  const other = await start();
  const order = {
    operation: "1",
    incarnation: 9,
    what: "stop",
    from: "init",
    by: null,
    genesis: null,
  } as const;
  const refused = await a?.stub.obey({ ...order, parent: other.id });
  expect(refused).toMatchObject({ ok: false, error: { code: "forbidden" } });
  const head = { seq: 0, digest: new Uint8Array(32) };
  const lie = {
    child: other.id,
    incarnation: 0,
    kind: "trap",
    detail: "",
    data: null,
    by: null,
    isDeleted: false,
    head,
  } as const;
  expect(await boss.stub.notice(lie)).toMatchObject({ ok: false, error: { code: "not-found" } });
  // Nor is a child believed about what it never was: the ends that follow would count for old ones.
  for (const isDeleted of [false, true]) {
    const future = { ...lie, child: a?.id ?? "", incarnation: 999, isDeleted };
    expect(await boss.stub.notice(future)).toMatchObject({ error: { code: "not-found" } });
  }
  await a?.ask([["trap"]]);
  await until(async () => (await ofType(boss, "child.exited")).length === 1);
  await quiet(boss);
  expect((await a?.ask([["turns"]]))?.gave).toEqual([0]);
});

test("an actor that an operator starts under a supervisor is one of its children", async () => {
  const boss = await supervise({
    supervisor: { spawned: { restart: "permanent" } },
    children: [{ name: "a" }],
  });
  await up(boss, 1);
  const manifest = await childManifest();
  const given = { initState: null, parent: boss.id, principal: "tester" };
  const asked = { ...given, idempotency: { principal: "tester", key: "adopt" } };
  const { id } = must(await theater.start({ manifest, ...asked }));
  expect(must(await theater.start({ manifest, ...asked })).id).toBe(id);
  const child = new Probe(id);
  await child.ask([["turns"]]);
  await child.ask([["trap"]]);
  await until(async () => (await ofType(boss, "child.exited")).length === 1);
  await quiet(boss);
  expect((await child.ask([["turns"]])).gave).toEqual([1]);
  const tree = must(await theater.tree(boss.id));
  expect(tree.children.map((each) => each.id)).toContain(id);
});

const exitsOf = async (boss: Probe, child: Probe | undefined): Promise<unknown[]> =>
  (await ofType(boss, "child.exited"))
    .filter(({ fields }) => fields["child"] === child?.id)
    .map(({ fields }) => fields["reason"]);

test("a send to a child that is down waits until its supervisor has started it again", async () => {
  const boss = await supervise({ children: [{ name: "a" }] });
  const { a } = await up(boss, 1);
  const sender = await start();
  const gate = new Gate();
  let refusals = 0;
  faults.peer = async ({ name }, go) => {
    if (name === `${a?.id} obey`) await gate.wait();
    const answered = (await go()) as { ok: boolean };
    if (name === `${a?.id} deliver` && !answered.ok) refusals++;
    return answered;
  };
  await a?.ask([["trap"]]);
  await gate.reached();
  await sender.ask([["send", a?.id ?? "", [["echo", "kept"]]]]);
  await until(() => refusals > 0);
  expect((await a?.ask([["turns"]]))?.gave).toBe("unavailable");
  gate.open();
  await until(async () => (await a?.summary())?.status === "running");
  await until(async () => (await sender.sql("SELECT n FROM outbox")).length === 0);
  const received = ((await a?.events()) ?? []).filter(({ fields }) => fields["from"] === sender.id);
  expect(received).toHaveLength(1);
  expect(await ofType(sender, "send.failed")).toEqual([]);
});

test("a send to a child that stays down is given up, with the reason", async () => {
  const boss = await supervise({ children: [{ name: "a", restart: "temporary" }, { name: "b" }] });
  const { a, b } = await up(boss, 2);
  const sender = await start();
  await a?.ask([["trap"]]);
  await b?.change("stop");
  await until(async () => (await ofType(boss, "child.exited")).length === 2);
  for (const child of [a, b]) await sender.ask([["send", child?.id ?? "", [["echo", 1]]]]);
  await until(async () => (await ofType(sender, "send.failed")).length === 2);
  expect((await a?.ask([["turns"]]))?.gave).toBe("wrong-state");
});

test("a child that failed before its group was stopped has failed, in its supervisor's chain too", async () => {
  const boss = await supervise({
    supervisor: { strategy: "one-for-all" },
    children: [{ name: "a" }, { name: "b" }],
  });
  const { a, b } = await up(boss, 2);
  const gate = new Gate();
  faults.peer = async ({ name, args }, go) => {
    const [told] = args as [{ child?: string }];
    if (name.endsWith(" notice") && told.child === b?.id) await gate.wait();
    return await go();
  };
  await b?.ask([["trap"]]);
  await gate.reached();
  await a?.ask([["trap"]]);
  await until(async () => (await exitsOf(boss, b)).length === 1);
  await quiet(boss);
  gate.open();
  await until(async () => (await b?.sql("SELECT * FROM notice"))?.length === 0);
  expect(await exitsOf(boss, b)).toEqual(["trap"]);
  expect((await b?.ask([["turns"]]))?.gave).toEqual([0]);
});

test("a notice that comes while the child is being stopped is not a second end", async () => {
  const boss = await supervise({
    supervisor: { strategy: "one-for-all" },
    children: [{ name: "a" }, { name: "b" }],
  });
  const { a, b } = await up(boss, 2);
  const gate = new Gate();
  faults.peer = async ({ name, args }, go) => {
    const [told] = args as [{ child?: string; what?: string }];
    if (name.endsWith(" notice") && told.child === b?.id) await gate.wait();
    const answered = await go();
    if (name === `${b?.id} obey` && told.what === "stop") {
      gate.open();
      await until(async () => (await exitsOf(boss, b)).length === 1);
    }
    return answered;
  };
  await b?.ask([["trap"]]);
  await gate.reached();
  await a?.ask([["trap"]]);
  await until(async () => (await exitsOf(boss, a)).length === 1);
  await quiet(boss);
  expect(await exitsOf(boss, b)).toEqual(["trap"]);
});

test("an order to start that comes twice starts once, and not at all behind the one to stop", async () => {
  const boss = await supervise({ children: [{ name: "a" }] });
  const { a } = await up(boss, 1);
  const start = {
    parent: boss.id,
    operation: "1",
    what: "start",
    from: "last-state",
    by: null,
    genesis: null,
  } as const;
  /** Gives orders while a turn keeps all of them waiting. */
  const during = async (orders: readonly { what: "start" | "stop"; incarnation: number }[]) => {
    const gate = new Gate();
    faults.guest = async (_, go) => {
      await gate.wait();
      return await go();
    };
    const asked = a?.ask([["turns"]]);
    await gate.reached();
    const obeyed = orders.map(async (order) => await a?.stub.obey({ ...start, ...order }));
    gate.open();
    for (const each of await Promise.all(obeyed)) expect(each).toMatchObject({ ok: true });
    await asked;
    faults.guest = undefined;
  };
  await during([
    { what: "start", incarnation: 90 },
    { what: "start", incarnation: 90 },
  ]);
  await during([
    { what: "stop", incarnation: 91 },
    { what: "start", incarnation: 91 },
  ]);
  const starts = ((await a?.events()) ?? []).filter(({ type }) => type === "actor.started");
  const attempts = starts.map(({ fields }) => fields["attempt"]);
  expect(attempts.filter((attempt) => attempt === 90)).toHaveLength(1);
  expect(attempts).not.toContain(91);
  expect((await a?.summary())?.status).toBe("stopped");
});

/** What the supervisor believes of its only child. */
async function viewOf(boss: Probe): Promise<Record<string, unknown> | undefined> {
  return must(await boss.stub.branch()).children.map((child) => ({ ...child }))[0];
}

const lastOf = async (actor: Probe | undefined, type: string): Promise<Told["fields"]> =>
  (await ofType(actor as Probe, type)).at(-1)?.fields ?? {};

test("what an operator does to a child its supervisor knows, and both chains say who it was", async () => {
  const boss = await supervise({ children: [{ name: "a" }] });
  const { a } = await up(boss, 1);
  await a?.ask([["turns"]]);
  expect(await a?.change("stop")).toBe("stopped");
  await until(async () => (await exitsOf(boss, a)).length === 1);
  await quiet(boss);
  expect(await viewOf(boss)).toMatchObject({ status: "stopped", lastExit: "stopped" });
  expect(await lastOf(boss, "supervision.decided")).toMatchObject({
    action: "stop",
    cause: { on: "exit", kind: "stopped", detail: "stop by tester" },
  });
  const again = async () => must(await theater.lifecycle(a?.id ?? "", "restart", "tester", "key"));
  const restarted = await again();
  expect(restarted.status).toBe("running");
  const decided = await lastOf(boss, "supervision.decided");
  expect(decided).toMatchObject({
    action: "restart",
    cause: { on: "restart-child", child: "a", by: "tester" },
    reason: '"a" was to be restarted by tester',
    steps: [{ do: "start", child: "a", by: "tester" }],
  });
  const { decision: attempt } = decided;
  expect(await lastOf(a, "actor.started")).toMatchObject({ by: "tester", attempt });
  const [started] = (await ofType(a as Probe, "actor.started")).slice(-1);
  expect(restarted.event).toEqual({ seq: started?.seq, cid: started?.cid });
  expect(await again()).toEqual(restarted); // a repetition
  expect(await viewOf(boss)).toMatchObject({ status: "running", incarnation: attempt });
  // It is supervised as before: started again when it fails, and stopped with its supervisor.
  await a?.ask([["trap"]]);
  await until(async () => (await exitsOf(boss, a)).length === 2);
  await quiet(boss);
  expect((await a?.ask([["turns"]]))?.gave).toEqual([1]);
  // A paused child is up: it is stopped with its supervisor, and comes back running.
  expect(await a?.change("pause")).toBe("paused");
  expect(await viewOf(boss)).toMatchObject({ status: "running" });
  await boss.change("stop");
  expect((await a?.summary())?.status).toBe("stopped");
  expect(await a?.change("restart")).toBe("wrong-state"); // its supervisor is down
  await boss.change("restart");
  await until(async () => (await a?.summary())?.status === "running");
});

test("a child that is terminated while it waits for its restart stays down", async () => {
  const backoff = { min_ms: 60_000, max_ms: 60_000, factor: 1, jitter: 0 };
  const boss = await supervise({ supervisor: { backoff }, children: [{ name: "a" }] });
  const { a } = await up(boss, 1);
  await a?.ask([["trap"]]);
  await until(async () => (await viewOf(boss))?.["status"] === "waiting");
  expect(await a?.change("terminate")).toBe("stopped");
  await until(async () => (await viewOf(boss))?.["status"] === "stopped");
  expect(await lastOf(boss, "supervision.decided")).toMatchObject({
    cause: { on: "stop-child", by: "tester" },
  });
  expect(await exitsOf(boss, a)).toEqual(["trap"]);
  await quiet(boss);
  expect((await a?.ask([["turns"]]))?.gave).toBe("wrong-state");
});

test("a start that was decided before its supervisor knew of an operator's stop does not undo it", async () => {
  for (const last of ["the notice", "the order"]) {
    const boss = await supervise({ children: [{ name: "a" }] });
    const { a } = await up(boss, 1);
    const [order, notice] = [new Gate(), new Gate()];
    faults.peer = async ({ name, args }, go) => {
      if (name === `${a?.id} obey`) await order.wait();
      const [told] = args as [{ kind?: string }];
      if (name === `${boss.id} notice` && told.kind === "stopped") await notice.wait();
      return await go();
    };
    await a?.ask([["trap"]]);
    await order.reached();
    expect(await a?.change("terminate")).toBe("stopped");
    await notice.reached();
    if (last === "the order") {
      notice.open();
      await until(async () => (await a?.sql("SELECT 1 FROM notice"))?.length === 0);
      order.open();
    } else {
      order.open();
      await until(async () => (await viewOf(boss))?.["status"] === "stopped");
      notice.open();
    }
    await until(async () => (await viewOf(boss))?.["status"] === "stopped");
    await until(async () => (await a?.sql("SELECT 1 FROM notice"))?.length === 0);
    await quiet(boss);
    expect((await a?.summary())?.status).toBe("stopped");
    expect(await ofType(a as Probe, "actor.started")).toHaveLength(1);
    clearFaults();
    expect(await a?.change("restart")).toBe("running");
    expect(await viewOf(boss)).toMatchObject({ status: "running" });
  }
});

test("a child that its supervisor has forgotten is not started by an operator behind its back", async () => {
  const boss = await supervise({ children: [{ name: "a", restart: "temporary" }] });
  const { a } = await up(boss, 1);
  await a?.change("stop");
  await until(async () => (await exitsOf(boss, a)).length === 1);
  await quiet(boss);
  expect(await a?.change("restart")).toBe("wrong-state");
  expect((await a?.summary())?.status).toBe("stopped");
  // Under a parent that keeps no children there is nobody to ask.
  const plain = await start();
  const child = await start({ parent: plain.id });
  await child.change("stop");
  expect(await child.change("restart")).toBe("running");
});

/** From now on the object of the actor answers nothing, or all but orders. */
function silence(actor: Probe | undefined, but = ""): Gate {
  const gate = new Gate();
  faults.peer = async ({ name }, go) => {
    const [id, method] = name.split(" ");
    if (id === actor?.id && method !== but) await gate.wait();
    return await go();
  };
  return gate;
}

test("a child whose object answers nothing is given up, on record, and is killed when it is back", async () => {
  settings.UNREACHABLE_MS = "400";
  for (const shutdown of [100, "infinity"]) {
    const boss = await supervise({ children: [{ name: "a", shutdown }, { name: "b" }] });
    const { a, b } = await up(boss, 2);
    const gate = silence(a);
    expect(await boss.change("stop")).toBe("stopped");
    expect((await b?.summary())?.status).toBe("stopped");
    const ended = (await ofType(boss, "child.exited")).map(({ fields }) => fields);
    expect(ended).toMatchObject([
      { child: b?.id, reason: "shutdown" },
      { child: a?.id, reason: "unreachable", head: null, size: 0 },
    ]);
    await boss.crash(); // what is owed is on disk
    clearFaults();
    gate.open();
    await until(async () => {
      await boss.alarm().catch(() => false);
      return (await boss.sql("SELECT 1 FROM owed_kill")).length === 0;
    });
    expect((await a?.summary())?.status).toBe("stopped");
    const last = await lastOf(boss, "child.exited");
    expect(last).toMatchObject({ child: a?.id, reason: "shutdown" });
    expect(last["size"]).toBe(await a?.nextSeq());
    expect(await boss.change("restart")).toBe("running");
    await until(async () => (await a?.summary())?.status === "running");
  }
});

test("infinity is infinity for a child whose object is there", async () => {
  settings.UNREACHABLE_MS = "200";
  const boss = await supervise({ children: [{ name: "a", shutdown: "infinity" }] });
  const { a } = await up(boss, 1);
  let asked = 0;
  const gate = silence(a, "isBorn");
  const { peer } = faults;
  faults.peer = (call, go) => {
    if (call.name === `${a?.id} isBorn`) asked++;
    return peer?.(call, go);
  };
  const stopping = boss.change("stop");
  const look = async (): Promise<boolean> => {
    await boss.alarm().catch(() => false);
    return asked >= 4; // each after 100 ms of silence
  };
  await until(look);
  expect(await exitsOf(boss, a)).toEqual([]);
  expect((await boss.summary()).status).toBe("running");
  gate.open();
  expect(await stopping).toBe("stopped");
  expect(await exitsOf(boss, a)).toEqual(["shutdown"]);
});

test("a supervisor that outlives its time is killed with all below it, whatever time they had", async () => {
  const deep = `[[child]]\nname = "deep"\nmanifest = "${await childManifest()}"\nshutdown = "infinity"`;
  const manifest = await childManifest({}, deep);
  for (const how of ["stop", "terminate"] as const) {
    const boss = await supervise({ children: [{ name: "a", manifest, shutdown: 100 }] });
    const { a } = await up(boss, 1);
    const below = await up(a as Probe, 1);
    const gate = new Gate();
    faults.guest = async (_, go) => {
      await gate.wait();
      return await go();
    };
    const stuck = below["deep"]?.ask([["turns"]]);
    await gate.reached();
    expect(await boss.change(how)).toBe("stopped");
    expect((await stuck)?.gave).toBe("too-slow");
    expect(await below["deep"]?.lines()).toContain("turn.failed cut/terminated 2");
    expect((await below["deep"]?.summary())?.status).toBe("stopped");
    expect(await exitsOf(a as Probe, below["deep"])).toEqual(["shutdown"]);
    gate.open();
    clearFaults();
  }
});
