// What a guest was shown of a chain, made again from the range that is on record.

import { parseCid } from "../chain/cid.ts";
import { decodeEvent } from "../chain/event.ts";
import type { Value } from "../chain/value.ts";
import type { ChainView } from "../handlers/handler.ts";
import type { ReplaySource, SourceEntry } from "./source.ts";

/** As the actor's own services show it; what was erased since is shown empty, as it is to everybody. */
export async function viewAgain(source: ReplaySource, recorded: Value): Promise<ChainView> {
  const { actor, from, to } = recorded as { actor?: string; from: number; to: number };
  const isOwn = actor === undefined || actor === source.actor;
  const pages = isOwn ? source.pages(from, to) : source.others(actor, from, to);
  const events: ChainView["events"][number][] = [];
  for await (const page of pages) events.push(...page.map(shown));
  return { recorded, events };
}

function shown(entry: SourceEntry): ChainView["events"][number] {
  const { block, payload } = entry;
  const { parent, type, time } = decodeEvent(block);
  return {
    digest: (entry.link ?? parseCid(entry.cid)).digest,
    parent: parent?.digest ?? null,
    type,
    payload: payload ?? new Uint8Array(0),
    time,
  };
}
