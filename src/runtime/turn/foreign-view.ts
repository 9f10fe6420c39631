// A view of another actor's chain, as a guest is shown it.

import { parseCid } from "../../chain/cid.ts";
import { decodeEvent } from "../../chain/event.ts";
import type { ChainView } from "../../handlers/handler.ts";
import { reached, settled } from "../answers.ts";
import type { ActorRpc, ChainEntry } from "../protocol.ts";

/** Events that one reading takes. */
const VIEW_STEP = 64;

/** Payload bytes of one view: it is copied into the guest's memory. */
export const VIEW_BYTES_MAX = 4 * 1024 * 1024;

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

/** The newest events that fit, at most `limit` of them. `newest`: the last, which `head` names. */
export async function newestForeign(
  actor: ActorRpc,
  { id, newest, head, limit }: { id: string; newest: number; head: string; limit: number },
): Promise<ChainView> {
  const first = Math.max(0, newest - limit + 1);
  let bytes = 0;
  let events: ChainView["events"][number][] = [];
  for (let to = newest; to >= first; to -= VIEW_STEP) {
    const from = Math.max(first, to - VIEW_STEP + 1);
    const step = (await foreignView(actor, { actor: id, from, to, head })).events;
    const over = step.findLastIndex(({ payload }) => (bytes += payload.length) > VIEW_BYTES_MAX);
    events = [...step.slice(over + 1), ...events];
    if (over !== -1) break;
  }
  const recorded = { actor: id, from: newest - events.length + 1, to: newest, head };
  return { recorded, events };
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
