// OTP's supervisor semantics as a table, a statement a row: how it stops, what it is told to do, and when it ends itself.

import { expect, test } from "vitest";
import { parseSupervision } from "../../src/supervision/manifest-tables.ts";
import { ABC, Rows } from "./otp-rows.ts";
import { child, Stage } from "./stage.ts";

const { all, row } = new Rows();

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

test.each(all)("%s", (_statement, does, expected) => {
  expect(does()).toEqual(expected);
});
