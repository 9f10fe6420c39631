// Supervision on real objects: children start with their supervisor, failures are decided about and
// repaired, and both chains say the same. The policy itself is tested in test/supervision.

import { afterEach, expect, test } from "vitest";
import { clearFaults, faults, settings } from "./faults.ts";
import { Gate, must, start, theater, until } from "./stage.ts";
import { supervise, up, quiet, ofType, exitsOf } from "./supervised.ts";

afterEach(() => {
  clearFaults();
  delete settings.UNREACHABLE_MS;
});

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
