// All handlers of a deployment, built once where the Worker is put together. A plug-in is one more entry.

import { TheaterError } from "../lib/errors.ts";
import type { ComponentDescription } from "../executor/wit-type.ts";
import type { Handler, HostFunction } from "./handler.ts";
import { messageServer } from "./message-server.ts";
import { random } from "./random.ts";
import { runtime } from "./runtime.ts";
import { checkArguments, misfits } from "./signatures.ts";
import { store } from "./store.ts";
import { timing } from "./timing.ts";

/** The handlers that Theater brings. */
export const HANDLERS: readonly Handler[] = [runtime, messageServer, timing, random, store];

/** The host's side of an import, with the handler type whose grant it needs. */
export interface FoundFunction {
  handler: string;
  fn: HostFunction;
}

export class Registry {
  readonly handlers: readonly Handler[];
  readonly #byType: ReadonlyMap<string, Handler>;
  readonly #byInterface: ReadonlyMap<string, Handler>;
  readonly #functions: ReadonlyMap<string, FoundFunction>;
  readonly #pure: ReadonlySet<string>;

  constructor(handlers: readonly Handler[]) {
    this.handlers = handlers;
    this.#byType = new Map(handlers.map((handler) => [handler.type, handler]));
    this.#byInterface = new Map(
      handlers.flatMap((handler) => handler.imports.map((name) => [name, handler])),
    );
    this.#functions = new Map(
      handlers.flatMap(({ type, functions }) =>
        Object.entries(functions).map(([about, fn]) => [
          about,
          { handler: type, fn: typed(about, fn) },
        ]),
      ),
    );
    this.#pure = new Set(handlers.flatMap((handler) => Object.keys(handler.pure)));
  }

  find(type: string): Handler | undefined {
    return this.#byType.get(type);
  }

  findHostFunction(about: string): FoundFunction | undefined {
    return this.#functions.get(about);
  }

  /** Whether the isolate answers this function itself. */
  readonly isPure = (about: string): boolean => this.#pure.has(about);

  /**
   * Throws `unknown-import` for the first import that nobody provides, or not with that signature, and
   * `not-an-actor` for an export that the host would call with other types.
   */
  checkImports({ imports, exports }: ComponentDescription): void {
    for (const { name, functions: wanted } of imports) {
      for (const fn of Object.keys(wanted)) {
        const about = `${name}#${fn}`;
        if (this.#functions.has(about) || this.#pure.has(about)) continue;
        throw new TheaterError(
          "unknown-import",
          `The component imports ${about}, which no handler provides: build it against the interfaces ` +
            `${[...this.#byInterface.keys()].join(", ")}, or stub the import out when building.`,
          { import: about },
        );
      }
    }
    const [wrongImport] = misfits(imports);
    const [wrongExport] = misfits(exports);
    const wrong = wrongImport ?? wrongExport;
    if (wrong === undefined) return;
    throw new TheaterError(
      wrongImport === undefined ? "not-an-actor" : "unknown-import",
      `The component has ${wrong} with other parameters or another result: build it against the WIT of this version.`,
      { function: wrong },
    );
  }

  /** The handler types that a component needs for its imports. Call after `checkImports`. */
  neededHandlers({ imports }: ComponentDescription): string[] {
    const types = imports
      .filter(({ functions: wanted }) => Object.keys(wanted).length > 0)
      .map(({ name }) => this.#byInterface.get(name)?.type ?? "");
    return [...new Set(types)];
  }
}

/** Handlers trust the types of their arguments, so these are checked: an isolate may be hostile. */
function typed(about: string, fn: HostFunction): HostFunction {
  const call: HostFunction["call"] = async (context, args) => {
    checkArguments(about, args);
    return await fn.call(context, args);
  };
  return { ...fn, call };
}
