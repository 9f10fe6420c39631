// What operators do to supervised actors, and children and supervisors that answer no order: their supervisors know,
// and both chains say who it was.

import { afterEach, expect, test } from "vitest";
import { clearFaults, faults, settings } from "./faults.ts";
import { Gate, must, Probe, start, theater, until, type Told } from "./stage.ts";
import { childManifest, supervise, up, quiet, ofType, exitsOf } from "./supervised.ts";

afterEach(() => {
  clearFaults();
  delete settings.UNREACHABLE_MS;
});

test("a stop from outside leaves the child down, and its supervisor knows", async () => {
  const boss = await supervise({ children: [{ name: "a" }] });
  const { a } = await up(boss, 1);
  await a?.change("stop");
  await until(async () => (await ofType(boss, "child.exited")).length === 1);
  await quiet(boss);
  expect((await a?.summary())?.status).toBe("stopped");
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
