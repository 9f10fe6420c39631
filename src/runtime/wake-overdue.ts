// For actors whose alarm was lost, by the platform or by a restored object: a cron trigger asks the
// directory whose timer is long past, and wakes those objects. Each does the rest itself.

import { Directory } from "./directory.ts";
import { actorStub, type Environment } from "./environment.ts";

/** An alarm that is late by less may still come. Above LISTED_MS_SLACK, by which the directory may be wrong. */
const OVERDUE_MS = 30 * 60_000;
/** Actors of one run; each is one call, and a Worker may make 1,000 of them for one event. */
const WOKEN_MAX = 200;

/** Returns how many actors were called. Throws what D1 throws; the next run tries again. */
export async function wakeOverdue(environment: Environment): Promise<number> {
  const nowMs = Date.now();
  const due = { beforeMs: nowMs - OVERDUE_MS, nowMs, limit: WOKEN_MAX };
  const ids = await new Directory(environment.LEDGER).takeOverdue(due);
  // One that cannot be woken now is overdue again later.
  await Promise.allSettled(ids.map((id) => actorStub(environment, id).wake()));
  return ids.length;
}
