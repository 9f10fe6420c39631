// Replays an actor's chain where its ledger is: in the Worker, with the actor's own component.

import type { Executor } from "../../executor/executor.ts";
import type { Registry } from "../../handlers/registry.ts";
import type { Override } from "../../replay/in-force.ts";
import { replay } from "../../replay/replay.ts";
import type { ReplayReport } from "../../replay/report.ts";
import type { ReplaySource } from "../../replay/source.ts";
import type { ContentStore } from "../../store/store.ts";
import { moduleSetRef, readModuleSet } from "../birth/module-sets.ts";
import type { ChainEntry, EventRef } from "../protocol.ts";
import { bareEntry, type AuditReader } from "./audit-reader.ts";
import { Blocks } from "./content.ts";

interface Parts {
  audit: AuditReader;
  registry: Registry;
  executor: Executor;
  content: ContentStore;
  /** The actor's own raw blocks. */
  blocks: ContentStore;
}

/** How long one call runs turns. */
const RUN_MS = 10_000;
const PAGE_MAX = 1_000;

export async function replayActor(
  id: string,
  cursor: string | null,
  parts: Parts,
  override?: Override,
): Promise<ReplayReport> {
  const { registry, executor } = parts;
  return await replay({
    source: auditSource(id, await parts.audit.head(id), parts),
    executor,
    functions: (about) => registry.findHostFunction(about)?.fn,
    override,
    cursor,
    runMs: RUN_MS,
  });
}

/** A chain up to `head` as auditors read it. */
export function auditSource(
  id: string,
  head: EventRef,
  { audit, content, blocks }: Pick<Parts, "audit" | "content" | "blocks">,
  pageMax = PAGE_MAX,
): ReplaySource {
  const own = new Blocks(blocks);
  const range = { to: head.seq, types: [] };
  return {
    actor: id,
    head,
    pages: (from, to) => pagesOf(audit, id, { from, to, limit: pageMax }),
    async entry(seq) {
      return (await audit.page(id, { ...range, from: seq, limit: 1 })).entries[0];
    },
    read: (link) => own.get(link),
    async modules({ modules }) {
      const { description } = await readModuleSet(content, modules);
      return { modules: moduleSetRef(content, modules), description };
    },
    others: (actor, from, to) => pagesOf(audit, actor, { from, to, limit: pageMax }),
  };
}

async function* pagesOf(
  audit: AuditReader,
  id: string,
  { from, to, limit }: { from: number; to: number; limit: number },
): AsyncGenerator<readonly ChainEntry[]> {
  const read = (next: number): ReturnType<AuditReader["page"]> => {
    const page = audit.page(id, { from: next, to, types: [], limit }, bareEntry);
    page.catch(() => undefined); // one that nobody waits for any more
    return page;
  };
  for (let page = read(from); ;) {
    const { entries, next } = await page;
    const isLast = next === null || next > to;
    // The next page comes while this one's turns run.
    if (!isLast) page = read(next);
    if (entries.length > 0) yield entries;
    if (isLast) return;
  }
}
