// Who waits for whom. An actor runs one turn at a time and a guest has one thread, so an actor waits for at
// most one other: from each there is one way on, and a deadlock is a way that comes back.
//
// Rule: no false alarm. Waits end while the way is walked, so what one walk has seen may never have been
// true at any one moment. Each wait has an id that never comes again: what a second walk sees unchanged was
// there, all of it, when the first one ended.

/** A wait of an actor: it asked `to`, under `callId`. */
export interface Edge {
  to: string;
  callId: string;
}

/** What an actor says that is asked about a request: for whom it waits itself, while it has that request. */
export interface Wait extends Edge {
  /** Since when the request stands in line there, ms since the epoch; null: its turn runs, or has run. */
  queuedMs: number | null;
}

/** Null where the actor does not have the request (it has answered, or it is still on the way), or does not wait. */
type AskWait = (actor: string, callId: string) => Promise<Wait | null>;

interface Hop extends Wait {
  actor: string;
}

export interface WaitCycle {
  /** The actors on the way, the one first that the origin waits for. */
  hops: readonly Hop[];
  /** The request at the origin that closes it. */
  callId: string;
}

/** Actors on one way: as many as may wait for one another in a row. */
const HOPS_MAX = 32;

/** The deadlock that `origin`, which waits for `first`, is part of. Throws what `ask` throws. */
export async function findCycle(
  origin: string,
  first: Edge,
  ask: AskWait,
): Promise<WaitCycle | null> {
  const found = await walk(origin, first, ask);
  if (found === null) return null;
  const again = await walk(origin, first, ask);
  return again !== null && idsOf(again) === idsOf(found) ? again : null;
}

async function walk(origin: string, first: Edge, ask: AskWait): Promise<WaitCycle | null> {
  const hops: Hop[] = [];
  const seen = new Set<string>();
  let { to, callId } = first;
  while (to !== origin) {
    // Others may wait in a circle: that is for them to find.
    if (seen.has(to) || hops.length >= HOPS_MAX) return null;
    seen.add(to);
    const wait = await ask(to, callId);
    if (wait === null) return null;
    hops.push({ actor: to, ...wait });
    ({ to, callId } = wait);
  }
  return { hops, callId };
}

const idsOf = ({ hops }: WaitCycle): string => JSON.stringify(hops.map(({ callId }) => callId));

/**
 * Whether the request that came in line at `origin` at `queuedMs` is the one to be refused: of all requests
 * of the cycle that no turn has begun, the newest. Everybody on the cycle comes to the same answer, so one
 * request is refused and not all.
 */
export function isVictim(origin: string, queuedMs: number, { hops }: WaitCycle): boolean {
  return hops.every(
    (hop) =>
      hop.queuedMs === null ||
      hop.queuedMs < queuedMs ||
      (hop.queuedMs === queuedMs && hop.actor < origin),
  );
}
