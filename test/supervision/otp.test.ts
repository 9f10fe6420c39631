// OTP's supervisor semantics as a table, a statement a row. Each row builds a supervisor, lets something
// happen to it, and says what it does: `stop` and `start` of children in order, and `end`.

import { expect, test } from "vitest";
import { parseSupervision } from "../../src/supervision/manifest-tables.ts";
import { child, Stage, supervisor } from "./stage.ts";

const ABC = [child("a"), child("b"), child("c")];
const rows: [statement: string, does: () => unknown, expected: unknown][] = [];
const row = (statement: string, does: () => unknown, expected: unknown): void => {
  rows.push([statement, does, expected]);
};

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

// Stopping.
row(
  "shutdown: children are terminated in reverse start order",
  () =>
    Stage.up({ children: ABC }).trigger({
      on: "shutdown",
      kind: "shutdown",
      reason: "",
      brutal: false,
    }),
  "stop c, stop b, stop a, end shutdown",
);
row(
  "shutdown: a time limit is waited for, then the child is killed",
  () => {
    const stage = Stage.up({ children: [child("a", { shutdown: 300 })] });
    const { actions } = stage.feed({
      trigger: { on: "shutdown", kind: "shutdown", reason: "", brutal: false },
    });
    stage.nowMs += 299;
    const early = stage.feed(null).actions;
    stage.nowMs += 1;
    const late = stage.feed(null).actions;
    return [actions[0], early, late.map((action) => action.do)];
  },
  [
    { do: "stop", operation: "2/0/stop/a", child: "a", incarnation: 1, deadlineMs: 1_000_300 },
    [],
    ["kill"],
  ],
);
row(
  "shutdown: brutal_kill kills at once",
  () =>
    Stage.up({ children: [child("a", { shutdown: "brutal-kill" })] }).trigger({
      on: "shutdown",
      kind: "shutdown",
      reason: "",
      brutal: false,
    }),
  "kill a, end shutdown",
);
row(
  "shutdown: infinity is waited for without end",
  () => {
    const stage = Stage.up({ children: [child("a", { shutdown: "infinity" })] });
    stage.feed({ trigger: { on: "shutdown", kind: "shutdown", reason: "", brutal: false } });
    stage.nowMs += 10 ** 12;
    return [stage.feed(null).actions, stage.wakeMs];
  },
  [[], null],
);

// terminate_child, restart_child, delete_child, start_child.
row(
  "terminate_child: not restarted, specification kept, nothing counted",
  () => {
    const stage = Stage.up({ intensity: 0, children: ABC });
    return [stage.trigger({ on: "stop-child", child: "b", by: null }), stage.child("b")?.state];
  },
  ["stop b", "stopped"],
);
row(
  "terminate_child of a temporary child deletes its specification",
  () => {
    const stage = Stage.up({ children: [child("t", { restart: "temporary" })] });
    stage.trigger({ on: "stop-child", child: "t", by: null });
    return stage.states();
  },
  {},
);
row(
  "terminate_child while a restart is due: it is not started any more",
  () => {
    const backoff = { minMs: 100, maxMs: 100, factor: 1, jitter: 0 };
    const stage = Stage.up({ backoff, children: [child("a")] });
    stage.exit("a");
    stage.trigger({ on: "stop-child", child: "a", by: null });
    return [stage.pass(1_000), stage.states()];
  },
  ["", { a: "stopped" }],
);
row(
  "restart_child starts a terminated child; it counts for nothing and touches no sibling",
  () => {
    const stage = Stage.up({ strategy: "one-for-all", intensity: 0, children: ABC });
    stage.trigger({ on: "stop-child", child: "b", by: null });
    return stage.trigger({ on: "restart-child", child: "b", from: null, by: null });
  },
  "start b",
);
row(
  "restart_child that fails is answered, and not tried again",
  () => {
    const stage = Stage.up({ children: ABC });
    stage.trigger({ on: "stop-child", child: "b", by: null });
    stage.failing.set("b", 1);
    const did = stage.trigger({ on: "restart-child", child: "b", from: null, by: null });
    return [did, stage.child("b")?.state];
  },
  ["start b", "stopped"],
);
row(
  "delete_child: refused while it runs, and for one that does not exist",
  () => {
    const stage = Stage.up({ children: ABC });
    stage.trigger({ on: "delete-child", child: "a", by: null });
    stage.trigger({ on: "delete-child", child: "z", by: null });
    return stage.decisions.slice(-2).map(({ verdict }) => verdict);
  },
  ["refused", "refused"],
);
row(
  "start_child: the new child comes last in start order; a name that is taken is refused",
  () => {
    const stage = Stage.up({ strategy: "rest-for-one", children: ABC });
    stage.trigger({ on: "add-child", spec: child("d"), incarnation: 0 });
    stage.trigger({ on: "add-child", spec: child("a"), incarnation: 0 });
    return [stage.decisions.at(-1)?.verdict, stage.exit("c")];
  },
  ["refused", "stop d, start c, start d"],
);

// Automatic shutdown.
const significant = (id: string) => child(id, { restart: "transient", significant: true });
row(
  "never: a significant child's end changes nothing else",
  () => Stage.up({ children: [significant("s"), child("a")] }).exit("s", "normal"),
  "",
);
row(
  "any_significant: the first significant child that ends takes the supervisor with it, in good order",
  () =>
    Stage.up({
      autoShutdown: "any-significant",
      children: [child("a"), significant("s"), significant("u")],
    }).exit("s", "normal"),
  "stop u, stop a, end shutdown",
);
row(
  "all_significant: the last one does",
  () => {
    const children = [child("a"), significant("s"), significant("u")];
    const stage = Stage.up({ autoShutdown: "all-significant", children });
    return [stage.exit("s", "normal"), stage.exit("u", "normal")];
  },
  ["", "stop a, end shutdown"],
);
row(
  "a significant transient child that fails is restarted, and nothing shuts down",
  () => Stage.up({ autoShutdown: "any-significant", children: [significant("s")] }).exit("s"),
  "start s",
);
row(
  "a significant temporary child that fails shuts down",
  () => {
    const spec = child("s", { restart: "temporary", significant: true });
    return Stage.up({ autoShutdown: "any-significant", children: [spec] }).exit("s");
  },
  "end shutdown",
);
row(
  "not when the supervisor, or a command, terminated the significant child",
  () => {
    const stage = Stage.up({ autoShutdown: "any-significant", children: [significant("s")] });
    return [stage.trigger({ on: "stop-child", child: "s", by: null }), stage.state.phase];
  },
  ["stop s", "up"],
);
row(
  "nor when somebody else stopped it",
  () => {
    const stage = Stage.up({ autoShutdown: "any-significant", children: [significant("s")] });
    return [stage.exit("s", "stopped"), stage.state.phase];
  },
  ["", "up"],
);
const combination = (toml: Record<string, unknown>) => (): string => {
  try {
    parseSupervision(toml);
    return "accepted";
  } catch {
    return "refused";
  }
};
const one = (policy: object): object[] => [{ name: "s", manifest: "./s.toml", ...policy }];
row(
  "a permanent child cannot be significant",
  combination({
    supervisor: { auto_shutdown: "any-significant" },
    child: one({ significant: true }),
  }),
  "refused",
);
row(
  "significant needs an auto_shutdown other than never",
  combination({ child: one({ significant: true, restart: "transient" }) }),
  "refused",
);
row(
  "a simple_one_for_one supervisor has no auto_shutdown",
  combination({ supervisor: { strategy: "simple-one-for-one", auto_shutdown: "any-significant" } }),
  "refused",
);
row("child ids are unique", combination({ child: [...one({}), ...one({})] }), "refused");

test.each(rows)("%s", (_statement, does, expected) => {
  expect(does()).toEqual(expected);
});
