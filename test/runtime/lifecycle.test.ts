// What operators do to an actor's life, and what its supervisor makes of that; orders to objects that never answer.

import { afterEach, expect, test } from "vitest";
import { clearFaults, faults, settings } from "./faults.ts";
import { Gate, must, Probe, probeComponent, start, theater, until } from "./stage.ts";

afterEach(() => {
  clearFaults();
  delete settings.UNREACHABLE_MS;
});

const HANDLERS = ["runtime", "message-server", "store", "timing", "random", "timers"];

const probeManifest = async (): Promise<{ component: string; handler: { type: string }[] }> => ({
  component: await probeComponent(),
  handler: HANDLERS.map((type) => ({ type })),
});

/** A supervisor with the child "a" of its manifest, both up; `supervisor`: more of its table. */
async function family(supervisor: Record<string, unknown> = {}): Promise<[Probe, Probe]> {
  const handlers = HANDLERS.map((type) => `[[handler]]\ntype = "${type}"\n`).join("");
  const component = await probeComponent();
  const text = `name = "worker"\nversion = "1"\ncomponent = "${component}"\n${handlers}`;
  const stored = await theater.putContent("manifests", new TextEncoder().encode(text), null);
  const manifest = {
    name: "boss",
    version: "1",
    ...(await probeManifest()),
    supervisor: { intensity: 10, period_ms: 60_000, ...supervisor },
    child: [{ name: "a", manifest: must(stored).digest }],
  };
  const given = { manifest, initState: null, parent: null, principal: "tester" };
  const boss = new Probe(must(await theater.start(given)).id);
  await until(async () => (await boss.sql("SELECT 1 FROM child WHERE born = 1")).length === 1);
  const [row] = await boss.sql("SELECT actor FROM child");
  await quiet(boss);
  return [boss, new Probe(row?.["actor"] as string)];
}

/** Waits until the supervisor has nothing under way. */
async function quiet(boss: Probe): Promise<void> {
  await until(async () => {
    const [row] = await boss.sql("SELECT state FROM supervisor");
    const { plans, queue } = JSON.parse(row?.["state"] as string) as { plans: []; queue: [] };
    return plans.length === 0 && queue.length === 0;
  });
}

const childrenOf = async (boss: Probe): Promise<(string | null)[]> =>
  must(await theater.tree(boss.id)).children.map(({ id }) => id);

test("a deleted actor is a tombstone: nothing brings it back, and its chain stays", async () => {
  const actor = await start();
  await actor.ask([["turns"]]);
  expect(await actor.change("delete")).toBe("wrong-state"); // stop it first
  await actor.change("stop");
  expect(await actor.change("delete")).toBe("deleted");
  expect(await actor.change("restart")).toBe("wrong-state");
  expect(await actor.change("delete")).toBe("wrong-state");
  expect((await actor.ask([["turns"]])).gave).toBe("wrong-state");
  expect(await actor.tell([["turns"]])).toBe("wrong-state");
  await actor.crash();
  expect((await actor.summary()).status).toBe("deleted");
  const last = (await actor.events()).at(-1);
  expect(last).toMatchObject({ type: "actor.stopped", fields: { reason: "delete", by: "tester" } });
  expect(must(await theater.verify(actor.id)).verdict).toBe("verified");
  const listed = must(
    await theater.list({ status: "deleted", parent: null, cursor: null, limit: 1000 }),
  );
  expect(listed.actors.map(({ id }) => id)).toContain(actor.id);
});

test("a life that ends behind its line in the directory leaves no other line for the newest", async () => {
  const actor = await start();
  const isListed = async (status: string): Promise<boolean> => {
    const query = { status, parent: null, cursor: null, limit: 1000 };
    return must(await theater.list(query)).actors.some(({ id }) => id === actor.id);
  };
  await actor.ask([["turns"]]); // notes that the directory shows it as running
  await actor.change("stop");
  expect(await isListed("stopped")).toBe(true);
  await actor.crash();
  await actor.change("restart");
  expect(await isListed("stopped")).toBe(false);
  expect(await isListed("running")).toBe(true);
});

test("a child that an operator deletes leaves its supervisor's list, whatever that does meanwhile", async () => {
  const [boss, named] = await family({ spawned: { restart: "permanent" } });
  const manifest = { name: "worker", version: "1", ...(await probeManifest()) };
  const given = { manifest, initState: null, parent: boss.id, principal: "tester" };
  const one = new Probe(must(await theater.start(given)).id);
  const other = new Probe(must(await theater.start(given)).id);
  await one.change("stop");
  await until(async () => (await boss.lines()).includes("child.exited 0"));
  expect(await childrenOf(boss)).toContain(one.id); // it may be started again
  expect(await one.change("delete")).toBe("deleted");
  await until(async () => !(await childrenOf(boss)).includes(one.id));
  const decided = (await boss.events()).findLast(({ type }) => type === "supervision.decided");
  const { seq } = (await one.summary()).head;
  expect(decided?.fields).toMatchObject({
    action: "delete",
    cause: { on: "delete-child", child: one.id, by: "tester", evidence: { seq } },
  });
  expect(await boss.sql(`SELECT 1 FROM child WHERE actor = '${one.id}'`)).toEqual([]);
  // While its supervisor is down; the next beginning starts those that are left.
  await boss.change("stop");
  expect(await other.change("delete")).toBe("deleted");
  expect(await named.change("delete")).toBe("deleted");
  await until(async () => (await childrenOf(boss)).length === 0);
  expect(await boss.change("restart")).toBe("running");
  await until(async () => (await boss.sql("SELECT 1 FROM child WHERE born = 1")).length === 1);
  await quiet(boss);
  const [anew] = await childrenOf(boss);
  expect(anew).not.toBe(named.id); // of the manifest: there is one, as another actor
  expect((await boss.summary()).status).toBe("running");
  expect((await new Probe(anew ?? "").ask([["turns"]])).gave).toEqual([0]);
  expect(must(await theater.verify(boss.id)).verdict).toBe("verified");
  expect(must(await theater.replay(boss.id, null)).verdict).toBe("verified");
});

test("a child that is deleted while it waits for its restart is not started any more", async () => {
  const backoff = { min_ms: 60_000, max_ms: 60_000, factor: 1, jitter: 0 };
  const [boss, child] = await family({ backoff });
  await child.ask([["trap"]]);
  await until(async () => (await boss.lines()).includes("child.exited 0"));
  expect(await child.change("delete")).toBe("deleted");
  await until(async () => (await childrenOf(boss)).length === 0);
  await quiet(boss);
  expect((await boss.summary()).status).toBe("running");
});

test("a pause is answered at once; the turn that runs goes on to its end, and none begins behind it", async () => {
  const [actor, peer] = [await start(), await start()];
  const gate = new Gate();
  faults.guest = async (_, go) => {
    await gate.wait();
    return await go();
  };
  const running = actor.ask([["send", peer.id, [["echo", "said"]]]]);
  await gate.reached();
  const pauses = ["first", "first"].map((key) => actor.change("pause", key));
  expect(await Promise.all(pauses)).toEqual(["paused", "paused"]);
  expect((await actor.lines()).filter((line) => line === "actor.paused 0")).toHaveLength(1);
  await actor.tell([["echo", "behind"]]);
  gate.open();
  expect((await running).gave).toHaveLength(1);
  const lines = await actor.lines();
  expect(lines.filter((line) => line.startsWith("turn."))).toEqual([
    "turn.committed 1",
    "turn.committed 2",
  ]);
  await actor.alarm();
  expect(await actor.lines()).toEqual(lines);
  expect(await actor.change("resume")).toBe("running");
  await actor.quiet();
  expect((await actor.lines()).at(-1)).toBe("turn.committed 3");
});

/** From now on the actor's supervisor hears nothing from its object: what that is asked arrives once the gate is open. */
function silence(actor: Probe): Gate {
  const gate = new Gate();
  faults.peer = async ({ name }, go) => {
    const [id, method = ""] = name.split(" ");
    if (id === actor.id && ["create", "obey", "isBorn"].includes(method)) await gate.wait();
    return await go();
  };
  return gate;
}

/** Runs the supervisor's alarm until this holds. */
const working = (boss: Probe, holds: () => Promise<boolean>): Promise<void> =>
  until(async () => {
    await boss.alarm().catch(() => false);
    return await holds();
  });

const causesOf = async (boss: Probe): Promise<Record<string, unknown>[]> =>
  (await boss.events())
    .filter(({ type }) => type === "supervision.decided")
    .map(({ fields }) => fields["cause"] as Record<string, unknown>);

test("a start that nobody answers has failed, on record: a supervisor gives up, and its child is owed a kill", async () => {
  settings.UNREACHABLE_MS = "300";
  const [boss, child] = await family({ intensity: 1 });
  const gate = silence(child);
  await child.ask([["trap"]]);
  await working(boss, async () => (await boss.summary()).status === "failed");
  const failed = (await causesOf(boss)).find(({ on }) => on === "start-failed");
  expect(failed).toMatchObject({ child: "a", kind: "host", incarnation: 2 });
  expect(String(failed?.["detail"])).toMatch(
    /^unreachable: its object has not answered for 300 ms/,
  );
  expect(await boss.sql("SELECT actor, incarnation FROM owed_kill")).toEqual([
    { actor: child.id, incarnation: 2 },
  ]);
  await boss.crash(); // what is owed is on disk
  gate.open(); // the order to start arrives, and so does the kill: in whatever order
  clearFaults();
  await working(boss, async () => (await boss.sql("SELECT 1 FROM owed_kill")).length === 0);
  await child.ask([["turns"]]);
  expect(["failed", "stopped"]).toContain((await child.summary()).status);
  expect(must(await theater.verify(boss.id)).verdict).toBe("verified");
});

test("a start that comes after one that was given up is obeyed, and nobody is killed for the old one", async () => {
  settings.UNREACHABLE_MS = "300";
  const [boss, child] = await family();
  const gate = silence(child);
  await child.ask([["trap"]]);
  await working(boss, async () => (await causesOf(boss)).some(({ on }) => on === "start-failed"));
  gate.open();
  clearFaults();
  await working(boss, async () => (await child.summary()).status === "running");
  await quiet(boss);
  await working(boss, async () => (await boss.sql("SELECT 1 FROM owed_kill")).length === 0);
  expect((await child.ask([["turns"]])).gave).toEqual([0]);
  expect((await child.lines()).filter((line) => line === "actor.stopped 0")).toHaveLength(1);
  // Two where the kill that was owed is answered before the later start: then what was given up has ended, on record.
  const exits = (await boss.lines()).filter((line) => line === "child.exited 0");
  expect([1, 2]).toContain(exits.length);
});

test("a start that takes its time is waited for, where its object is there", async () => {
  settings.UNREACHABLE_MS = "200";
  const [boss, child] = await family();
  let asked = 0;
  const gate = new Gate();
  faults.peer = async ({ name }, go) => {
    if (name === `${child.id} isBorn`) asked++;
    if (name === `${child.id} obey`) await gate.wait();
    return await go();
  };
  await child.ask([["trap"]]);
  await working(boss, () => Promise.resolve(asked >= 4)); // each after 100 ms of silence
  expect((await causesOf(boss)).map(({ on }) => on)).toEqual(["boot", "exit"]);
  gate.open();
  await working(boss, async () => (await child.summary()).status === "running");
});
