// OTP's supervisor semantics as a table, a statement a row: who is restarted, how often, and how a supervisor starts.

import { expect, test } from "vitest";
import { parseSupervision } from "../../src/supervision/manifest-tables.ts";
import { ABC, Rows } from "./otp-rows.ts";
import { child, Stage, supervisor } from "./stage.ts";

const { all, row } = new Rows();

// Strategies.
row(
  "one_for_one: only the terminated child is restarted",
  () => Stage.up({ children: ABC }).exit("b"),
  "start b",
);
row(
  "one_for_all: all others are terminated in reverse start order, then all are started in start order",
  () => Stage.up({ strategy: "one-for-all", children: ABC }).exit("b"),
  "stop c, stop a, start a, start b, start c",
);
row(
  "rest_for_one: those after the terminated child in start order are terminated, then it and they are started",
  () => Stage.up({ strategy: "rest-for-one", children: ABC }).exit("b"),
  "stop c, start b, start c",
);
row(
  "rest_for_one: children before the terminated one are not touched",
  () => Stage.up({ strategy: "rest-for-one", children: ABC }).exit("c"),
  "start c",
);
row(
  "simple_one_for_one: starts no child itself, and restarts a dynamic one alone",
  () => {
    const stage = Stage.up({ strategy: "simple-one-for-one" });
    stage.trigger({ on: "add-child", spec: child("x"), incarnation: 0 });
    stage.trigger({ on: "add-child", spec: child("y"), incarnation: 0 });
    return [stage.exit("x"), stage.states()];
  },
  ["start x", { x: "running", y: "running" }],
);
row(
  "simple_one_for_one: on shutdown all children are told at once, in no order",
  () => {
    const stage = Stage.up({ strategy: "simple-one-for-one" });
    stage.trigger({ on: "add-child", spec: child("x"), incarnation: 0 });
    stage.trigger({ on: "add-child", spec: child("y"), incarnation: 0 });
    const trigger = {
      on: "shutdown" as const,
      kind: "shutdown" as const,
      reason: "",
      brutal: false,
    };
    return stage.feed({ trigger }).actions.map((action) => action.do);
  },
  ["stop", "stop"],
);

// Restart types.
for (const kind of ["normal", "shutdown", "trap"] as const) {
  row(
    `permanent: always restarted (${kind})`,
    () => Stage.up({ children: ABC }).exit("a", kind),
    "start a",
  );
  row(
    `temporary: never restarted (${kind}), and its specification is deleted`,
    () => {
      const stage = Stage.up({ children: [child("a", { restart: "temporary" }), child("b")] });
      return [stage.exit("a", kind), stage.states()];
    },
    ["", { b: "running" }],
  );
}
for (const kind of ["normal", "shutdown", "escalated"] as const) {
  row(
    `transient: not restarted after ${kind}, and its specification is kept`,
    () => {
      const stage = Stage.up({ children: [child("a", { restart: "transient" })] });
      return [stage.exit("a", kind), stage.states()];
    },
    ["", { a: "stopped" }],
  );
}
for (const kind of ["trap", "limit", "host", "cut", "crash-loop"] as const) {
  row(
    `transient: restarted after an abnormal end (${kind})`,
    () => Stage.up({ children: [child("a", { restart: "transient" })] }).exit("a", kind),
    "start a",
  );
}
row(
  "temporary children are not restarted under one_for_all, even if a sibling's death terminated them",
  () => {
    const children = [child("a"), child("t", { restart: "temporary" }), child("c")];
    const stage = Stage.up({ strategy: "one-for-all", children });
    return [stage.exit("a"), stage.states()];
  },
  ["stop c, stop t, start a, start c", { a: "running", c: "running" }],
);
row(
  "a group is started whole: a transient child that had finished runs again",
  () => {
    const children = [child("a"), child("t", { restart: "transient" })];
    const stage = Stage.up({ strategy: "one-for-all", children });
    stage.exit("t", "normal");
    return stage.exit("a");
  },
  "start a, start t",
);
row(
  "simple_one_for_one: a transient child that finished is dropped",
  () => {
    const stage = Stage.up({ strategy: "simple-one-for-one" });
    const spec = child("x", { restart: "transient" });
    stage.trigger({ on: "add-child", spec, incarnation: 0 });
    stage.exit("x", "normal");
    return stage.states();
  },
  {},
);

// Maximum restart intensity.
row(
  "defaults: intensity 1, period 5 s",
  () => {
    const { spec } = parseSupervision({ supervisor: {} });
    return [spec.intensity, spec.periodMs];
  },
  [1, 5_000],
);
row(
  "more than MaxR restarts within MaxT: all children are terminated in reverse order, then the supervisor",
  () => {
    const stage = Stage.up({ intensity: 1, children: ABC });
    return [stage.exit("b"), stage.exit("b")];
  },
  ["start b", "stop c, stop a, end escalated"],
);
row(
  "intensity 0: no restart is allowed",
  () => Stage.up({ intensity: 0, children: ABC }).exit("a"),
  "stop c, stop b, end escalated",
);
row(
  "the window slides: a restart exactly MaxT ago still counts",
  () => {
    const stage = Stage.up({ intensity: 1, periodMs: 5_000, children: [child("a")] });
    stage.exit("a");
    stage.pass(5_000);
    return stage.exit("a");
  },
  "end escalated",
);
row(
  "the window slides: a restart longer than MaxT ago does not",
  () => {
    const stage = Stage.up({ intensity: 1, periodMs: 5_000, children: [child("a")] });
    stage.exit("a");
    stage.pass(5_001);
    return stage.exit("a");
  },
  "start a",
);
row(
  "the window is the supervisor's, not each child's",
  () => {
    const stage = Stage.up({ intensity: 2, children: ABC });
    return [stage.exit("a"), stage.exit("b"), stage.exit("c")];
  },
  ["start a", "start b", "stop b, stop a, end escalated"],
);
row(
  "restarting a whole group counts once",
  () => {
    const stage = Stage.up({ strategy: "one-for-all", children: ABC });
    stage.exit("a");
    return stage.state.window.length;
  },
  1,
);
row(
  "an end without restart does not count",
  () => {
    const children = [child("a", { restart: "transient" }), child("t", { restart: "temporary" })];
    const stage = Stage.up({ intensity: 0, children });
    return [stage.exit("a", "normal"), stage.exit("t"), stage.state.phase];
  },
  ["", "", "up"],
);
row(
  "the supervisor that gave up exits with `shutdown`: above, permanent restarts it and transient does not",
  () => {
    const children = [child("p"), child("t", { restart: "transient" })];
    const stage = Stage.up({ children });
    return [stage.exit("p", "escalated"), stage.exit("t", "escalated")];
  },
  ["start p", ""],
);
row(
  "a supervisor that starts again has an empty window",
  () => {
    const stage = Stage.up({ intensity: 1, children: [child("a")] });
    stage.exit("a");
    stage.exit("a");
    stage.trigger({ on: "boot" });
    return [stage.state.window, stage.exit("a")];
  },
  [[], "start a"],
);

// Starting.
row(
  "children are started in the order of their specifications",
  () => new Stage(supervisor({ children: ABC })).trigger({ on: "boot" }),
  "start a, start b, start c",
);
row(
  "a child that fails to start at the beginning: the started ones are terminated in reverse, then the supervisor",
  () => {
    const stage = new Stage(supervisor({ children: ABC }));
    stage.failing.set("c", 1);
    return stage.trigger({ on: "boot" });
  },
  "start a, start b, start c, stop b, stop a, end escalated",
);
row(
  "that holds for temporary children too",
  () => {
    const stage = new Stage(supervisor({ children: [child("t", { restart: "temporary" })] }));
    stage.failing.set("t", 1);
    return stage.trigger({ on: "boot" });
  },
  "start t, end escalated",
);
row(
  "a restart that fails is tried again, and every try counts as a restart",
  () => {
    const stage = Stage.up({ intensity: 3, children: [child("a")] });
    stage.failing.set("a", 2);
    return [stage.exit("a"), stage.state.window.length];
  },
  ["start a, start a, start a", 3],
);
row(
  "tries beyond the intensity end the supervisor",
  () => {
    const stage = Stage.up({ intensity: 3, children: [child("a")] });
    stage.failing.set("a", 9);
    return stage.exit("a");
  },
  "start a, start a, start a, end escalated",
);
row(
  "one_for_all, a sibling fails to start: what was started is terminated again, and all are started",
  () => {
    const stage = Stage.up({ strategy: "one-for-all", children: ABC });
    stage.failing.set("b", 1);
    return stage.exit("a");
  },
  "stop c, stop b, start a, start b, stop a, start a, start b, start c",
);
row(
  "rest_for_one, a later child fails to start: it and those after it are tried again, the others stay",
  () => {
    const stage = Stage.up({ strategy: "rest-for-one", children: ABC });
    stage.failing.set("b", 1);
    return stage.exit("a");
  },
  "stop c, stop b, start a, start b, start b, start c",
);
row(
  "while the supervisor restarts a group, what happens waits; then it counts",
  () => {
    const stage = Stage.up({ strategy: "one-for-all", children: ABC });
    const first = stage.feed({ trigger: stage.exitOf("a") }); // c is being stopped
    stage.feed({ trigger: stage.exitOf("b") }); // b dies before its turn to be stopped
    return [stage.settle(first.actions), stage.state.window.length];
  },
  ["stop c, stop b, start a, start b, start c", 1],
);
row(
  "the exit of a child that the supervisor is terminating causes nothing",
  () => {
    const stage = Stage.up({ strategy: "one-for-all", children: ABC });
    const notice = stage.exitOf("c");
    stage.feed({ trigger: stage.exitOf("a") });
    const { actions } = stage.feed({ trigger: notice });
    return [stage.settle(actions), stage.state.window.length];
  },
  ["stop b, start a, start b, start c", 1],
);

test.each(all)("%s", (_statement, does, expected) => {
  expect(does()).toEqual(expected);
});
