// Theater's Worker with a counter at each of its exits, and a route of its own: GET /bench/counts.

import type { Environment } from "../../src/runtime/environment.ts";
import theater, { Actor as RealActor } from "../../src/worker.ts";
import { countedBucket, countedDatabase, countedLoader, countedObjects } from "./counted.ts";
import { noCounts } from "./counters.ts";

const counts = noCounts();

function counted(environment: Environment): Environment {
  return {
    ...environment,
    ACTOR: countedObjects(environment.ACTOR, counts),
    LEDGER: countedDatabase(environment.LEDGER, counts),
    CONTENT: countedBucket(environment.CONTENT, counts),
    ...(environment.LOADER ? { LOADER: countedLoader(environment.LOADER, counts) } : {}),
  };
}

/** Cursors know what they have read only when they were read: looked at when somebody asks. */
const cursors: SqlStorageCursor<never>[] = [];
const CURSORS_MAX = 100_000;

function settle(): void {
  for (const cursor of cursors.splice(0)) {
    counts.sqliteRowsRead += cursor.rowsRead;
    counts.sqliteRowsWritten += cursor.rowsWritten;
  }
}

interface Patched {
  exec?: (...args: unknown[]) => unknown;
  setAlarm?: (...args: unknown[]) => unknown;
}

let isPatched = false;

/** Once in an isolate: all objects have the same prototypes. */
function patch({ storage }: DurableObjectState): void {
  if (isPatched) return;
  isPatched = true;
  const sql = Object.getPrototypeOf(storage.sql) as Patched;
  const { exec } = sql;
  sql.exec = function (this: unknown, ...args: unknown[]): unknown {
    const cursor = exec?.apply(this, args) as SqlStorageCursor<never>;
    if (cursors.push(cursor) >= CURSORS_MAX) settle();
    return cursor;
  };
  const kept = Object.getPrototypeOf(storage) as Patched;
  const { setAlarm } = kept;
  kept.setAlarm = function (this: unknown, ...args: unknown[]): unknown {
    counts.sqliteRowsWritten++;
    return setAlarm?.apply(this, args);
  };
}

export class Actor extends RealActor {
  constructor(state: DurableObjectState, environment: Environment) {
    patch(state);
    super(state, counted(environment));
  }

  /** Billed as a request. */
  override async alarm(): Promise<void> {
    counts.objectRequests++;
    await super.alarm();
  }
}

export default {
  async fetch(
    request: Request,
    environment: Environment,
    context: ExecutionContext,
  ): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname !== "/bench/counts") return theater.fetch(request, counted(environment), context);
    settle();
    return Response.json(counts);
  },
};
