// How many answers of single actors become one tree.

import { expect, test } from "vitest";
import type { Answer, Branch, BranchChild } from "../../src/runtime/protocol.ts";
import { TREE_DEPTH_MAX, TREE_NODES_MAX, treeOf } from "../../src/runtime/tree.ts";
import { must, start, theater } from "./stage.ts";

function member(name: string, fields: Partial<BranchChild> = {}): BranchChild {
  const known = { status: "running", incarnation: 1, starts: 1, lastExit: null } as const;
  return { name, actor: name, ...known, ...fields };
}

function branch(name: string, children: BranchChild[] = [], status = "running"): Branch {
  const strategy = children.length === 0 ? null : "one-for-one";
  return { name, status: status as Branch["status"], strategy, children };
}

/** Asks `families`; whoever is not in it cannot be reached. */
const asking =
  (families: Record<string, Branch>) =>
  (id: string): Promise<Answer<Branch>> => {
    const value = families[id];
    const error = { code: "outcome-unknown", message: "nobody answers" } as const;
    return Promise.resolve(value === undefined ? { ok: false, error } : { ok: true, value });
  };

test("an actor without children is a tree of one", async () => {
  const actor = await start();
  expect(must(await theater.tree(actor.id))).toMatchObject({
    id: actor.id,
    name: "probe",
    child: null,
    status: "running",
    strategy: null,
    children: [],
  });
  expect(await theater.tree("a".repeat(32))).toMatchObject({ error: { code: "not-found" } });
});

test("each actor says what it is, its supervisor what is about to happen to it", async () => {
  const root = await treeOf(
    "root",
    asking({
      root: branch("shop", [
        member("a", { starts: 3, lastExit: "trap" }),
        member("b", { status: "restarting", lastExit: "limit" }),
        member("unborn", { actor: null, status: "waiting", incarnation: null, starts: 0 }),
        member("lost", { status: "running" }),
      ]),
      a: branch("worker", [member("aa")], "paused"),
      aa: branch("leaf"),
      b: branch("worker", [], "failed"),
    }),
  );
  expect(root).toMatchObject({ id: "root", name: "shop", strategy: "one-for-one", more: false });
  expect(root.children).toMatchObject([
    {
      child: "a",
      name: "worker",
      status: "paused",
      starts: 3,
      lastExit: "trap",
      children: [{ child: "aa" }],
    },
    { child: "b", name: "worker", status: "restarting", lastExit: "limit" },
    { child: "unborn", id: null, status: "waiting", starts: 0 },
    { child: "lost", id: "lost", name: "lost", status: "running", children: [] },
  ]);
});

test("a tree that is too wide or too deep says where it is cut", async () => {
  const wide = {
    root: branch(
      "root",
      Array.from({ length: 600 }, (_, i) => member(`c${i}`)),
    ),
  };
  const cut = await treeOf("root", asking(wide));
  expect(cut).toMatchObject({ more: true });
  expect(cut.children).toHaveLength(TREE_NODES_MAX - 1);
  // An actor that claims to be its own child would go on for ever.
  const endless = asking({ root: branch("root", [member("root")]) });
  let node = await treeOf("root", endless);
  for (let level = 0; level < TREE_DEPTH_MAX; level++) node = node.children[0] ?? node;
  expect(node).toMatchObject({ more: true, children: [] });
  const [child] = (await treeOf("root", endless, 1)).children;
  expect(child).toMatchObject({ more: true, children: [] });
});
