// All handlers of this deployment. A plug-in is one more entry.

import { TheaterError } from "../lib/errors.ts";
import type { ComponentDescription } from "../executor/wit-type.ts";
import { environment } from "./environment.ts";
import { httpClient } from "./http-client.ts";
import { filesystem } from "./filesystem.ts";
import { effectOf, type Handler, type HostFunction } from "./handler.ts";
import { messageServer } from "./message-server.ts";
import { process } from "./process.ts";
import { random } from "./random.ts";
import { runtime } from "./runtime.ts";
import { checkArguments, misfits } from "./signatures.ts";
import { store } from "./store.ts";
import { timers } from "./timers.ts";
import { timing } from "./timing.ts";

export const HANDLERS: readonly Handler[] = [
  runtime,
  messageServer,
  timing,
  random,
  store,
  environment,
  filesystem,
  httpClient,
  process,
  timers,
];

const byType = new Map(HANDLERS.map((handler) => [handler.type, handler]));
const byInterface = new Map(
  HANDLERS.flatMap((handler) => handler.imports.map((name) => [name, handler])),
);
const functions = new Map(
  HANDLERS.flatMap((handler) =>
    Object.entries(handler.functions).map(([about, fn]) => [
      about,
      { handler: handler.type, fn: typed(about, fn) },
    ]),
  ),
);
const pure = new Map(
  HANDLERS.flatMap((handler) => Object.keys(handler.pure).map((about) => [about, handler.type])),
);
const drivers = new Map(
  HANDLERS.flatMap((handler) => handler.exports.map((name) => [name, handler.type])),
);

/** Handlers trust the types of their arguments, so these are checked: an isolate may be hostile. */
function typed(about: string, fn: HostFunction): HostFunction {
  const call: HostFunction["call"] = async (context, args) => {
    checkArguments(about, args);
    return await fn.call(context, args);
  };
  const effect: HostFunction["effect"] = (grant, args) => {
    checkArguments(about, args);
    return effectOf(fn, grant, args);
  };
  return { ...fn, call, ...(typeof fn.effect === "function" ? { effect } : {}) };
}

export function findHandler(type: string): Handler | undefined {
  return byType.get(type);
}

/** The host's side of an import, with the handler type whose grant it needs. */
export function findHostFunction(about: string): { handler: string; fn: HostFunction } | undefined {
  return functions.get(about);
}

/** Whether the isolate answers this function itself. */
export function isPure(about: string): boolean {
  return pure.has(about);
}

/** The handler type whose grant a function needs that the isolate answers; undefined for all others. */
export function pureHandler(about: string): string | undefined {
  return pure.get(about);
}

/**
 * A handler is granted in both directions: without it the guest cannot call out, and is not called. Throws
 * `missing-handler` for an export, `interface#function`, whose handler is not among the grants.
 */
export function checkDriven(about: string, grants: Readonly<Record<string, unknown>>): void {
  const name = about.slice(0, about.indexOf("#"));
  const handler = drivers.get(name);
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
export function checkImports({ imports, exports }: ComponentDescription): void {
  for (const { name, functions: wanted } of imports) {
    for (const fn of Object.keys(wanted)) {
      const about = `${name}#${fn}`;
      if (functions.has(about) || pure.has(about)) continue;
      throw new TheaterError(
        "unknown-import",
        `The component imports ${about}, which no handler provides: build it against the interfaces ` +
          `${[...byInterface.keys()].join(", ")}, or stub the import out when building.`,
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
export function neededHandlers({ imports }: ComponentDescription): string[] {
  const types = imports
    .filter(({ functions: wanted }) => Object.keys(wanted).length > 0)
    .map(({ name }) => byInterface.get(name)?.type ?? "");
  return [...new Set(types)];
}
