// Faults at the edge of an actor: its bindings as the platform gives them, each behind a hook that may wait,
// or fail before the call arrives or after it was answered. Without a hook a call passes through.

import type { Environment } from "../../src/runtime/environment.ts";

interface Call {
  name: string;
  args: unknown[];
  /** Of a call to D1: what each of its statements was bound to; several in a batch. */
  statements: readonly (readonly unknown[])[];
}

/** `go` makes the real call. What the hook returns or throws is what the caller gets. */
type Hook = (call: Call, go: () => unknown) => unknown;

interface Hooks {
  /** Calls to other actors; `name` is `<id> <method>`. */
  peer?: Hook | undefined;
  /** Whatever goes to D1: `batch`, and `run`, `first`, `all`, `raw` of a statement. */
  ledger?: Hook | undefined;
  content?: Hook | undefined;
  /**
   * `run` of a guest's isolate: its arguments are the turn's input and the turn's host. And `runBatch`: the inputs of
   * turns that go together, and their host.
   */
  guest?: Hook | undefined;
}

export const faults: Hooks = {};

/** What is set in place of the deployment's own variables, for actors that wake up from then on. */
export const settings: {
  SEAL_EVENTS: string;
  LOG_KEY?: string;
  UNREACHABLE_MS?: string;
  BUNDLED?: string;
} = {
  SEAL_EVENTS: "1000000",
};

/** Whether there is a second shard, for what wakes up from then on. */
export const isSharded = { value: false };

export function clearFaults(): void {
  for (const name of Object.keys(faults) as (keyof Hooks)[]) faults[name] = undefined;
}

/** The hook of an outage: nothing arrives. */
export function down(): never {
  throw new Error("D1_ERROR: Network connection lost.");
}

type Method = (...args: unknown[]) => unknown;

interface HookedOptions {
  prefix?: string;
  only?: readonly string[];
  statementsOf?: (args: readonly unknown[]) => Call["statements"];
}

/** The object with every method, or the named ones, behind the hook of that moment. */
function hooked<T extends object>(
  target: T,
  binding: keyof Hooks,
  { prefix = "", only, statementsOf = () => [] }: HookedOptions = {},
): T {
  return new Proxy(target, {
    get(object, name) {
      const value: unknown = Reflect.get(object, name);
      if (typeof name !== "string" || typeof value !== "function") return value;
      return (...args: unknown[]) => {
        const go = (): unknown => Reflect.apply(value as Method, object, args);
        const hook = faults[binding];
        if (hook === undefined || only?.includes(name) === false) return go();
        return call(hook, { name: prefix + name, args, statements: statementsOf(args) }, go);
      };
    },
  });
}

/** Always a promise, as with the real bindings: a hook that throws rejects. */
async function call(hook: Hook, what: Call, go: () => unknown): Promise<unknown> {
  return await hook(what, go);
}

const RUNS = ["run", "first", "all", "raw"];

function hookedDatabase(db: D1Database): D1Database {
  const real = new WeakMap<object, { given: D1PreparedStatement; bound: readonly unknown[] }>();
  const statement = (
    given: D1PreparedStatement,
    bound: readonly unknown[] = [],
  ): D1PreparedStatement => {
    const statementsOf = (): Call["statements"] => [bound];
    const proxy = new Proxy(hooked(given, "ledger", { only: RUNS, statementsOf }), {
      get: (object, name) =>
        name === "bind"
          ? (...values: unknown[]) => statement(given.bind(...values), values)
          : (Reflect.get(object, name) as unknown),
    });
    real.set(proxy, { given, bound });
    return proxy;
  };
  const batched = ([statements]: readonly unknown[]): Call["statements"] =>
    (statements as D1PreparedStatement[]).map((each) => real.get(each)?.bound ?? []);
  const database = {
    prepare: (query: string) => statement(db.prepare(query)),
    batch: (statements: D1PreparedStatement[]) =>
      db.batch(statements.map((each) => real.get(each)?.given ?? each)),
  };
  return new Proxy(
    hooked(database, "ledger", { only: ["batch"], statementsOf: batched }) as unknown as D1Database,
    {
      get: (object, name) =>
        name === "prepare" ? database.prepare : (Reflect.get(object, name) as unknown),
    },
  );
}

export function withFaults(
  environment: Environment,
): Environment & Required<Pick<Environment, "LOADER">> {
  const { ACTOR, LEDGER, CONTENT, LOADER } = environment;
  const { SCRATCH } = environment as Environment & { SCRATCH: D1Database };
  const actors = {
    idFromName: (id: string) => ACTOR.idFromName(id),
    get: (id: DurableObjectId) => hooked(ACTOR.get(id), "peer", { prefix: `${id.name} ` }),
  };
  const loader = {
    load: (code: WorkerLoaderWorkerCode) => {
      if (LOADER === undefined) throw new Error("the tests have a Loader");
      return LOADER.load(code);
    },
    get: (...args: Parameters<WorkerLoader["get"]>) => {
      if (LOADER === undefined) throw new Error("the tests have a Loader");
      const isolate = LOADER.get(...args);
      return {
        getEntrypoint: () =>
          hooked(isolate.getEntrypoint(), "guest", { only: ["run", "runBatch"] }),
      };
    },
  };
  return {
    ...environment,
    ...settings,
    ACTOR: actors as unknown as DurableObjectNamespace,
    LEDGER: hookedDatabase(LEDGER),
    ...(isSharded.value ? { LEDGER_1: hookedDatabase(SCRATCH) } : {}),
    CONTENT: hooked(CONTENT, "content"),
    LOADER: loader as unknown as WorkerLoader,
  };
}
