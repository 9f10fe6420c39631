// Which components are standard ones, and which functions of WASI 0.2 there are for them. All patch versions of 0.2
// are one: they only ever add functions (semantic versioning), and what is added without being here is refused.

import type { ComponentDescription, ComponentInterface } from "../executor/wit-type.ts";
import { camelCase } from "../executor/wit-value.ts";
import { isAbsent } from "./absent.ts";
import { standardImports } from "./imports.ts";
import { logSink } from "./log-sink.ts";
import type { World } from "./world.ts";

const VERSIONED = /^(wasi:[a-z-]+\/[a-z-]+)@0\.2\.[0-9]+$/;
const HANDLER = "wasi:http/incoming-handler";
const ACTOR = "theater:simple/actor";

/** The name without its version; undefined for what is not of WASI 0.2. */
export function standardName(name: string): string | undefined {
  return VERSIONED.exec(name)?.[1];
}

/** The name of the interface by which a component is a standard one; undefined for an actor of Theater's own kind. */
export function standardHandler(exports: ComponentDescription["exports"]): string | undefined {
  if (exports.some(({ name }) => name === ACTOR)) return undefined;
  return exports.find(({ name }) => standardName(name) === HANDLER)?.name;
}

/** The handler whose grant an interface needs; null: it reaches nothing. */
const HANDLERS: Readonly<Record<string, string>> = {
  "wasi:cli/environment": "environment",
  "wasi:cli/stderr": "runtime",
  "wasi:cli/stdout": "runtime",
  "wasi:clocks/monotonic-clock": "timing",
  "wasi:clocks/wall-clock": "timing",
  "wasi:http/outgoing-handler": "http-client",
  "wasi:random/insecure": "random",
  "wasi:random/insecure-seed": "random",
  "wasi:random/random": "random",
};

/** The handlers whose grants a standard component needs for its imports. */
export function standardGrants(imports: readonly ComponentInterface[]): string[] {
  return imports.flatMap(({ name, functions }) => {
    const handler = HANDLERS[standardName(name) ?? ""];
    return handler === undefined || Object.keys(functions).length === 0 ? [] : [handler];
  });
}

const nowhere: World = {
  here: notNow,
  host: notNow,
  nowMs: notNow,
  end: notNow,
  streams: false,
  answersHead: false,
};

function notNow(): never {
  throw new Error("an import was called outside of a turn");
}

const provided = standardImports(nowhere, logSink(nowhere));

const MEMBER = /^\[(constructor|method|static)\]([^.]+)(?:\.(.+))?$/;

/** Whether a standard component is given this function, by its interface with its version. */
function isStandard(name: string, fn: string): boolean {
  const standard = standardName(name);
  if (standard === undefined) return false;
  if (isAbsent(standard)) return true;
  const table = provided[standard];
  if (table === undefined) return false;
  const [, kind, resource = "", member = ""] = MEMBER.exec(fn) ?? [];
  if (kind === undefined) return typeof table[camelCase(fn)] === "function";
  const made = table[className(resource)];
  if (typeof made !== "function" || kind === "constructor") return typeof made === "function";
  const owner = (kind === "static" ? made : made.prototype) as Record<string, unknown>;
  return typeof owner[camelCase(member)] === "function";
}

/** What is left of a standard component's imports for handlers to provide; of an actor's all. */
export function otherImports({ imports, exports }: ComponentDescription): ComponentInterface[] {
  if (standardHandler(exports) === undefined) return [...imports];
  return imports.map((one) => {
    const others = Object.entries(one.functions).filter(([fn]) => !isStandard(one.name, fn));
    return { ...one, functions: Object.fromEntries(others) };
  });
}

export function className(resource: string): string {
  const name = camelCase(resource);
  return name.slice(0, 1).toUpperCase() + name.slice(1);
}

/** Functions that may have to wait for the host; all others answer at once. */
const WAITING: ReadonlySet<string> = new Set([
  "wasi:cli/environment#get-environment",
  "wasi:http/outgoing-handler#handle",
  "wasi:http/types#[static]outgoing-body.finish",
  "wasi:http/types#[static]response-outparam.set",
  "wasi:io/poll#[method]pollable.block",
  "wasi:io/poll#poll",
  "wasi:io/streams#[method]output-stream.blocking-flush",
  "wasi:io/streams#[method]output-stream.blocking-splice",
  "wasi:io/streams#[method]output-stream.blocking-write-and-flush",
  "wasi:io/streams#[method]output-stream.blocking-write-zeroes-and-flush",
  "wasi:io/streams#[method]output-stream.flush",
]);

/** Whether `interface#function` is one of WASI that answers at once. */
export function answersAtOnce(about: string): boolean {
  const at = about.indexOf("#");
  const standard = standardName(about.slice(0, at));
  return standard !== undefined && !WAITING.has(standard + about.slice(at));
}
