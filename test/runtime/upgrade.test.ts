// Upgrades on the real runtime: another version comes into force between two turns, if the history would have been
// the same with it; and whatever happens on the way, the old one runs or the new one.

import { afterEach, expect, test } from "vitest";
import { exported, replayExported } from "./exported-chain.ts";
import { clearFaults, faults } from "./faults.ts";
import { Gate, must, Probe, theater, until } from "./stage.ts";
import { counting, manifestOf, migrating, say, upgrade, version } from "./versions.ts";

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

test("a difference that is accepted is recorded with who, why and where", async () => {
  const actor = await counting();
  await say(actor, "special");
  const { head } = await actor.summary();
  must(await upgrade(actor, await version("same")));
  // Refused twice: where a rehearsal stopped, the next one does not go on behind.
  const other = await version("other");
  const differs = { ok: false, error: { code: "rehearsal-differs" } };
  expect(await upgrade(actor, other)).toMatchObject(differs);
  expect(await upgrade(actor, other)).toMatchObject(differs);
  const report = must(await upgrade(actor, other, { accept: "new wording" }));
  const accepted = { by: "tester", reason: "new wording", seq: head.seq };
  expect(report).toMatchObject({ status: "upgraded", accepted });
  const [upgraded] = await actor.events(report.event?.seq);
  expect(upgraded?.fields).toMatchObject({
    accepted,
    rehearsal: { from: 0, to: head.seq, verdict: "diverged", turns: { agreed: 1 } },
  });
  expect(await say(actor, "special")).toBe("differs 2");
  expect(await replay(actor)).toMatchObject({ verdict: "verified", turns: { agreed: 3 } });
});

test("a rehearsal begins where it is told to, at the beginning of that turn", async () => {
  const actor = await counting();
  await say(actor, "special");
  const first = await actor.nextSeq();
  await say(actor, "two");
  // The message, the log and the end: all three are of one turn.
  const report = must(await upgrade(actor, await version("other"), { from: first + 1 }));
  expect(report.rehearsal).toMatchObject({ from: first, to: first + 2, turns: { agreed: 1 } });
});

test("the state is migrated in the same step, and a replay makes the same of it", async () => {
  const actor = await counting();
  for (const text of ["one", "refuse", "special", "look"]) await say(actor, text);
  const report = must(await upgrade(actor, await migrating("count")));
  expect(report.rehearsal).toMatchObject({ verdict: "agreed", turns: { agreed: 5 } });
  expect(await actor.state()).toEqual({ count: 2 });
  const [upgraded, migrated] = await actor.events(report.event?.seq);
  expect([upgraded?.type, migrated?.type]).toEqual(["actor.upgraded", "actor.migrated"]);
  expect(await say(actor, "four")).toBe("answer 3");
  const server = await replay(actor);
  expect(server).toMatchObject({ verdict: "verified", turns: { agreed: 6 } });
  // A file has both components.
  expect(await replayExported(actor.id, await exported(actor.id))).toEqual(server);
  // The next rehearsal begins where the form of now does.
  const again = must(
    await upgrade(actor, await migrating("kept"), { accept: "back to the old form" }),
  );
  expect(again.rehearsal.from).toBe((migrated?.seq ?? 0) + 1);
});

test("a migration that does not keep what the turns did is found by the rehearsal", async () => {
  const actor = await counting();
  await say(actor, "one");
  const answer = await upgrade(actor, await migrating("greedy"));
  expect(answer).toMatchObject({ ok: false, error: { code: "rehearsal-differs" } });
  expect(await actor.state()).toEqual({ n: 1 });
});

test.each([
  ["refuses", "unwilling", "guest-error", "this version takes over nothing"],
  ["calls the host", "talking", "limit-exceeded", "migrate called the host"],
] as const)(
  "a migration that %s leaves the old version in force",
  async (_, mode, code, message) => {
    const actor = await counting();
    await say(actor, "one");
    const before = await actor.nextSeq();
    const answer = await upgrade(actor, await migrating(mode));
    expect(answer).toMatchObject({
      ok: false,
      error: { code, message: expect.stringContaining(message) },
    });
    expect(await actor.nextSeq()).toBe(before);
    expect(await actor.state()).toEqual({ n: 1 });
    expect(await say(actor, "two")).toBe("answer 2");
  },
);

test("a rollback puts the version before in force, and restores what was migrated", async () => {
  const actor = await counting();
  await say(actor, "one");
  const { event } = must(await upgrade(actor, await migrating("count")));
  await say(actor, "look");
  const back = must(await upgrade(actor, null, { rollback: true }));
  expect(back).toMatchObject({
    component: await version("plain"),
    rehearsal: { from: (event?.seq ?? 0) + 1, verdict: "agreed", turns: { agreed: 1 } },
  });
  const [, reverted] = await actor.events(back.event?.seq);
  expect(reverted).toMatchObject({
    type: "actor.reverted",
    fields: { toSeq: (event?.seq ?? 0) - 1, by: "tester", reason: "rollback" },
  });
  expect(await actor.state()).toEqual({ n: 1 });
  expect(await say(actor, "two")).toBe("answer 2");
  expect((await replay(actor)).verdict).toBe("verified");
});

test("a rollback is refused where the migrated state was changed since, or there is nothing to go back to", async () => {
  const actor = await counting();
  const nothing = await upgrade(actor, null, { rollback: true });
  expect(nothing).toMatchObject({ ok: false, error: { code: "wrong-state" } });
  must(await upgrade(actor, await migrating("count")));
  await say(actor, "one");
  const changed = await upgrade(actor, null, { rollback: true, accept: "never mind" });
  expect(changed).toMatchObject({
    ok: false,
    error: { code: "wrong-state", message: expect.stringContaining("cannot read it") },
  });
  expect(await say(actor, "two")).toBe("answer 2");
  // Who gives up what was done since can go back.
  const undo = { reason: "gone", principal: "tester", key: null, turns: 2, to: null };
  must(await theater.revert(actor.id, undo));
  const differs = { ok: false, error: { code: "rehearsal-differs" } };
  expect(await upgrade(actor, null, { rollback: true })).toMatchObject(differs);
  must(await upgrade(actor, null, { rollback: true, accept: "given up" }));
  expect(await actor.state()).toEqual({ n: 0 });
  expect(await say(actor, "one")).toBe("answer 1");
  expect((await replay(actor)).verdict).toBe("verified");
});

test("an upgrade waits for the running turn, and rehearses it too", async () => {
  const actor = await counting();
  const gate = new Gate();
  faults.guest = async ({ args: [input] }, go) => {
    if ((input as { turn: number }).turn === 2) await gate.wait();
    return await go();
  };
  const said = say(actor, "special");
  await gate.reached();
  const upgraded = upgrade(actor, await version("other"));
  faults.guest = undefined;
  await until(
    async () => (await actor.sql("SELECT 1 FROM cell WHERE name = 'rehearsal'")).length > 0,
  );
  gate.open();
  expect(await said).toBe("answer 1");
  // Nobody had seen that turn when the rehearsal began.
  expect(await upgraded).toMatchObject({ ok: false, error: { code: "rehearsal-differs" } });
});

test("the same key upgrades once, and another body under it is refused", async () => {
  const actor = await counting();
  const [same, other] = [await version("same"), await version("other")];
  const first = must(await upgrade(actor, same, { key: "k" }));
  const before = await actor.nextSeq();
  expect(must(await upgrade(actor, same, { key: "k" })).event).toEqual(first.event);
  expect(await upgrade(actor, other, { key: "k" })).toMatchObject({
    error: { code: "key-reused" },
  });
  expect(await upgrade(actor, same)).toMatchObject({ error: { code: "wrong-state" } });
  expect(await actor.nextSeq()).toBe(before);
});

test.each(["before", "behind"])(
  "a crash right %s the commit leaves the old version or the new one",
  async (side) => {
    const actor = await counting();
    await say(actor, "one");
    const same = await version("same");
    faults.peer = async ({ name }, go) => {
      if (name !== `${actor.id} upgrade`) return await go();
      const done = side === "behind" ? await go() : undefined;
      await actor.crash();
      if (done === undefined) throw new Error("the connection broke");
      throw new Error("the answer was lost");
    };
    const answer = await upgrade(actor, same, { key: "k" });
    expect(answer).toMatchObject({ ok: false, error: { code: "outcome-unknown" } });
    clearFaults();
    const isNew = (await actor.summary()).component === same;
    expect(isNew).toBe(side === "behind");
    expect(await say(actor, "two")).toBe("answer 2");
    expect(must(await upgrade(actor, same, { key: "k" })).status).toBe("upgraded");
    const upgrades = (await actor.events()).filter(({ type }) => type === "actor.upgraded");
    expect(upgrades).toHaveLength(1);
    expect((await replay(actor)).verdict).toBe("verified");
  },
);

test("a version gets no more than its parent passes on, and must fit its grants", async () => {
  const parent = await counting(undefined, {
    handler: [{ type: "runtime" }, { type: "message-server" }, { type: "supervisor" }],
    permission_policy: { message_server: { type: "inherit" } },
  });
  const started = await theater.start({
    manifest: manifestOf(await version("plain")),
    initState: null,
    parent: parent.id,
    principal: "tester",
  });
  const { id } = must(started);
  const manifest = manifestOf(await version("same"), {
    handler: [{ type: "runtime" }, { type: "message-server" }, { type: "random" }],
  });
  const child = new Probe(id);
  expect(await upgrade(child, null, { manifest })).toMatchObject({
    error: { code: "not-granted" },
  });
  const bare = manifestOf(await version("same"), { handler: [{ type: "message-server" }] });
  expect(await upgrade(child, null, { manifest: bare })).toMatchObject({
    error: { code: "missing-handler" },
  });
  const renamed = { ...manifestOf(await version("same")), name: "other" };
  expect(await upgrade(child, null, { manifest: renamed })).toMatchObject({
    error: { code: "bad-manifest" },
  });
  expect(must(await upgrade(child, await version("same"))).status).toBe("upgraded");
});
