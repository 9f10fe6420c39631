// Notices that come twice, late or of strangers, and what a crash of the supervisor's object leaves to be done again.

import { describe, expect, test } from "vitest";
import { COMMANDS_MAX, inFlight } from "../../src/supervision/advance.ts";
import { child, Stage } from "./stage.ts";

const ABC = [child("a"), child("b"), child("c")];
const END = { on: "shutdown" as const, kind: "shutdown" as const, reason: "told", brutal: false };

describe("notices", () => {
  test("of a child that was stopped, and died of something else before, nothing follows", () => {
    const stage = Stage.up({ children: ABC });
    const notice = stage.exitOf("a");
    stage.trigger({ on: "stop-child", child: "a", by: null });
    expect(stage.trigger(notice)).toBe("");
    expect(stage.decisions.at(-1)?.verdict).toBe("superseded");
  });

  test("one trigger counts once, however often its notice comes", () => {
    const stage = Stage.up({ intensity: 1, children: ABC });
    const notice = stage.exitOf("a");
    expect(stage.trigger(notice)).toBe("start a");
    expect(stage.trigger(notice)).toBe("");
    expect(stage.decisions.at(-1)).toMatchObject({ verdict: "superseded", counted: false });
    expect(stage.state.window.length).toBe(1);
  });

  test("twice in the queue is once", () => {
    const stage = Stage.up({ strategy: "one-for-one", children: ABC });
    const notice = stage.exitOf("b");
    const { actions } = stage.feed({ trigger: stage.exitOf("a") });
    stage.feed({ trigger: notice });
    stage.feed({ trigger: notice });
    expect(stage.state.queue.length).toBe(1);
    expect(stage.settle(actions)).toBe("start a, start b");
    expect(stage.state.window.length).toBe(2);
  });

  test("of a child that is not ours, or of an incarnation that never was, nothing follows", () => {
    const stage = Stage.up({ children: ABC });
    for (const [id, incarnation] of [
      ["z", 1],
      ["a", 99],
      ["a", -1],
    ] as const) {
      const evidence = null;
      stage.trigger({ on: "exit", child: id, incarnation, kind: "trap", detail: "", evidence });
      expect(stage.decisions.at(-1)?.verdict).toBe("superseded");
    }
    expect(stage.state.window).toEqual([]);
  });

  test("incarnations are never used twice, not even for a child that was gone in between", () => {
    const stage = Stage.up({ intensity: 0, children: [child("t", { restart: "temporary" })] });
    const first = stage.child("t")?.incarnation;
    const old = stage.exitOf("t");
    stage.exit("t");
    stage.trigger(END);
    stage.trigger({ on: "boot" });
    expect(stage.child("t")?.incarnation).toBeGreaterThan(first ?? Infinity);
    stage.trigger(old);
    expect(stage.decisions.at(-1)?.verdict).toBe("superseded");
  });

  test("commands beyond the limit are refused as busy, and change nothing", () => {
    const stage = Stage.up({ children: ABC });
    stage.feed({ trigger: { on: "restart-child", child: "a", from: null, by: null } });
    const command = { on: "stop-child" as const, child: "b", by: null };
    for (let i = 0; i < COMMANDS_MAX; i++) stage.feed({ trigger: command });
    expect(() => stage.feed({ trigger: command })).toThrow("Too many commands");
    expect(stage.state.queue.length).toBe(COMMANDS_MAX);
  });
});

describe("children that may not stay", () => {
  const discard = { on: "discard-child" as const, spec: child("x"), incarnation: 0 };

  test("one that is on no list is stopped and forgotten, be the supervisor up or down", () => {
    for (const end of [false, true]) {
      const stage = Stage.up({ children: ABC });
      if (end) stage.trigger(END);
      expect(stage.trigger(discard)).toBe("stop x");
      expect(stage.child("x")).toBeUndefined();
    }
  });

  test("no queue is too full for it", () => {
    const stage = Stage.up({ children: ABC });
    stage.feed({ trigger: { on: "restart-child", child: "a", from: null, by: null } });
    const command = { on: "stop-child" as const, child: "b", by: null };
    for (let i = 0; i < COMMANDS_MAX; i++) stage.feed({ trigger: command });
    expect(() => stage.feed({ trigger: discard })).not.toThrow();
  });

  test("a restart of the supervisor neither starts it nor forgets to end it", () => {
    const stage = Stage.up({ children: ABC });
    stage.trigger(END);
    stage.feed({ trigger: discard });
    stage.feed({ trigger: { on: "boot" } });
    expect(inFlight(stage.state)).toMatchObject([{ do: "stop", child: "x" }]);
  });
});

describe("crashes of the supervisor's object", () => {
  test("what was in flight is handed out again under the same operation ids", () => {
    const stage = Stage.up({ strategy: "one-for-all", children: ABC });
    const { actions } = stage.feed({ trigger: stage.exitOf("a") });
    stage.state = JSON.parse(JSON.stringify(stage.state)) as typeof stage.state;
    expect(inFlight(stage.state)).toEqual(actions);
    expect(stage.settle(inFlight(stage.state))).toBe("stop c, stop b, start a, start b, start c");
  });

  test("a kill in flight is a kill again", () => {
    const stage = Stage.up({ children: [child("a", { shutdown: 100 })] });
    stage.feed({ trigger: END });
    stage.nowMs += 100;
    const { actions } = stage.feed(null);
    expect(actions.map((action) => action.do)).toEqual(["kill"]);
    expect(inFlight(stage.state)).toEqual(actions);
  });

  test("an answer that comes twice, or for something else, moves nothing", () => {
    const stage = Stage.up({ strategy: "one-for-all", children: ABC });
    stage.feed({ trigger: stage.exitOf("a") });
    const before = stage.state;
    for (const observation of [
      { saw: "stopped", child: "b", incarnation: 1 },
      { saw: "stopped", child: "c", incarnation: 2 },
      { saw: "started", child: "c", incarnation: 1 },
      { saw: "stopped", child: "z", incarnation: 1 },
    ] as const) {
      expect(stage.feed({ observation }).actions).toEqual([]);
      expect(stage.state).toEqual(before);
    }
  });

  test("an answer for another incarnation of a starting child moves nothing", () => {
    const stage = Stage.up({ children: ABC });
    stage.feed({ trigger: stage.exitOf("a") });
    stage.feed({ observation: { saw: "started", child: "a", incarnation: 1 } });
    expect(stage.child("a")?.state).toBe("waiting");
    stage.feed({ observation: { saw: "started", child: "a", incarnation: 2 } });
    expect(stage.child("a")?.state).toBe("running");
  });

  test("a child that dies while it is being stopped is stopped", () => {
    const stage = Stage.up({ strategy: "one-for-all", children: ABC });
    stage.feed({ trigger: stage.exitOf("a") });
    const { actions, decisions } = stage.feed({ trigger: stage.exitOf("c") });
    expect(actions).toMatchObject([{ do: "stop", child: "b" }]);
    expect(decisions).toEqual([]); // in line, and history by the time it is read
    expect(stage.settle(actions)).toBe("stop b, start a, start b, start c");
    expect(stage.decisions.at(-1)?.verdict).toBe("superseded");
  });
});
