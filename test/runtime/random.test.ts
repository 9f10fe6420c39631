// Randomness: recorded, limited, and where the manifest gives a seed the same for every actor of it.

import { expect, test } from "vitest";
import { call, gave, startTools, tools } from "./tools.ts";

const DRAW = [["random-bytes", 8], ["random-range", 0, 1_000_000], ["random-float"], ["uuid"]];

test("each function answers in its range and form, and is recorded with what it gave", async () => {
  const actor = await tools();
  const [bytes, number, float, uuid] = await gave(actor, ...DRAW);
  expect(bytes).toHaveLength(8);
  expect(number).toBeLessThan(1_000_000);
  expect(float).toBeGreaterThanOrEqual(0);
  expect(float).toBeLessThan(1);
  expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(await call(actor, "random-bytes")).toMatchObject({
    args: [8],
    outcome: "returned",
    result: { ok: Uint8Array.from(bytes as number[]) },
  });
  expect(await call(actor, "generate-uuid")).toMatchObject({ result: { ok: uuid } });
});

test("two actors with one seed draw the same in the same turn, and something else in the next", async () => {
  const [one, two] = [
    await tools({ random: { seed: 42 } }),
    await tools({ random: { seed: "42" } }),
  ];
  const first = await gave(one, ...DRAW);
  expect(await gave(two, ...DRAW)).toEqual(first);
  const next = await gave(one, ...DRAW);
  expect(next).not.toEqual(first);
  await two.evict();
  expect(await gave(two, ...DRAW)).toEqual(next);
});

test("another seed, and no seed, draw something else", async () => {
  const first = await gave(await tools({ random: { seed: 42 } }), ...DRAW);
  expect(await gave(await tools({ random: { seed: 43 } }), ...DRAW)).not.toEqual(first);
  expect(await gave(await tools(), ...DRAW)).not.toEqual(await gave(await tools(), ...DRAW));
});

test("max_bytes and max_int hold, and a denial is recorded", async () => {
  const actor = await tools({ random: { max_bytes: 4, max_int: 10 } });
  const answers = await gave(
    actor,
    ["random-bytes", 4],
    ["random-range", 0, 10],
    ["random-bytes", 5],
    ["random-range", 0, 11],
  );
  expect(answers.slice(2)).toEqual([
    "err: Permission denied: at most 4 random bytes in one call",
    "err: Permission denied: numbers above 10",
  ]);
  expect(await call(actor, "random-bytes")).toMatchObject({ outcome: "denied" });
  expect(await call(actor, "random-range")).toMatchObject({ outcome: "denied" });
});

test("an empty range is an error", async () => {
  const [answer] = await gave(await tools(), ["random-range", 5, 5]);
  expect(answer).toMatch(/^err: the range is empty/);
});

test.for([{ seed: "" }, { seed: -1 }, { seed: 1.5 }, { seed: "x".repeat(65) }, { max_bytes: -1 }])(
  "a manifest with %j is refused",
  async (random) => {
    expect(await startTools({ random })).toMatchObject({
      ok: false,
      error: { code: "bad-manifest" },
    });
  },
);
