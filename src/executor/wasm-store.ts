// The wasm of one component instance: a store, in the words of the specification. It is made once, and before each
// further turn put back to what it was when all of it was linked: memories, tables, globals and nothing else, because a
// core module has no other state that its code could change (core-state.ts sees to that). jco's glue is run again for
// each instance; it finds here what it would otherwise make, under new imports.
//
// Rule: what is not certain to be pristine is never used. A memory or table that grew, a module that called its imports
// while it was linked, glue that links in another order: then a new store is made.

import { StoreState, type Beginning } from "./store-state.ts";

type Callable = (...args: unknown[]) => unknown;
type ImportObject = Record<string, Record<string, unknown>>;

/** What jco's glue makes its wasm with, in place of WebAssembly's own constructors. */
export interface WasmMaker {
  instance(module: WebAssembly.Module, imports?: ImportObject): { exports: WebAssembly.Exports };
  suspending(fn: Callable): unknown;
  promising(fn: unknown): unknown;
  global(type: WebAssembly.GlobalDescriptor, value: unknown): WebAssembly.Global;
}

/** A function of the host, for wasm that may suspend in it. */
class Suspends {
  readonly fn: Callable;
  constructor(fn: Callable) {
    this.fn = fn;
  }
}

/** An import that is another function for each instance of the component. */
interface Forward {
  to: Callable;
  suspends: boolean;
}

interface Linked {
  module: WebAssembly.Module;
  exports: WebAssembly.Exports;
  /** In the order of the import object. A forward is new for each instance; the rest has to be the same. */
  imports: (Forward | { same: unknown })[];
}

interface MadeGlobal {
  type: WebAssembly.GlobalDescriptor;
  global: WebAssembly.Global;
}

/** JSPI is newer than the types. */
const jspi = WebAssembly as unknown as {
  Suspending: new (fn: Callable) => unknown;
  promising(fn: unknown): Callable;
};

export class WasmStore implements WasmMaker {
  readonly #beginnings: Beginning[];
  readonly #linked: Linked[] = [];
  readonly #globals: MadeGlobal[] = [];
  readonly #promising = new Map<unknown, Callable>();
  /** Exports of this store's instances, and globals of the glue. */
  readonly #own = new Set<unknown>();
  #state: StoreState | undefined;
  #isLinking = false;
  #calledWhileLinking = false;
  /** Whether the glue asked for something else than the first time. No code of the guest has run since. */
  linksOtherwise = false;
  /** How many instances and globals the glue has asked for this time. */
  #at = { instance: 0, global: 0 };

  /**
   * `beginnings` is for all stores of one component: what their memories hold at first. They are linked alike and ask
   * nobody meanwhile, so the first store's beginning is every other's.
   */
  constructor(beginnings: Beginning[] = []) {
    this.#beginnings = beginnings;
  }

  /** Bytes of its memories, if it can be used again. */
  get bytes(): number {
    return this.#state?.bytes ?? 0;
  }

  /** Before the glue runs. False where this store cannot be used again. */
  begin(): boolean {
    const isNew = this.#linked.length === 0 && this.#globals.length === 0;
    if (!isNew && (this.#isLinking || this.#state?.restore() !== true)) return false;
    this.#at = { instance: 0, global: 0 };
    this.#isLinking = true;
    return true;
  }

  /** After the glue has linked everything, and before anything is called. */
  end(): void {
    this.#isLinking = false;
    const { instance, global } = this.#at;
    if (instance !== this.#linked.length || global !== this.#globals.length) this.#differ();
    if (this.#calledWhileLinking) return;
    this.#state ??= StoreState.of(
      this.#linked.map(({ exports }) => exports),
      this.#beginnings,
    );
  }

  /**
   * After the turn of its instance: lets go of what the instance was given, which holds all of the turn. False where
   * the store cannot be used again: then nobody may keep it, however large its memory has become.
   */
  rest(): boolean {
    for (const { imports } of this.#linked) {
      for (const one of imports) if ("to" in one) one.to = nobody;
    }
    return this.#state?.hasGrown === false;
  }

  instance(module: WebAssembly.Module, imports: ImportObject = {}): Pick<Linked, "exports"> {
    const known = this.#linked[this.#at.instance++];
    if (known !== undefined) {
      if (!relink(known, module, imports)) this.#differ();
      return known;
    }
    if (this.#state !== undefined) this.#differ();
    const linked: Linked = { module, exports: {}, imports: [] };
    const given = Object.entries(imports).map(([name, fields]) => {
      const own = Object.entries(fields).map(([field, value]) => {
        return [field, this.#link(linked, value)] as const;
      });
      return [name, Object.fromEntries(own)] as const;
    });
    const made = new WebAssembly.Instance(module, Object.fromEntries(given) as WebAssembly.Imports);
    linked.exports = made.exports;
    for (const value of Object.values(made.exports)) this.#own.add(value);
    this.#linked.push(linked);
    return linked;
  }

  #link(linked: Linked, value: unknown): unknown {
    const suspends = value instanceof Suspends;
    if (!suspends && (typeof value !== "function" || this.#own.has(value))) {
      linked.imports.push({ same: value });
      return value;
    }
    const forward: Forward = { to: suspends ? value.fn : (value as Callable), suspends };
    linked.imports.push(forward);
    const call: Callable = (...args) => {
      if (this.#isLinking) this.#calledWhileLinking = true;
      const { to } = forward; // called as wasm calls it, with no `this`
      return to(...args);
    };
    return suspends ? new jspi.Suspending(call) : call;
  }

  suspending(fn: Callable): unknown {
    return new Suspends(fn);
  }

  promising(fn: unknown): unknown {
    const known = this.#promising.get(fn);
    if (known !== undefined) return known;
    const made = jspi.promising(fn);
    this.#promising.set(fn, made);
    return made;
  }

  /** A global of the glue's, which begins again with `value`. */
  global(type: WebAssembly.GlobalDescriptor, value: unknown): WebAssembly.Global {
    const known = this.#globals[this.#at.global++];
    if (known === undefined) {
      if (this.#state !== undefined) this.#differ();
      const global = new WebAssembly.Global(type, value);
      this.#globals.push({ type, global });
      this.#own.add(global);
      return global;
    }
    if (known.type.value !== type.value || known.type.mutable !== type.mutable) this.#differ();
    if (type.mutable === true) known.global.value = value;
    else if (!Object.is(known.global.value, value)) this.#differ();
    return known.global;
  }

  #differ(): never {
    this.linksOtherwise = true;
    throw new Error("jco's glue does not link as it did before");
  }
}

function nobody(): never {
  throw new Error("an import was called between two turns");
}

/** Gives an instance the functions that its imports mean from now on. False where they are other imports. */
function relink(known: Linked, module: WebAssembly.Module, imports: ImportObject): boolean {
  const values = Object.values(imports).flatMap((fields) => Object.values(fields));
  if (known.module !== module || values.length !== known.imports.length) return false;
  return known.imports.every((own, n) => {
    const value = values[n];
    if ("same" in own) return Object.is(own.same, value);
    const fn = own.suspends ? value instanceof Suspends && value.fn : value;
    if (typeof fn !== "function") return false;
    own.to = fn as Callable;
    return true;
  });
}
