// Bindings that count what is asked of them.

import type { Counts } from "./counters.ts";

type Method = (...args: unknown[]) => unknown;

/** The object, where `seen` gets the name of each method that is called. */
function watched<T extends object>(target: T, seen: (name: string) => void): T {
  return new Proxy(target, {
    get(object, name) {
      const value: unknown = Reflect.get(object, name);
      if (typeof name !== "string" || typeof value !== "function") return value;
      return (...args: unknown[]) => {
        seen(name);
        return Reflect.apply(value as Method, object, args);
      };
    },
  });
}

export function countedObjects(
  space: DurableObjectNamespace,
  counts: Counts,
): DurableObjectNamespace {
  const objects = {
    idFromName: (name: string) => space.idFromName(name),
    get: (id: DurableObjectId) => watched(space.get(id), () => counts.objectRequests++),
  };
  return objects as unknown as DurableObjectNamespace;
}

const CLASS_A = new Set(["put", "list", "createMultipartUpload"]);
const CLASS_B = new Set(["get", "head"]);

export function countedBucket(bucket: R2Bucket, counts: Counts): R2Bucket {
  return watched(bucket, (name) => {
    if (CLASS_A.has(name)) counts.r2ClassA++;
    if (CLASS_B.has(name)) counts.r2ClassB++;
  });
}

export function countedLoader(loader: WorkerLoader, counts: Counts): WorkerLoader {
  const counted = (isolate: WorkerStub) => ({
    getEntrypoint: (...names: Parameters<WorkerStub["getEntrypoint"]>) =>
      watched(isolate.getEntrypoint(...names) as object, () => counts.loaderRequests++),
  });
  const counting = {
    get: (...args: Parameters<WorkerLoader["get"]>) => counted(loader.get(...args)),
    load: (code: WorkerLoaderWorkerCode) => counted(loader.load(code)),
  };
  return counting as unknown as WorkerLoader;
}

export function countedDatabase(db: D1Database, counts: Counts): D1Database {
  const given = new WeakMap<object, D1PreparedStatement>();
  const took = <T extends D1Result>(result: T): T => {
    counts.d1Statements++;
    counts.d1RowsRead += result.meta.rows_read ?? 0;
    counts.d1RowsWritten += result.meta.rows_written ?? 0;
    return result;
  };
  const statement = (real: D1PreparedStatement): D1PreparedStatement => {
    const counting = {
      bind: (...values: unknown[]) => statement(real.bind(...values)),
      run: async () => took(await real.run()),
      all: async () => took(await real.all()),
      // The platform's own first() tells nobody what it has read.
      first: async (column?: string) => {
        const [row] = took(await real.all<Record<string, unknown>>()).results;
        return row === undefined ? null : column === undefined ? row : row[column];
      },
    } as unknown as D1PreparedStatement;
    given.set(counting, real);
    return counting;
  };
  const database = {
    prepare: (query: string) => statement(db.prepare(query)),
    batch: async (statements: D1PreparedStatement[]) => {
      const results = await db.batch(statements.map((each) => given.get(each) ?? each));
      for (const result of results) took(result);
      return results;
    },
    withSession: () => database,
  };
  return database as unknown as D1Database;
}
