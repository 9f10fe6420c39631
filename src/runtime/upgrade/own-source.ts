// An actor's own chain as a replay reads it inside its object: for the last turns of a rehearsal, which happened
// while the rest was compared.

import type { ReplaySource } from "../../replay/source.ts";
import type { ContentStore } from "../../store/store.ts";
import { reached, settled } from "../answers.ts";
import { moduleSetRef, readModuleSet } from "../birth/module-sets.ts";
import type { ActorRpc, ChainEntry } from "../protocol.ts";
import type { Blocks } from "../record/content.ts";
import type { History } from "../record/history.ts";
import type { Journal } from "../record/journal.ts";

interface Parts {
  journal: Journal;
  history: History;
  blocks: Blocks;
  content: ContentStore;
  peer: (id: string) => ActorRpc;
}

const PAGE_MAX = 1_000;

/** Up to the head of now. */
export function ownSource({ journal, history, blocks, content, peer }: Parts): ReplaySource {
  const own = (from: number, limit: number): Promise<ChainEntry[]> =>
    history.chainEntries(from, limit);
  return {
    actor: journal.actor,
    head: journal.headRef(),
    pages: (from, to) => pagesOf(own, from, to),
    entry: async (seq) => (await own(seq, 1))[0],
    read: (link) => blocks.get(link),
    async modules({ modules }) {
      const { description } = await readModuleSet(content, modules);
      return { modules: moduleSetRef(content, modules), description };
    },
    others: (actor, from, to) =>
      pagesOf(
        async (first, limit) => settled(await reached(() => peer(actor).journal(first, limit))),
        from,
        to,
      ),
  };
}

async function* pagesOf(
  read: (from: number, limit: number) => Promise<ChainEntry[]>,
  from: number,
  to: number,
): AsyncGenerator<readonly ChainEntry[]> {
  for (let next = from; next <= to;) {
    const page = await read(next, Math.min(PAGE_MAX, to - next + 1));
    if (page.length === 0) return;
    yield page;
    next += page.length;
  }
}
