// Upgrades on the real runtime: another version comes into force between two turns, if the history would have been
// the same with it; and whatever happens on the way, the old one runs or the new one.

import { afterEach, expect, test } from "vitest";
import { clearFaults } from "./faults.ts";
import { must, theater, type Probe } from "./stage.ts";
import { counting, migrating, say, upgrade, version } from "./versions.ts";

afterEach(clearFaults);

const replay = async (actor: Probe) => must(await theater.replay(actor.id, null));

test("a version that would have done the same comes into force, and the chain says from where on", async () => {
  const actor = await counting();
  await say(actor, "one");
  await say(actor, "special");
  const component = await version("same");
  const report = must(await upgrade(actor, component));
  expect(report).toMatchObject({
    component,
    status: "upgraded",
    rehearsal: { from: 0, verdict: "agreed", turns: { agreed: 3, cut: 0, erased: 0 } },
    accepted: null,
  });
  const [upgraded] = await actor.events(report.event?.seq);
  expect(upgraded).toMatchObject({
    type: "actor.upgraded",
    turn: 0,
    fields: { by: "tester", rehearsal: { from: 0, to: (report.event?.seq ?? 0) - 1 } },
  });
  expect(await say(actor, "three")).toBe("answer 3");
  expect((await actor.summary()).component).toBe(component);
  expect(await replay(actor)).toMatchObject({ verdict: "verified", turns: { agreed: 4 } });
});

test("a version that would have done something else is refused, with both sides of the first difference", async () => {
  const actor = await counting();
  await say(actor, "one");
  await say(actor, "special");
  const end = (await actor.nextSeq()) - 1;
  await say(actor, "three");
  const before = await actor.nextSeq();
  const answer = await upgrade(actor, await version("other"));
  expect(answer).toMatchObject({
    ok: false,
    error: {
      code: "rehearsal-differs",
      evidence: {
        difference: {
          seq: end,
          turn: 3,
          likely: "component-differs",
          expected: { type: "turn.committed" },
          found: { type: "turn.committed" },
        },
      },
    },
  });
  expect(await actor.nextSeq()).toBe(before);
  expect((await actor.summary()).component).toBe(await version("plain"));
  expect(await say(actor, "special")).toBe("answer 4");
});
