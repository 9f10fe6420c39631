// The search for deadlocks, on random graphs of waits that change while it looks.

import fc from "fast-check";
import { expect, test } from "vitest";
import { findCycle, isVictim, type Edge, type Wait } from "../../src/runtime/mail/wait-cycle.ts";

/** For whom each actor waits, under ids that never come again. */
class World {
  #next = 0;
  readonly edges = new Map<string, Edge>();
  /** What was true at each moment, as the ids of all waits. */
  readonly history: ReadonlySet<string>[] = [];

  wait(from: string, to: string): void {
    if (from !== to) this.edges.set(from, { to, callId: `${from}/${this.#next++}` });
    this.#note();
  }

  answer(from: string): void {
    this.edges.delete(from);
    this.#note();
  }

  #note(): void {
    this.history.push(new Set([...this.edges.values()].map(({ callId }) => callId)));
  }

  /** As an actor answers: it waits, and has the request because the one who asked still waits. */
  ask(actor: string, callId: string): Wait | null {
    const edge = this.edges.get(actor);
    const isHeld = [...this.edges.values()].some(
      (each) => each.callId === callId && each.to === actor,
    );
    return edge === undefined || !isHeld ? null : { ...edge, queuedMs: 0 };
  }
}

const ACTORS = 6;
const actor = fc.integer({ min: 0, max: ACTORS - 1 }).map(String);
const change = fc.record({ from: actor, to: fc.option(actor) });
const changes = fc.array(change, { maxLength: 12 });

function apply(world: World, made: readonly { from: string; to: string | null }[]): void {
  for (const { from, to } of made) {
    if (to === null) world.answer(from);
    else world.wait(from, to);
  }
}

test("what it finds was there, all of it, at one moment", async () => {
  let found = 0;
  await fc.assert(
    fc.asyncProperty(
      changes,
      fc.array(fc.array(change, { maxLength: 2 }), { maxLength: 20 }),
      async (before, during) => {
        const world = new World();
        apply(world, before);
        const first = world.edges.get("0");
        if (first === undefined) return;
        const steps = during.values();
        const cycle = await findCycle("0", first, (id, callId) => {
          const answer = world.ask(id, callId);
          apply(world, steps.next().value ?? []);
          return Promise.resolve(answer);
        });
        if (cycle === null) return;
        found++;
        const ids = [first.callId, ...cycle.hops.map((hop) => hop.callId)];
        const isTrue = world.history.some((moment) => ids.every((id) => moment.has(id)));
        expect({ isTrue, ids }).toEqual({ isTrue: true, ids });
      },
    ),
    { numRuns: 5_000 },
  );
  expect(found).toBeGreaterThan(50);
});

test("where nothing changes, it finds the cycle that there is, and no other", async () => {
  let [cycles, others] = [0, 0];
  await fc.assert(
    fc.asyncProperty(changes, async (before) => {
      const world = new World();
      apply(world, before);
      const first = world.edges.get("0");
      if (first === undefined) return;
      let at: string | undefined = first.to;
      for (let n = 0; n < ACTORS && at !== "0" && at !== undefined; n++) {
        at = world.edges.get(at)?.to;
      }
      const cycle = await findCycle("0", first, (id, callId) =>
        Promise.resolve(world.ask(id, callId)),
      );
      expect(cycle !== null).toBe(at === "0");
      if (cycle === null) others++;
      else cycles++;
    }),
    { numRuns: 2_000 },
  );
  expect(Math.min(cycles, others)).toBeGreaterThan(50);
});

test("everybody on a cycle names the same victim, whoever looks", () => {
  const times = fc.array(fc.option(fc.nat(3)), { minLength: 2, maxLength: 8 });
  fc.assert(
    fc.property(
      times.filter((all) => all.some((ms) => ms !== null)),
      (all) => {
        const hops = all.map((queuedMs, index) => ({
          actor: String(index),
          to: "",
          callId: "",
          queuedMs,
        }));
        const victims = hops.filter(({ actor: origin, queuedMs }) => {
          const cycle = { hops: hops.filter((hop) => hop.actor !== origin), callId: "" };
          return queuedMs !== null && isVictim(origin, queuedMs, cycle);
        });
        expect(victims).toHaveLength(1);
      },
    ),
  );
});

test("it ends on a way without end", async () => {
  let asked = 0;
  const endless = (id: string): Promise<Wait> => {
    asked++;
    return Promise.resolve({ to: `${id}x`, callId: id, queuedMs: 0 });
  };
  expect(await findCycle("0", { to: "1", callId: "0" }, endless)).toBeNull();
  expect(asked).toBe(32);
});
