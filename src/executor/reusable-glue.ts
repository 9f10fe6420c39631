// jco's `instantiate` defines some fifty functions and classes, and then makes an instance with them. Here the
// definitions come out of it, into an environment that one instance after the other can use: an instance of classes
// that V8 has never seen costs several times as much as one of classes that it knows.
//
// Rule: everything that is not a definition is made again for each instance, before anything of it runs, and let go
// behind it: a view of its memory would keep all of that. So the environment means nothing, and what jco may write in a
// form that is not known here is refused. Only the wasm may be there already: the glue asks a maker for it, which may
// have put it back to its beginning (wasm-store.ts).

import { bare, splitStatements, unknown } from "./glue-statements.ts";

const HEAD =
  "export function instantiate(getCoreModule, imports, instantiateCore = (module, importObject) => new WebAssembly.Instance(module, importObject)) {";
/** Where jco's runtime ends and the component begins. */
const COMPONENT = /^let gen= \(function\* _initGenerator \(\) \{/;
const FUNCTION = /^(?:async )?function\*? ([\w$]+) ?\(/;
const CLASS = /^class ([\w$]+) (?:extends [\w$]+ )?\{/;
/** A function all the same: what it uses is what the environment has at the time. */
const ARROW = /^const ([\w$]+) = (?:\([\w$., ]*\)|[\w$]+) => /;
const VARIABLE = /^(?:let|const) ([\w$]+) ?= ?([^]+);$/;
const TAKEN = /^const \{ ([\w$:, ]+) \} = (imports(?:\.[\w$]+|\['[^'\n]+'\]));$/;
/** The same for every instance: without `stream`, a decoder keeps nothing, and jco's never streams. */
const CODER = /^new Text(?:De|En)coder\([^()]*\)$/;
const STREAMS = /\bstream: true\b/;
const CHECK = /^if \([\w$]+ ?=== undefined\) \{/;

/** Static fields that are the same for ever. */
const CONSTANT_STATICS: ReadonlySet<string> = new Set([
  "BlockResult",
  "EVENT_HANDLER_EVENTS",
  "FREE",
  "State",
  "TickResult",
]);
const STATIC = /\bstatic (?:(#?[\w$]+) = ([^;{[]*)|(?!\w+\())/g;
const COUNTER = /^(\d+n?)$/;
/**
 * What could run after its turn. An environment that has done so is never used again. A call to the host begins as a
 * microtask, and a guest that cannot wait for it (in `cabi_realloc`) may go on without it.
 */
const TIMER = /(?<![\w$.])(setTimeout|setInterval|queueMicrotask)\(/g;
/** Of a FinalizationRegistry: the garbage collector would call back. */
const REGISTERS = /(?<![\w$.#])([\w$]+)\.register\(/g;
/** Not a definition, and not worth a call: it prints where an environment variable says so, and a guest has none. */
const DEBUG = /([;{}]\s*)_debugLog\(/g;

/** What the glue makes wasm with, and what it asks for instead. */
const MAKES: readonly (readonly [RegExp, string])[] = [
  [/new WebAssembly\.Instance\(/g, "wasmMaker.instance("],
  [/new WebAssembly\.Suspending\(/g, "wasmMaker.suspending("],
  [/new (?:globalThis\.)?WebAssembly\.Global\(/g, "wasmMaker.global("],
  [/(?<![\w$.])WebAssembly\.promising\(/g, "wasmMaker.promising("],
];
const MAKES_OTHERWISE =
  /WebAssembly\.(?:Instance|Suspending|Global|Memory|Table|Tag|promising|instantiate\w*)\s*\(/;

interface Parts {
  readonly definitions: string[];
  /** What each instance begins with, in jco's order. */
  readonly beginnings: string[];
  readonly names: string[];
  readonly statics: string[];
  readonly component: string[];
}

/**
 * `component.js` as jco wrote it becomes one that exports `environment()` instead of `instantiate`. `restorable` says
 * whether all state of its core modules can be put back.
 */
export function reusable(source: string, restorable: boolean): string {
  const [before, after, ...more] = source.split(HEAD).map(asking);
  if (before === undefined || after === undefined || more.length > 0) {
    throw unknown("an instantiate", source.slice(0, 200));
  }
  if (STREAMS.test(source)) throw unknown("a decoder that streams", "stream: true");
  const { statements, end } = splitStatements(after, 0);
  const parts = sort(statements);
  const body = [
    `let getCoreModule, imports, instantiateCore, wasmMaker, timers = 0;`,
    ...(parts.names.length === 0 ? [] : [`let ${parts.names.join(", ")};`]),
    ...parts.definitions,
    `return { restorable: ${restorable}, rest() {`,
    `if (timers > 0) return false;`,
    ...["getCoreModule", "imports", "instantiateCore", "wasmMaker", ...parts.names].map(
      (name) => `${name} = undefined;`,
    ),
    `return true;`,
    `}, instantiate(getCoreModuleNow, importsNow, wasmMakerNow) {`,
    `getCoreModule = getCoreModuleNow; imports = importsNow; wasmMaker = wasmMakerNow;`,
    `instantiateCore = (module, importObject) => wasmMakerNow.instance(module, importObject);`,
    ...parts.statics,
    ...parts.beginnings,
    ...parts.component,
    `} };`,
  ].map((text) => quiet(text));
  return `${before}export function environment() {\n${body.join("\n")}\n${after.slice(end)}`;
}

function asking(text: string): string {
  const asked = MAKES.reduce((sum, [pattern, instead]) => sum.replaceAll(pattern, instead), text);
  const otherwise = MAKES_OTHERWISE.exec(asked);
  if (otherwise !== null) throw unknown("wasm", otherwise[0]);
  return asked;
}

function quiet(text: string): string {
  return text
    .replaceAll(DEBUG, "$10 && _debugLog(")
    .replaceAll(TIMER, "(timers++, $1)(")
    .replaceAll(REGISTERS, "(timers++, $1).register(");
}

function sort(statements: readonly string[]): Parts {
  const parts: Parts = { definitions: [], beginnings: [], names: [], statics: [], component: [] };
  const border = statements.findIndex((statement) => COMPONENT.test(bare(statement)));
  if (border === -1) throw unknown("a component", statements.at(-1) ?? "");
  for (const statement of statements.slice(0, border)) place(statement, parts);
  parts.component.push(...statements.slice(border));
  return parts;
}

function place(statement: string, parts: Parts): void {
  const text = bare(statement);
  const className = CLASS.exec(text)?.[1];
  if (className !== undefined) parts.statics.push(...staticsOf(className, text));
  if (className !== undefined || FUNCTION.test(text) || ARROW.test(text)) {
    parts.definitions.push(statement);
    return;
  }
  const [, name, value] = VARIABLE.exec(text) ?? [];
  const [, fields, from] = TAKEN.exec(text) ?? [];
  if (name !== undefined && value !== undefined && CODER.test(value)) {
    parts.definitions.push(`const ${name} = ${value};`);
  } else if (name !== undefined) {
    parts.names.push(name);
    parts.beginnings.push(`${name} = ${value};`);
  } else if (fields !== undefined) {
    parts.names.push(...fields.split(",").map((field) => field.replace(/^.*:/, "").trim()));
    parts.beginnings.push(`({ ${fields} } = ${from});`);
  } else if (CHECK.test(text)) {
    parts.beginnings.push(statement);
  } else {
    throw unknown("a statement", text.slice(0, 80));
  }
}

/** How the counters of a class begin again. */
function staticsOf(className: string, text: string): string[] {
  const begun: string[] = [];
  for (const [whole, name, value = ""] of text.matchAll(STATIC)) {
    if (name !== undefined && CONSTANT_STATICS.has(name)) continue;
    if (name === undefined || name.startsWith("#") || !COUNTER.test(value)) {
      throw unknown("a static field", `${className}: ${whole}`);
    }
    begun.push(`${className}.${name} = ${value};`);
  }
  return begun;
}
