// A chain read page by page, in the memory of one page. Rule: it goes to an end that was fixed when the
// reading began, and breaks off where it cannot go on.

import { assert } from "../lib/errors.ts";
import type { Actors, ChainQuery } from "../runtime/actors.ts";
import type { ChainEntry } from "../runtime/protocol.ts";
import { CHAIN_PAGE_DEFAULT } from "./limits.ts";
import { valueOf } from "./problem.ts";

export interface Page {
  entries: ChainEntry[];
  next: number | null;
}

export type Range = Omit<ChainQuery, "limit">;

export async function* pagesFrom(reading: {
  actors: Actors;
  id: string;
  first: Page;
  range: Range;
  limit: number;
  /** Events of one page. */
  pageMax?: number;
}): AsyncGenerator<ChainEntry[], undefined, undefined> {
  const { actors, id, range, pageMax = CHAIN_PAGE_DEFAULT } = reading;
  let { first: current, limit } = reading;
  let { from, to } = range;
  // Ends: `from` grows with each page, up to a `to` that is fixed.
  for (;;) {
    if (current.entries.length > 0) yield current.entries;
    limit -= current.entries.length;
    if (current.next === null || limit <= 0) return;
    assert(current.next > from, "a page of a chain goes on behind the one before");
    from = current.next;
    // Else an actor that writes faster than the client reads would keep the stream open for ever.
    to ??= valueOf(await actors.head(id)).seq;
    if (from > to) return;
    const query = { ...range, from, to, limit: Math.min(limit, pageMax) };
    current = valueOf(await actors.chain(id, query));
  }
}
