// All handlers of a deployment, built once where the Worker is put together. A plug-in is one more entry.

import { assert, TheaterError } from "../lib/errors.ts";
import type { Value } from "../chain/value.ts";
import type {
  ComponentDescription,
  ComponentInterface,
  WitFunction,
} from "../executor/wit-type.ts";
import { environment } from "./environment.ts";
import { filesystem } from "./filesystem.ts";
import { effectOf, type Handler, type HostFunction } from "./handler.ts";
import { httpClient } from "./http-client.ts";
import { httpFramework } from "./http-framework.ts";
import { messageServer } from "./message-server.ts";
import { plugin } from "./plugin.ts";
import { grantName } from "./plugin-grant.ts";
import { guarded, readPlugin } from "./plugin-check.ts";
import { process } from "./process.ts";
import { random } from "./random.ts";
import { runtime } from "./runtime.ts";
import { checkArguments, findSignature, misfits } from "./signatures.ts";
import { store } from "./store.ts";
import { supervisor } from "./supervisor.ts";
import { timers } from "./timers.ts";
import { timing } from "./timing.ts";
import { answersAtOnce, otherImports, standardGrants, standardHandler } from "../wasi/standard.ts";

/** The handlers that Theater brings. */
export const HANDLERS: readonly Handler[] = [
  runtime,
  messageServer,
  timing,
  random,
  store,
  environment,
  filesystem,
  httpClient,
  httpFramework,
  process,
  timers,
  supervisor,
  plugin,
];

/** The host's side of an import. */
export interface FoundFunction {
  /** The handler type whose grant it needs. */
  handler: string;
  fn: HostFunction;
  signature: WitFunction;
}

export class Registry {
  readonly handlers: readonly Handler[];
  readonly #byType: ReadonlyMap<string, Handler>;
  readonly #byInterface: ReadonlyMap<string, Handler>;
  readonly #functions: ReadonlyMap<string, FoundFunction>;
  readonly #pure: ReadonlyMap<string, string>;
  readonly #drivers: ReadonlyMap<string, string>;

  /** Throws `bad-request` for a plug-in that cannot work, and where two handlers claim one name. */
  constructor(handlers: readonly Handler[]) {
    this.handlers = handlers;
    this.#byType = distinct(handlers.map((handler) => [handler.type, handler]));
    this.#byInterface = distinct(
      handlers.flatMap((handler) => handler.imports.map((name) => [name, handler] as const)),
    );
    this.#functions = new Map(handlers.flatMap(foundFunctions));
    this.#pure = new Map(
      handlers.flatMap(({ type, pure }) => Object.keys(pure).map((about) => [about, type])),
    );
    this.#drivers = new Map(
      handlers.flatMap(({ type, exports }) => exports.map((name) => [name, type])),
    );
  }

  find(type: string): Handler | undefined {
    // A grant called `<type>:<something>` is one of several of its type.
    return this.#byType.get(type) ?? this.#byType.get(type.replace(/:.*/, ""));
  }

  findHostFunction(about: string): FoundFunction | undefined {
    return this.#functions.get(about);
  }

  readonly #signature = (about: string): WitFunction | undefined =>
    this.#functions.get(about)?.signature ?? findSignature(about);

  /** Whether the isolate answers this function itself, without waiting. */
  readonly isPure = (about: string): boolean => this.#pure.has(about) || answersAtOnce(about);

  /** The handler type whose grant a function needs that the isolate answers; undefined for all others. */
  pureHandler(about: string): string | undefined {
    return this.#pure.get(about);
  }

  /**
   * A handler is granted in both directions: without it the guest cannot call out, and is not called. Throws
   * `missing-handler` for an export, `interface#function`, whose handler is not among the grants.
   */
  checkDriven(about: string, grants: Readonly<Record<string, unknown>>): void {
    const handler = this.#drivers.get(about.slice(0, about.indexOf("#")));
    if (handler === undefined || Object.hasOwn(grants, handler)) return;
    throw new TheaterError(
      "missing-handler",
      `The actor takes no such message: its manifest does not grant [[handler]] type = "${handler}".`,
      { missing: [handler] },
    );
  }

  /**
   * Throws `unknown-import` for the first import that nobody provides, or not with that signature, and
   * `not-an-actor` for an export that the host would call with other types.
   */
  checkImports(description: ComponentDescription): void {
    const { exports } = description;
    const imports = otherImports(description);
    const [about] = this.foreign(imports).flatMap(({ name, functions }) =>
      Object.keys(functions).map((fn) => `${name}#${fn}`),
    );
    if (about !== undefined) throw this.unknownImport(about, []);
    const [wrongImport] = misfits(imports, this.#signature);
    const [wrongExport] = misfits(exports, findSignature);
    const wrong = wrongImport ?? wrongExport;
    if (wrong === undefined) return;
    throw new TheaterError(
      wrongImport === undefined ? "not-an-actor" : "unknown-import",
      `The component has ${wrong} with other parameters or another result: build it against the WIT of this version.`,
      { function: wrong },
    );
  }

  /** Of these imports, those that none of these handlers provides, with the functions that are missing. */
  foreign(imports: readonly ComponentInterface[]): ComponentInterface[] {
    return imports
      .map((one) => ({
        ...one,
        functions: Object.fromEntries(
          Object.entries(one.functions).filter(([fn]) => {
            const about = `${one.name}#${fn}`;
            return !this.#functions.has(about) && !this.#pure.has(about);
          }),
        ),
      }))
      .filter(({ functions }) => Object.keys(functions).length > 0);
  }

  /** `plugins`: what those in other Workers serve, for people. */
  unknownImport(about: string, plugins: readonly string[]): TheaterError {
    const known = [...this.#byInterface.keys(), ...plugins].join(", ");
    return new TheaterError(
      "unknown-import",
      `The component imports ${about}, which no handler or plug-in of this deployment provides: build it ` +
        `against the interfaces ${known}, or stub the import out when building.`,
      { import: about },
    );
  }

  /** The grants that a component needs for its imports. Call after `checkImports`. */
  neededGrants(description: ComponentDescription): string[] {
    const isActor = standardHandler(description.exports) === undefined;
    const standard = isActor ? [] : ["http-framework", ...standardGrants(description.imports)];
    const types = otherImports(description)
      .filter(({ functions: wanted }) => Object.keys(wanted).length > 0)
      .map(({ name }) => this.#byInterface.get(name)?.type ?? grantName(name));
    return [...new Set([...standard, ...types])];
  }

  /** Those grants that the isolate needs for what it answers itself. */
  pureGrants(grants: Readonly<Record<string, Value>>): Record<string, Value> {
    const types = this.handlers.filter(({ pure }) => Object.keys(pure).length > 0);
    return Object.fromEntries(
      types.flatMap(({ type }) => {
        const grant = Object.hasOwn(grants, type) ? grants[type] : undefined;
        return grant === undefined ? [] : [[type, grant] as const];
      }),
    );
  }
}

function distinct<T>(entries: readonly (readonly [string, T])[]): Map<string, T> {
  const map = new Map(entries);
  if (map.size === entries.length) return map;
  const twice = entries.map(([name]) => name).find((name, i, all) => all.indexOf(name) !== i);
  throw new TheaterError("bad-request", `Two handlers claim ${twice}: rename one or leave it out.`);
}

function foundFunctions(handler: Handler): [string, FoundFunction][] {
  const { type, wit, functions } = handler;
  const own = wit === undefined ? undefined : readPlugin(handler, wit);
  return Object.entries(functions).map(([about, fn]) => {
    const signature = own?.get(about) ?? findSignature(about);
    assert(signature !== undefined, `${about} has a signature`);
    const safe = own === undefined ? fn : guarded(fn, signature);
    return [about, { handler: type, fn: typed(about, safe, signature), signature }];
  });
}

/** Handlers trust the types of their arguments, so these are checked: an isolate may be hostile. */
function typed(about: string, fn: HostFunction, signature: WitFunction): HostFunction {
  const call: HostFunction["call"] = async (context, args) => {
    checkArguments(about, args, signature);
    return await fn.call(context, args);
  };
  const effect: HostFunction["effect"] = (grant, args) => {
    checkArguments(about, args, signature);
    return effectOf(fn, grant, args);
  };
  return { ...fn, call, ...(typeof fn.effect === "function" ? { effect } : {}) };
}
