// What Theater's supervisors do that OTP's do not: failures told apart, back-off, children that survive their
// supervisor. Notices and crashes are in notices.test.ts.

import { describe, expect, test } from "vitest";
import { inFlight } from "../../src/supervision/advance.ts";
import { backoffMs } from "../../src/supervision/backoff.ts";
import { EXIT_KINDS } from "../../src/supervision/spec.ts";
import { child, SEED, Stage, supervisor } from "./stage.ts";

const ABC = [child("a"), child("b"), child("c")];
const SLOW = { minMs: 1_000, maxMs: 8_000, factor: 2, jitter: 0 };
const END = { on: "shutdown" as const, kind: "shutdown" as const, reason: "told", brutal: false };

describe("failures told apart", () => {
  test.each(["component-missing", "corrupted-state", "stopped"] as const)(
    "no restart mends it, so a child stays down after %s",
    (kind) => {
      const stage = Stage.up({ strategy: "one-for-all", children: ABC });
      expect(stage.exit("b", kind)).toBe("");
      expect(stage.states()).toEqual({ a: "running", b: "stopped", c: "running" });
      expect(stage.child("b")?.lastExit).toBe(kind);
    },
  );

  test.each(EXIT_KINDS)("%s has a hook of its own, which comes before OTP's rule", (kind) => {
    const hooked = (action: "restart" | "restart-from-init" | "stop" | "escalate"): string =>
      Stage.up({ children: [child("a", { on: { [kind]: action } })] }).exit("a", kind);
    expect(hooked("restart")).toBe("start a");
    expect(hooked("restart-from-init")).toBe("start a from init");
    expect(hooked("stop")).toBe("");
    expect(hooked("escalate")).toBe("end escalated");
  });

  test("a child's hook comes before its supervisor's", () => {
    const children = [child("a", { on: { trap: "stop" } }), child("b")];
    const stage = Stage.up({ on: { trap: "escalate" }, children });
    expect(stage.exit("a")).toBe("");
    expect(stage.exit("b")).toBe("end escalated");
  });

  test("a hook does not revive a temporary child, but may escalate its end", () => {
    const spec = (on: object) => [child("t", { restart: "temporary", on })];
    expect(Stage.up({ children: spec({ trap: "restart" }) }).exit("t")).toBe("");
    expect(Stage.up({ children: spec({ trap: "escalate" }) }).exit("t")).toBe("end escalated");
  });

  test("siblings of a child that starts from init start as their own policy says", () => {
    const children = [child("a", { startFrom: "init" }), child("b")];
    const stage = Stage.up({ strategy: "one-for-all", children });
    expect(stage.exit("b")).toBe("stop a, start a from init, start b");
  });

  test("a supervisor begins without a child whose policy lets it, and with all others", () => {
    const children = [child("a"), child("b", { on: { trap: "stop" } }), child("c")];
    const stage = new Stage(supervisor({ children }));
    stage.failing.set("b", 1);
    expect(stage.trigger({ on: "boot" })).toBe("start a, start b, start c");
    expect(stage.states()).toEqual({ a: "running", b: "stopped", c: "running" });
  });

  test("where such a child fails in the middle of a group, the others still start", () => {
    const children = [child("a"), child("b", { on: { trap: "stop" } }), child("c")];
    const stage = Stage.up({ strategy: "rest-for-one", children });
    stage.failing.set("b", 1);
    expect(stage.exit("a")).toBe("stop c, stop b, start a, start b, start c");
    expect(stage.states()).toEqual({ a: "running", b: "stopped", c: "running" });
  });
});

describe("back-off", () => {
  test("grows by its factor to its maximum, and begins anew after a calm time", () => {
    const stage = Stage.up({ backoff: SLOW, periodMs: 1, children: [child("a")] });
    const waits = [1_000, 2_000, 4_000, 8_000, 8_000].map((expected) => {
      stage.exit("a");
      const waited = (stage.wakeMs ?? 0) - stage.nowMs;
      expect(stage.pass(waited - 1)).toBe("");
      expect(stage.pass(1)).toBe("start a");
      return [waited, expected];
    });
    for (const [waited, expected] of waits) expect(waited).toBe(expected);
    stage.pass(8_000);
    stage.exit("a");
    expect((stage.wakeMs ?? 0) - stage.nowMs).toBe(1_000);
  });

  test("jitter comes from the seed: the same for the same, different for siblings, never above", () => {
    const policy = { minMs: 1_000, maxMs: 1_000, factor: 2, jitter: 0.5 };
    const of = (id: string, seed = SEED): number =>
      backoffMs(policy, { failures: 1, child: id, seed });
    expect(of("a")).toBe(of("a"));
    const many = Array.from({ length: 200 }, (_, i) => of(`child ${i}`));
    expect(new Set(many).size).toBeGreaterThan(100);
    expect(Math.min(...many)).toBeGreaterThanOrEqual(500);
    expect(Math.min(...many)).toBeLessThan(600);
    expect(Math.max(...many)).toBeLessThanOrEqual(1_000);
    expect(of("a", new Uint8Array(32))).not.toBe(of("a"));
  });

  test("a waiting child blocks nobody: its sibling's failure is dealt with at once", () => {
    const children = [child("a", { backoff: SLOW }), child("b")];
    const stage = Stage.up({ children });
    expect(stage.exit("a")).toBe("");
    expect(stage.exit("b")).toBe("start b");
    expect(stage.pass(1_000)).toBe("start a");
  });

  test("a failure further up takes over the restart that waits further down", () => {
    const children = [child("a"), child("b", { backoff: SLOW }), child("c")];
    const stage = Stage.up({ strategy: "rest-for-one", children });
    expect(stage.exit("b")).toBe("stop c");
    expect(stage.exit("a")).toBe("start a, start b, start c");
    expect(stage.decisions.at(-1)?.absorbs).toEqual([2]);
    expect(stage.pass(60_000)).toBe("");
  });

  test("a command to start a waiting child starts it now, and the rest of its group with it", () => {
    const children = [child("a", { backoff: SLOW }), child("b")];
    const stage = Stage.up({ strategy: "one-for-all", children });
    expect(stage.exit("a")).toBe("stop b");
    expect(stage.trigger({ on: "restart-child", child: "a", from: "init", by: null })).toBe(
      "start a from init, start b",
    );
  });

  test("a command to stop a waiting child lets the rest of its group start", () => {
    const children = [child("a", { backoff: SLOW }), child("b")];
    const stage = Stage.up({ strategy: "one-for-all", children });
    stage.exit("a");
    expect(stage.trigger({ on: "stop-child", child: "a", by: null })).toBe("start b");
    expect(stage.states()).toEqual({ a: "stopped", b: "running" });
  });
});

describe("restarts that fail while others fail", () => {
  test("a start that failed and is history starts nobody whom a newer failure will start", () => {
    const stage = Stage.up({ strategy: "rest-for-one", children: ABC });
    stage.failing.set("c", 1);
    stage.meanwhile.set("start c", () => {
      stage.feed({ trigger: stage.exitOf("a") });
      stage.failing.set("a", 1);
    });
    expect(stage.exit("a")).toBe(
      "stop c, stop b, start a, start b, start c, stop b, start a, start a, start b, start c",
    );
  });

  test("a child that fails again keeps its place in line, as with two of OTP's messages in the mailbox", () => {
    const stage = Stage.up({ strategy: "rest-for-one", children: ABC });
    stage.failing.set("c", 2);
    stage.meanwhile.set("start c", () => {
      stage.feed({ trigger: stage.exitOf("a") });
      stage.meanwhile.set("start c", () => stage.feed({ trigger: stage.exitOf("b") }));
    });
    const twice = "start a, start b, start c";
    expect(stage.exit("a")).toBe(
      `stop c, stop b, ${twice}, stop b, ${twice}, start c, stop c, start b, start c`,
    );
  });

  test("a start that a command put off happens after the command's own was tried again", () => {
    const children = [child("a", { backoff: SLOW }), child("b")];
    const stage = Stage.up({ strategy: "rest-for-one", children });
    expect(stage.exit("a")).toBe("stop b");
    stage.failing.set("b", 1);
    stage.trigger({ on: "restart-child", child: "b", from: null, by: null });
    stage.pass(1_000);
    expect(stage.states()).toEqual({ a: "running", b: "running" });
  });

  test("one plan at a time: a restart that falls due waits for the one under way", () => {
    const stage = Stage.up({ children: [child("a", { backoff: SLOW }), child("b")] });
    stage.exit("a");
    const { actions } = stage.feed({ trigger: stage.exitOf("b") });
    stage.nowMs += 1_000;
    expect(stage.feed(null).actions).toEqual([]);
    expect(stage.settle(actions)).toBe("start b, start a");
  });
});

describe("the supervisor's own end", () => {
  test("goes before a restart that is under way, and stops whatever may run", () => {
    const stage = Stage.up({ children: ABC });
    stage.feed({ trigger: stage.exitOf("b") }); // b may have started by now
    expect(stage.trigger(END)).toBe("stop c, stop b, stop a, end shutdown");
    expect(stage.state).toMatchObject({ phase: "ended", plans: [], queue: [] });
  });

  test("supersedes failures that come after it, and refuses commands and spawned children", () => {
    const stage = Stage.up({ children: ABC });
    stage.feed({ trigger: END });
    stage.feed({ trigger: { on: "add-child", spec: child("x"), incarnation: 0 } });
    expect(stage.decisions.at(-1)?.verdict).toBe("refused");
    const notice = stage.exitOf("a");
    stage.feed({ trigger: notice });
    const { actions } = stage.feed({ trigger: { on: "stop-child", child: "a", by: null } });
    stage.settle([...inFlight(stage.state), ...actions]);
    expect(stage.decisions.slice(-2).map(({ verdict }) => verdict)).toEqual([
      "superseded",
      "refused",
    ]);
  });

  test("children that were spawned survive it, temporary ones do not", () => {
    for (const strategy of ["one-for-one", "simple-one-for-one"] as const) {
      const stage = Stage.up({ strategy });
      stage.trigger({ on: "add-child", spec: child("x"), incarnation: 0 });
      const temporary = child("t", { restart: "temporary" });
      stage.trigger({ on: "add-child", spec: temporary, incarnation: 0 });
      stage.trigger(END);
      expect(stage.states()).toEqual({ x: "stopped" });
      expect(stage.trigger({ on: "boot" })).toBe("start x");
    }
  });

  test("a supervisor that begins again beside living children leaves them alone", () => {
    const stage = Stage.up({ children: ABC });
    stage.trigger({ on: "stop-child", child: "b", by: null });
    expect(stage.trigger({ on: "boot" })).toBe("start b");
  });
});

test("a decision says what happened, what follows and why, in values that a chain can hold", () => {
  const stage = Stage.up({ strategy: "rest-for-one", backoff: SLOW, children: ABC });
  stage.exit("b", "limit");
  expect(stage.decisions.at(-1)).toEqual({
    id: 2,
    trigger: {
      on: "exit",
      child: "b",
      incarnation: 1,
      kind: "limit",
      detail: "",
      evidence: null,
    },
    verdict: "restart",
    strategy: "rest-for-one",
    reason: '"b" ended (limit): restart 1 of 10 in 5000 ms, after 1000 ms',
    plan: {
      id: 2,
      origin: "restart",
      steps: [
        { do: "stop", targets: [{ child: "c", incarnation: 1, limit: 5_000, forget: false }] },
        {
          do: "start",
          child: "b",
          incarnation: 2,
          from: "last-state",
          notBeforeMs: 1_001_000,
          by: null,
        },
        { do: "start", child: "c", incarnation: 2, from: "last-state", notBeforeMs: 0, by: null },
      ],
    },
    absorbs: [],
    counted: true,
    window: [1_000_000],
  });
});

test("who is ending in good order can be told to hurry, once: all that still runs is killed at once", () => {
  const stage = Stage.up({
    children: [child("a"), child("b", { shutdown: "infinity" }), child("c")],
  });
  const done = (id: string) => ({ saw: "stopped" as const, child: id, incarnation: 1 });
  const doing = (): string =>
    inFlight(stage.state)
      .map((action) => ("child" in action ? `${action.do} ${action.child}` : action.do))
      .join(", ");
  stage.feed({ trigger: END });
  stage.feed({ observation: done("c") });
  expect(doing()).toBe("stop b");
  const hurry = { ...END, brutal: true };
  stage.feed({ trigger: hurry });
  expect(doing()).toBe("kill b, kill a");
  stage.feed({ observation: done("a") });
  stage.feed({ trigger: hurry }); // it comes again with every order to kill that is repeated
  expect(stage.decisions.at(-1)).toMatchObject({ verdict: "superseded", plan: null });
  expect(doing()).toBe("kill b");
  stage.feed({ observation: done("b") });
  expect(stage.state.phase).toBe("ended");
});
