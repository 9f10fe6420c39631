// Random trees of supervisors under random trouble: src/supervision against an OTP supervisor simulated as
// processes with mailboxes (otp-process.ts), and against what must hold for every plan.

import fc from "fast-check";
import { expect, test } from "vitest";
import type { Step } from "../../src/supervision/plan.ts";
import { NO_BACKOFF, type Backoff } from "../../src/supervision/spec.ts";
import { Driver, type Decided } from "./driver.ts";
import { runReference } from "./otp-process.ts";
import { script } from "./scripts.ts";
import { ROOT } from "./world.ts";

const TIMEOUT = { timeout: 120_000 };

test("a tree does what OTP's would, start by start and stop by stop", TIMEOUT, () => {
  fc.assert(
    fc.property(script, (each) => {
      const driver = new Driver(each);
      driver.run();
      expect(driver.world.log).toEqual(runReference(each));
    }),
    { numRuns: 3_000 },
  );
});

const backoff: fc.Arbitrary<Backoff> = fc.constantFrom(
  NO_BACKOFF,
  { minMs: 1, maxMs: 40, factor: 2, jitter: 0 },
  { minMs: 60, maxMs: 4_000, factor: 3, jitter: 0.5 },
);

test("what must hold for every decision holds, with and without back-off", TIMEOUT, () => {
  fc.assert(
    fc.property(script, backoff, (each, delays) => {
      const driver = new Driver(each, delays);
      driver.run();
      for (const decided of driver.decided) {
        staysInScope(decided);
        isInOrder(decided);
      }
      neverMoreThanTheIntensity(driver.decided);
      driver.rest();
      expect(believedToRun(driver)).toEqual(running(driver));
    }),
    { numRuns: 1_500 },
  );
});

test("the same happenings lead to the same decisions", TIMEOUT, () => {
  fc.assert(
    fc.property(script, backoff, (each, delays) => {
      const [one, two] = [new Driver(each, delays), new Driver(each, delays)];
      one.run();
      two.run();
      expect(one.decided).toEqual(two.decided);
    }),
    { numRuns: 200 },
  );
});

const childrenOf = (step: Step): string[] => {
  if (step.do === "end") return [];
  return step.do === "start" ? [step.child] : step.targets.map(({ child }) => child);
};

/**
 * A restart after a failure touches nobody whom the strategy does not tie to the failed child; it may take
 * over starts that were decided already.
 */
function staysInScope({ spec, before, decision }: Decided): void {
  const { trigger, plan, verdict } = decision;
  if (verdict !== "restart" || plan === null) return;
  if (trigger.on !== "exit" && trigger.on !== "start-failed") return;
  const order = before.children.map((child) => child.spec.id);
  const scope = {
    "one-for-one": [trigger.child],
    "simple-one-for-one": [trigger.child],
    "rest-for-one": order.slice(order.indexOf(trigger.child)),
    "one-for-all": order,
  }[spec.strategy];
  const waiting = before.children.filter(({ state }) => state === "waiting");
  const decided = new Set(waiting.map((child) => child.spec.id));
  const fresh = plan.steps.filter((step) => step.do !== "start" || !decided.has(step.child));
  expect(scope).toEqual(expect.arrayContaining(fresh.flatMap(childrenOf)));
}

/** Stops come first and against the order of the list, starts after them and along it. */
function isInOrder({ before, decision }: Decided): void {
  const { plan } = decision;
  if (plan === null || decision.absorbs.length > 0) return;
  const order = before.children.map((child) => child.spec.id);
  const place = (step: Step): number => order.indexOf(childrenOf(step)[0] ?? "");
  const stops = plan.steps.filter((step) => step.do === "stop");
  const starts = plan.steps.filter((step) => step.do === "start");
  const ends = plan.steps.filter((step) => step.do === "end");
  expect(plan.steps).toEqual([...stops, ...starts, ...ends]);
  if (decision.verdict === "boot") return; // its list is the manifest's, and may be longer than before
  expect(stops.map(place)).toEqual(stops.map(place).sort((a, b) => b - a));
  expect(starts.map(place)).toEqual(starts.map(place).sort((a, b) => a - b));
}

/** In no span of a period are more than `intensity` restarts admitted; the window is new after a boot. */
function neverMoreThanTheIntensity(all: readonly Decided[]): void {
  const admitted = new Map<string, number[]>();
  for (const { path, spec, decision, nowMs } of all) {
    if (decision.verdict === "boot") admitted.set(path, []);
    if (!decision.counted) continue;
    const times = [...(admitted.get(path) ?? []), nowMs];
    admitted.set(path, times);
    const span = times.filter((at) => at >= nowMs - spec.periodMs);
    expect(span.length).toBeLessThanOrEqual(spec.intensity);
  }
}

/** What the supervisors believe to run, where nothing is left for them to do. */
function believedToRun({ places }: Driver): string[] {
  const believed: string[] = [];
  for (const [path, { supervisor }] of places) {
    expect(supervisor).toMatchObject({ plans: [], queue: [] });
    expect(supervisor.phase).not.toBe("ending");
    for (const { spec, alive, state } of supervisor.children) {
      expect(state).not.toBe("waiting");
      expect(state).not.toBe("restarting");
      const child = `${path}/${spec.id}`;
      expect([alive !== null, state === "running"]).toEqual(Array(2).fill(state === "running"));
      if (alive !== null) believed.push(child);
    }
  }
  return believed.sort();
}

function running({ places, world }: Driver): string[] {
  const supervisors = [...places]
    .filter(([path, { supervisor }]) => path !== ROOT && supervisor.phase === "up")
    .map(([path]) => path);
  return [...world.workers(), ...supervisors].sort();
}
