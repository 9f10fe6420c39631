// Promises that settle within one turn. A component is called and answers: QuickJS runs no jobs of its own
// meanwhile, so an `await` would never come back. The build rewrites async functions into generators over the
// global Promise, and this is it: the host's calls are synchronous, so whatever can happen has happened once
// the line of jobs is empty.

type Settle<T> = (value: T) => void;
type Thenable<T> = { then: (onValue: Settle<T>, onError: Settle<unknown>) => unknown };

const jobs: (() => void)[] = [];

/** Runs what waits, and what that leads to. */
function drain(): void {
  for (let at = 0; at < jobs.length; at++) jobs[at]?.();
  jobs.length = 0;
}

/** The value, or the value of a promise; throws what it was rejected with. */
export function settled<T>(value: T | PromiseLike<T>): T {
  if (!isThenable(value)) return value as T;
  let outcome: { value: T } | { thrown: unknown } | undefined;
  (value as Thenable<T>).then(
    (given) => (outcome = { value: given }),
    (thrown: unknown) => (outcome = { thrown }),
  );
  drain();
  const ended = outcome as { value: T } | { thrown: unknown } | undefined;
  if (ended === undefined) {
    throw new Error("the handler waits for what does not happen within a turn, such as a timeout");
  }
  if ("thrown" in ended) throw ended.thrown;
  return ended.value;
}

function isThenable(value: unknown): value is Thenable<unknown> {
  const isObject = (typeof value === "object" && value !== null) || typeof value === "function";
  return isObject && "then" in value && typeof value.then === "function";
}

type Ended = { readonly value: unknown } | { readonly error: unknown };

class TurnPromise<T> {
  #ended: Ended | undefined;
  #waiting: (() => void)[] = [];
  readonly [Symbol.toStringTag] = "Promise";

  constructor(executor: (resolve: Settle<T>, reject: Settle<unknown>) => void) {
    const { resolve, reject } = this.#resolvers();
    try {
      executor(resolve, reject);
    } catch (thrown) {
      reject(thrown);
    }
  }

  /** A pair of which only the first call counts. */
  #resolvers(): { resolve: Settle<unknown>; reject: Settle<unknown> } {
    let isUsed = false;
    const once =
      (settle: Settle<unknown>): Settle<unknown> =>
      (value) => {
        if (isUsed) return;
        isUsed = true;
        settle(value);
      };
    return {
      resolve: once((value) => this.#resolve(value)),
      reject: once((error) => this.#end({ error })),
    };
  }

  #resolve(value: unknown): void {
    if (value === this) {
      this.#end({ error: new TypeError("a promise cannot wait for itself") });
      return;
    }
    if (!isThenable(value)) {
      this.#end({ value });
      return;
    }
    jobs.push(() => {
      const { resolve, reject } = this.#resolvers();
      try {
        value.then(resolve, reject);
      } catch (thrown) {
        reject(thrown);
      }
    });
  }

  #end(ended: Ended): void {
    this.#ended = ended;
    jobs.push(...this.#waiting.splice(0));
  }

  // oxlint-disable-next-line unicorn/no-thenable -- this is what a promise is
  then<R = T, E = never>(
    onValue?: ((value: T) => R | PromiseLike<R>) | null,
    onError?: ((error: unknown) => E | PromiseLike<E>) | null,
  ): TurnPromise<R | E> {
    return new TurnPromise<R | E>((resolve, reject) => {
      const job = (): void => {
        const ended = this.#ended;
        if (ended === undefined) return;
        try {
          if ("value" in ended) resolve((onValue ? onValue(ended.value as T) : ended.value) as R);
          else if (onError) resolve(onError(ended.error) as E);
          else reject(ended.error);
        } catch (thrown) {
          reject(thrown);
        }
      };
      if (this.#ended === undefined) this.#waiting.push(job);
      else jobs.push(job);
    });
  }

  catch<E = never>(onError?: ((error: unknown) => E | PromiseLike<E>) | null): TurnPromise<T | E> {
    return this.then(null, onError) as TurnPromise<T | E>;
  }

  finally(onEnd?: (() => void) | null): TurnPromise<T> {
    const after = (): TurnPromise<void> => TurnPromise.resolve(onEnd?.());
    return this.then(
      (value) => after().then(() => value),
      (error: unknown) => after().then(() => TurnPromise.reject(error)),
    ) as TurnPromise<T>;
  }

  static resolve<T>(value?: T): TurnPromise<T> {
    if (value instanceof TurnPromise) return value as TurnPromise<T>;
    return new TurnPromise((resolve) => resolve(value as T));
  }

  static reject(error: unknown): TurnPromise<never> {
    return new TurnPromise((_, reject) => reject(error));
  }

  static try<T>(work: (...args: unknown[]) => T, ...args: unknown[]): TurnPromise<T> {
    return new TurnPromise((resolve) => resolve(work(...args)));
  }

  static withResolvers<T>(): object {
    let own: object = {};
    const promise = new TurnPromise<T>((resolve, reject) => (own = { resolve, reject }));
    return { promise, ...own };
  }

  static all(values: Iterable<unknown>): TurnPromise<unknown[]> {
    return gather(values, (value) => TurnPromise.resolve(value));
  }

  static allSettled(values: Iterable<unknown>): TurnPromise<unknown[]> {
    return gather(values, (each) =>
      TurnPromise.resolve(each).then(
        (value): object => ({ status: "fulfilled", value }),
        (reason: unknown): object => ({ status: "rejected", reason }),
      ),
    );
  }

  static race(values: Iterable<unknown>): TurnPromise<unknown> {
    return new TurnPromise((resolve, reject) => {
      for (const value of values) TurnPromise.resolve(value).then(resolve, reject);
    });
  }

  static any(values: Iterable<unknown>): TurnPromise<unknown> {
    const swapped = [...values].map((value) =>
      TurnPromise.resolve(value).then(
        (given) => TurnPromise.reject({ given }),
        (error: unknown) => error,
      ),
    );
    return TurnPromise.all(swapped).then(
      (errors) => TurnPromise.reject(new AggregateError(errors, "All promises were rejected")),
      (first: unknown) => (first as { given: unknown }).given,
    ) as TurnPromise<unknown>;
  }
}

function gather(
  values: Iterable<unknown>,
  promised: (value: unknown) => TurnPromise<unknown>,
): TurnPromise<unknown[]> {
  return new TurnPromise((resolve, reject) => {
    const all = [...values];
    const results: unknown[] = Array.from(all, () => undefined);
    let open = all.length;
    if (open === 0) resolve(results);
    for (const [at, value] of all.entries()) {
      promised(value).then((result) => {
        results[at] = result;
        if (--open === 0) resolve(results);
      }, reject);
    }
  });
}

for (const [name, value] of Object.entries({
  Promise: TurnPromise,
  queueMicrotask: (job: () => void) => jobs.push(job),
})) {
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
}
