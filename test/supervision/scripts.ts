// Random trees and random trouble, for the model test.

import fc from "fast-check";
import { AUTO_SHUTDOWNS, RESTARTS, type ExitKind } from "../../src/supervision/spec.ts";
import type { Happening, Node, Script, SupNode } from "./world.ts";

const DEPTH_MAX = 2;
const KINDS: readonly ExitKind[] = [
  "normal",
  "shutdown",
  "trap",
  "limit",
  "host",
  "cut",
  "crash-loop",
];

const pick = fc.nat({ max: 1_000 });

function supervisor(depth: number): fc.Arbitrary<SupNode> {
  const flags = fc.record({
    strategy: fc.constantFrom(
      "one-for-one" as const,
      "one-for-all" as const,
      "rest-for-one" as const,
    ),
    intensity: fc.nat({ max: 4 }),
    periodMs: fc.constantFrom(1, 100, 5_000),
    autoShutdown: fc.constantFrom(...AUTO_SHUTDOWNS),
    children: fc.array(child(depth), { maxLength: 4 }),
  });
  const simple = fc
    .record({ intensity: fc.nat({ max: 4 }), periodMs: fc.constantFrom(100, 5_000) })
    .map((some) => ({
      ...some,
      strategy: "simple-one-for-one" as const,
      autoShutdown: "never" as const,
      children: [],
    }));
  const named = flags.map((node) => ({
    ...node,
    children: node.children.map((each, index) => ({
      ...each,
      name: `c${index}`,
      significant:
        each.significant && node.autoShutdown !== "never" && each.restart !== "permanent",
    })),
  }));
  return fc.oneof({ arbitrary: named, weight: 5 }, { arbitrary: simple, weight: 1 });
}

function child(depth: number): fc.Arbitrary<Node> {
  return fc.record({
    name: fc.constant(""),
    restart: fc.constantFrom(...RESTARTS),
    significant: fc.boolean(),
    sup: depth >= DEPTH_MAX ? fc.constant(null) : fc.option(supervisor(depth + 1), { freq: 2 }),
  });
}

const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("crash" as const),
      pick,
      kind: fc.constantFrom(...KINDS),
    }),
  },
  {
    weight: 3,
    // 100 and 5,000 are periods: exactly a period later a restart still counts.
    arbitrary: fc.record({
      do: fc.constant("pass" as const),
      ms: fc.constantFrom(1, 50, 99, 100, 101, 5_000, 5_001),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom("stop-child" as const, "restart-child" as const, "delete-child" as const),
      pick,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("spawn" as const),
      pick,
      restart: fc.constantFrom(...RESTARTS),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: "boot" as const }) },
);

export const script: fc.Arbitrary<Script> = fc.record({
  root: supervisor(0),
  happenings: fc.array(happening, { maxLength: 25 }),
  failingStarts: fc.uniqueArray(fc.nat({ max: 60 }), { maxLength: 8 }),
  crashesMeanwhile: fc.array(fc.record({ action: fc.nat({ max: 80 }), pick }), { maxLength: 8 }),
});
