// Replays the chains of a tree together, where their ledgers are.

import type { Executor } from "../../executor/executor.ts";
import type { Registry } from "../../handlers/registry.ts";
import { TheaterError } from "../../lib/errors.ts";
import { replayTree } from "../../replay/replay-tree.ts";
import type { ReplaySource } from "../../replay/source.ts";
import type { TreeReport } from "../../replay/tree-report.ts";
import type { ContentStore } from "../../store/store.ts";
import type { TreeNode } from "../actors.ts";
import type { AuditReader } from "./audit-reader.ts";
import { auditSource } from "./replayer.ts";

interface Parts {
  audit: AuditReader;
  registry: Registry;
  executor: Executor;
  content: ContentStore;
  /** An actor's own raw blocks. */
  blocksOf: (actor: string) => ContentStore;
  tree: (root: string) => Promise<TreeNode>;
}

/** How long one call runs turns. */
const RUN_MS = 10_000;
/** Events of one reading: of each actor one is in memory. */
const PAGE_MAX = 64;

export async function replayActors(
  root: string,
  cursor: string | null,
  { audit, registry, executor, content, blocksOf, tree }: Parts,
): Promise<TreeReport> {
  const source = async (actor: string): Promise<ReplaySource | undefined> => {
    try {
      const parts = { audit, content, blocks: blocksOf(actor) };
      return auditSource(actor, await audit.head(actor), parts, PAGE_MAX);
    } catch (thrown) {
      if (thrown instanceof TheaterError && thrown.code === "not-found") return undefined;
      throw thrown;
    }
  };
  return await replayTree({
    root,
    actors: cursor === null ? below(await tree(root)) : [],
    cursor,
    source,
    newest: async (actor) => (await audit.head(actor)).seq,
    executor,
    functions: (about) => registry.findHostFunction(about)?.fn,
    runMs: RUN_MS,
  });
}

/** Those that are there now; others are found in the chains. */
function below({ children }: TreeNode): string[] {
  return children.flatMap((child) => [...(child.id === null ? [] : [child.id]), ...below(child)]);
}
