// Single changes to a listed chain by somebody who does not make the hashes fit.

import { cidText } from "../../src/chain/cid.ts";
import { decodeEvent, encodeEvent } from "../../src/chain/event.ts";
import { Link } from "../../src/chain/value.ts";
import type { SourceEntry } from "../../src/replay/source.ts";

interface Tampering {
  name: string;
  at: number;
  changed: readonly SourceEntry[];
}

type Entries = readonly SourceEntry[];

const flipped = (bytes: Uint8Array, place: number): Uint8Array =>
  bytes.with(place % bytes.length, (bytes[place % bytes.length] ?? 0) ^ 1);

/** One of each kind; `choose(n)`: a number below n. */
export function tamperings(entries: Entries, choose: (below: number) => number): Tampering[] {
  const at = 1 + choose(entries.length - 2);
  const [entry, next] = [entries[at], entries[at + 1]];
  if (entry?.payload == null || next === undefined) throw new Error("the chain is too short");
  const { block, payload } = entry;
  const place = choose(10_000);
  const event = decodeEvent(block);
  const rewritten = encodeEvent({ ...event, turn: event.turn + 1 });
  const listedAnew = {
    ...entry,
    block: rewritten.block,
    cid: cidText(new Link("dag-cbor", rewritten.digest)),
  };
  return [
    {
      name: "payload",
      at,
      changed: entries.with(at, { ...entry, payload: flipped(payload, place) }),
    },
    { name: "event", at, changed: entries.with(at, { ...entry, block: flipped(block, place) }) },
    { name: "event, listed anew", at, changed: entries.with(at, listedAnew) },
    { name: "order", at, changed: entries.with(at, next).with(at + 1, entry) },
    { name: "dropped", at, changed: entries.toSpliced(at, 1) },
    { name: "inserted", at, changed: entries.toSpliced(at, 0, entry) },
    { name: "cut off", at, changed: entries.slice(0, at) },
  ];
}
