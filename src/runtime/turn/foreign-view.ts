// A view of another actor's chain, as a guest is shown it.

import { parseCid } from "../../chain/cid.ts";
import { decodeEvent } from "../../chain/event.ts";
import type { ChainView } from "../../handlers/handler.ts";
import { reached, settled } from "../answers.ts";
import type { ActorRpc, ChainEntry } from "../protocol.ts";

/** Events that one reading takes. */
const VIEW_STEP = 64;

/** Which events a view shows: what the chain keeps of it. `head` is the CID of the last, `actor` whose they are if not its own. */
export type ViewRange = { actor?: string; from: number; to: number; head: string };

/** Of another actor's chain. Throws what keeps it from being read. */
export async function foreignView(actor: ActorRpc, range: ViewRange): Promise<ChainView> {
  const events: ChainView["events"][number][] = [];
  for (let from = range.from; from <= range.to;) {
    const limit = Math.min(range.to - from + 1, VIEW_STEP);
    const entries = settled(await reached(() => actor.journal(from, limit)));
    if (entries.length === 0) break;
    events.push(...entries.map(shownEntry));
    from += entries.length;
  }
  return { recorded: { ...range }, events };
}

function shownEntry({ cid, block, payload }: ChainEntry): ChainView["events"][number] {
  const { parent, type, time } = decodeEvent(block);
  return {
    digest: parseCid(cid).digest,
    parent: parent?.digest ?? null,
    type,
    payload: payload ?? new Uint8Array(0),
    time,
  };
}
