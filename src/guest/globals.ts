// Globals for actors, installed before the actor's own modules run. QuickJS lacks TextEncoder, TextDecoder
// and console. Its own clock traps in a component without WASI, and its own Math.random is seeded when
// the component is built and would draw the same numbers every turn; both would also leave no record. So
// time and chance come from the granted handlers, or refuse with a sentence that names the handler.

import { Utf8Decoder, Utf8Encoder } from "./text-coding.ts";

let now = refuse("The time", "timing");
let random = refuse("Math.random()", "random");
let write = (_line: string): void => {}; // without the runtime handler there is nowhere to write to

export function useClock(clock: () => number): void {
  now = clock;
}

export function useRandom(source: () => number): void {
  random = source;
}

export function useLog(log: (line: string) => void): void {
  write = log;
}

function refuse(what: string, handler: string): () => number {
  return () => {
    throw new Error(
      `${what} is not there: grant [[handler]] type = "${handler}" in manifest.toml and build again`,
    );
  };
}

function installClock(): void {
  const native = Date;
  native.now = () => now();
  const recorded = new Proxy(native, {
    construct: (target, args: unknown[], newTarget) =>
      Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget) as object,
    apply: () => new native(now()).toString(),
  });
  native.prototype.constructor = recorded; // no way back to the clock that traps
  define("Date", recorded);
  define("performance", { timeOrigin: 0, now: () => now() });
}

function installConsole(): void {
  const level =
    (prefix: string) =>
    (...values: unknown[]) =>
      write(prefix + values.map(show).join(" "));
  define("console", {
    log: level(""),
    info: level(""),
    debug: level("debug: "),
    trace: level("trace: "),
    warn: level("warning: "),
    error: level("error: "),
  });
}

// An error without its stack: where code lies in a bundle is no part of what the actor says.
function show(value: unknown): string {
  if (typeof value === "string") return value;
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  if (typeof value !== "object" || value === null) return String(value);
  try {
    return JSON.stringify(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
}

function define(name: string, value: unknown): void {
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
}

define("TextEncoder", Utf8Encoder);
define("TextDecoder", Utf8Decoder);
Math.random = () => random();
installClock();
installConsole();
