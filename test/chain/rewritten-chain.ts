// The forger who holds the storage: a chain whose events from one on are other ones, with every hash, link
// and CID computed anew, so that nothing in the chain itself tells.

import { cidText } from "../../src/chain/cid.ts";
import { decodeEvent, encodeEvent, type Event } from "../../src/chain/event.ts";
import type { Line } from "../../src/chain/ndjson.ts";
import { Link } from "../../src/chain/value.ts";

/** Event `from`, which must not be the genesis, has other fields; all later ones follow it. */
export function rewrittenFrom(
  lines: readonly Line[],
  from: number,
  change: (event: Event) => Partial<Event>,
): Line[] {
  let parent: Link | null = null;
  return lines.map((line) => {
    const event = decodeEvent(line.block);
    const changed = line.seq === from ? change(event) : {};
    const { block, digest } = encodeEvent({ ...event, ...changed, parent });
    parent = new Link("dag-cbor", digest);
    return { ...line, cid: cidText(parent), block };
  });
}
