// A tree of supervisors as one answer: each actor is asked for its own children, level by level. What an actor
// does not answer in time for is shown as its supervisor knows it.

import { ensureTheaterError } from "../lib/errors.ts";
import { LEVELS_MAX } from "../manifest/permissions.ts";
import type { TreeNode } from "./actors.ts";
import { settled } from "./answers.ts";
import type { Answer, Branch, BranchChild } from "./protocol.ts";

/** Levels below the root: all that there can be. */
export const TREE_DEPTH_MAX = LEVELS_MAX;
/** Actors in one answer: each is asked, and a Worker may ask about a thousand times in one request. */
export const TREE_NODES_MAX = 500;
/** Actors that are asked at once. */
const ASKED_MAX = 32;

interface Asked {
  node: TreeNode;
  members: readonly BranchChild[];
}

/** Throws where the root itself does not answer. */
export async function treeOf(
  id: string,
  ask: (id: string) => Promise<Answer<Branch>>,
  depth = TREE_DEPTH_MAX,
): Promise<TreeNode> {
  const branch = settled(await ask(id));
  const root = { id, child: null, incarnation: null, starts: 1, lastExit: null, ...own(branch) };
  let level: Asked[] = [{ node: root, members: branch.children }];
  let left = TREE_NODES_MAX - 1;
  for (let deep = 1; level.length > 0; deep++) {
    const next: Asked[] = [];
    for (const { node, members } of level) {
      const shown = deep > depth ? [] : members.slice(0, left);
      node.more = shown.length < members.length;
      left -= shown.length;
      for (let at = 0; at < shown.length; at += ASKED_MAX) {
        const asked = await Promise.all(
          shown.slice(at, at + ASKED_MAX).map((member) => memberOf(member, ask)),
        );
        node.children.push(...asked.map((one) => one.node));
        next.push(...asked);
      }
    }
    level = next;
  }
  return root;
}

async function memberOf(
  member: BranchChild,
  ask: (id: string) => Promise<Answer<Branch>>,
): Promise<Asked> {
  const { name: child, actor: id, status, incarnation, starts, lastExit } = member;
  const known = { id, child, incarnation, starts, lastExit };
  const branch = id === null ? undefined : await branchOf(id, ask);
  if (branch === undefined) {
    const node = { ...known, name: child, status, strategy: null, more: false, children: [] };
    return { node, members: [] };
  }
  const node: TreeNode = { ...known, ...own(branch) };
  // What is about to happen to it only its supervisor knows.
  if (status === "waiting" || status === "restarting") node.status = status;
  return { node, members: branch.children };
}

/** Undefined for one that cannot be asked now: the rest of the tree is worth showing. */
async function branchOf(
  id: string,
  ask: (id: string) => Promise<Answer<Branch>>,
): Promise<Branch | undefined> {
  try {
    return settled(await ask(id));
  } catch (thrown) {
    const { code } = ensureTheaterError(thrown);
    if (code === "internal") throw thrown;
    return undefined;
  }
}

function own({
  name,
  status,
  strategy,
}: Branch): Omit<TreeNode, "id" | "child" | "incarnation" | "starts" | "lastExit"> {
  return { name, status, strategy, more: false, children: [] };
}
