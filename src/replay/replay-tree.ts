// Replays the chains of a whole tree together, each as far as it can go without another: a message waits for the
// turn that sent it, an answer for the turn that gave it. So a conversation is run again, and not only its parts;
// whoever rewrote one side of it, with all hashes and so that its own replay agrees, is contradicted by the other.
//
// One call runs for a bounded time and ends with all actors between two turns. Memory: of each actor a page of its
// chain and its state, and what is under way between them (TREE_ACTORS_MAX, WIRE_MAX).

import { TheaterError } from "../lib/errors.ts";
import { Tree, type TreeContent, type TreeParts } from "./tree.ts";
import { ended, follow } from "./tree-effects.ts";
import { check, type Check } from "./tree-links.ts";
import type { Member } from "./tree-member.ts";
import type { MemberReport, TreeReport } from "./tree-report.ts";

export interface TreeReplayOptions extends TreeParts {
  root: string;
  /** The others that are known beforehand; more are found in the chains. */
  actors: readonly string[];
  /** `next` of an earlier report; null begins at the geneses. */
  cursor: string | null;
  /** How long to run turns, ms. */
  runMs: number;
}

interface Stall {
  member: Member;
  why: Check;
}

export async function replayTree({
  root,
  actors,
  cursor,
  runMs,
  ...parts
}: TreeReplayOptions): Promise<TreeReport> {
  const content = cursor === null ? undefined : readCursor(cursor, root);
  const tree = new Tree(parts, content);
  if (content === undefined) for (const actor of [root, ...actors]) await tree.add(actor);
  else await tree.open(content.members);
  if (!tree.members.has(root)) {
    throw new TheaterError("not-found", `There is no actor ${root}.`, { id: root });
  }
  const wereOver = new Set(
    [...tree.members.values()].filter(({ status }) => status !== "live").map(({ actor }) => actor),
  );
  const isOver = await run(tree, Date.now() + runMs);
  if (!isOver) for (const member of tree.members.values()) member.rewind();
  const reports: MemberReport[] = [];
  for (const member of tree.members.values()) {
    if (!wereOver.has(member.actor)) reports.push(await member.report());
  }
  return {
    root,
    verdict: verdictOf(reports, tree.mismatched),
    actors: reports,
    links: { ...tree.links, pending: tree.wire.pending },
    mismatches: tree.mismatches,
    more: tree.more,
    next: isOver ? null : cursorOf(root, tree.content()),
  };
}

/** False where the time was over before the chains were. */
async function run(tree: Tree, deadline: number): Promise<boolean> {
  for (;;) {
    const stalls: Stall[] = [];
    let hasMoved = false;
    // At least one chain comes to another place between two turns: else a part could end where it began.
    const mayStop = (): boolean => tree.settled > 0 && Date.now() >= deadline;
    for (const member of tree.members.values()) {
      while (member.status === "live") {
        if (mayStop()) return false;
        const why = await step(tree, member, false);
        if (why !== "go") {
          stalls.push({ member, why });
          break;
        }
        hasMoved = true;
      }
    }
    if (stalls.length === 0 && !hasMoved) return true;
    if (!hasMoved) await force(tree, stalls);
  }
}

/** Nobody can go on: what may never come is not waited for; else the earliest event waits in vain. */
async function force(tree: Tree, stalls: readonly Stall[]): Promise<void> {
  let chosen = stalls.find(({ why }) => why === "soft");
  if (chosen === undefined) {
    let earliest = Infinity;
    for (const stall of stalls) {
      const time = (await stall.member.current())?.event.time ?? Infinity;
      if (time < earliest) [chosen, earliest] = [stall, time];
    }
  }
  if (chosen !== undefined) await step(tree, chosen.member, true);
}

/** Takes the member's next event, unless it has to wait for another one. */
async function step(tree: Tree, member: Member, isForced: boolean): Promise<Check> {
  const current = await member.current();
  if (current === undefined) return "go";
  const found = await check(tree, member, current, isForced);
  if (found !== "go") return found;
  tree.endedTurn = undefined;
  if (!(await member.take(current))) return "go";
  if (tree.endedTurn !== undefined) ended(tree, member, current, tree.endedTurn);
  await follow(tree, member, current);
  if (member.settle(current)) tree.settled++;
  return "go";
}

function verdictOf(reports: readonly MemberReport[], mismatched: number): TreeReport["verdict"] {
  if (reports.some(({ verdict }) => verdict === "broken")) return "broken";
  if (reports.some(({ verdict }) => verdict === "diverged")) return "diverged";
  return mismatched > 0 ? "mismatched" : "verified";
}

function cursorOf(root: string, content: TreeContent): string {
  return JSON.stringify({ root, ...content });
}

/** What `cursorOf` made. A forged one misleads only whoever sends it: no chain is changed by a replay. */
function readCursor(cursor: string, root: string): TreeContent {
  try {
    const read = JSON.parse(cursor) as Partial<TreeContent & { root: string }>;
    const { members, wire, more } = read;
    if (read.root === root && Array.isArray(members) && wire !== undefined) {
      return { members, wire, more: more === true };
    }
  } catch {
    // Said below.
  }
  const message = "Give as cursor what the report of the same tree has as `next`.";
  throw new TheaterError("bad-request", message);
}
