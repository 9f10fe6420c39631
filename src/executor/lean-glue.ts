// What jco's output does for each instance although no component here needs it is left out. Rule: where something
// has exactly the known form it goes, and where it does not it stays: it costs time, and nothing else.

import { bare, splitStatements } from "./glue-statements.ts";

const GENERATOR = "let gen= (function* _initGenerator () {";

/** Read of callbacks alone, and no component has one: describe-component refuses them. */
const MARKED =
  /Object\.assign\((exports\d+(?:\.\w+|\['[^'\n]+'\])|trampoline\d+|_guardMayLeave\(\d+, trampoline\d+\)), \{ _jcoMaySuspend: false \}\)/g;
/** A second form of a function, for callers that can wait. */
const TWIN =
  /\btry \{\s*(\w+Async) = WebAssembly\.promising\(([^()\n]+)\);\s*\} catch\(err\) \{\s*\1 = \2;\s*\}/g;

const SHIM = /^\(\{ exports: (exports\d+) \} = instantiateCore\((module\d+)\)\);$/;
const FIXUPS =
  /^\(\{ exports: (exports\d+) \} = instantiateCore\((module\d+), \{\s*actual: \{([^{}]*)\},\s*shim: \{\s*\$imports: (exports\d+)\.\$imports,\s*\},\s*\}\)\);$/;
const ACTUAL = /^\s*'(\d+)': (trampoline\d+)$/;
const INSTANCE = /^\(\{ exports: (exports\d+) \} = instantiateCore\((module\d+), /;

/** `startsItself`: whether instantiating a core module, named as in its file, runs some of its code. */
export function lean(source: string, startsItself: (core: string) => boolean): string {
  return withoutShim(withoutTwins(source.replaceAll(MARKED, "$1")), startsItself);
}

function withoutTwins(source: string): string {
  return source.replaceAll(
    TWIN,
    (twin, name: string) => (countOf(source, name) === 3 ? "" : twin), // declared, and set in two ways
  );
}

/**
 * A component's imports need its memory, and its memory needs the instance that imports them. For engines that bind
 * imports early there is a core module that hands calls on by a table, and another that fills the table once the
 * memory is there. jco's trampolines look for the memory when they are called, so they can be imported themselves:
 * two core instances less, of three. Not where a module calls its imports as it starts, which the empty table traps.
 */
function withoutShim(source: string, startsItself: (core: string) => boolean): string {
  const at = source.indexOf(GENERATOR);
  if (at === -1) return source;
  const begun = at + GENERATOR.length;
  const { statements, end } = splitStatements(source, begun);
  const texts = statements.map((statement) => bare(statement));
  const fixups = texts.flatMap((text) => FIXUPS.exec(text) ?? []).slice(0, 5);
  const [filling, unused = "", , list = "", shim = ""] = fixups;
  const making = texts.find((text) => SHIM.exec(text)?.[1] === shim);
  if (filling === undefined || making === undefined || countOf(source, unused) !== 2) return source;
  const actual = new Map<string, string>();
  for (const one of list.split(",").filter((part) => part.trim() !== "")) {
    const [, key, trampoline] = ACTUAL.exec(one) ?? [];
    if (key === undefined || trampoline === undefined) return source;
    const isThere = texts.findIndex((text) => text.startsWith(`let ${trampoline} =`));
    if (isThere === -1 || isThere > texts.indexOf(making)) return source;
    actual.set(`${shim}['${key}']`, trampoline);
  }
  let left = countOf(source, shim) - 3; // declared, made, and its table given on
  const direct = statements.map((statement, index) => {
    const text = texts[index] ?? "";
    if (text === filling || text === making) return "";
    const [, , module = ""] = INSTANCE.exec(text) ?? [];
    if (!text.includes(`${shim}[`) || startsItself(coreOf(source, module))) return statement;
    return statement.replaceAll(new RegExp(`\\b${shim}\\['\\d+'\\]`, "g"), (use) => {
      left--;
      return actual.get(use) ?? use;
    });
  });
  const body = direct.join("");
  if (left !== 0 || countOf(body, shim) !== 1) return source;
  return source.slice(0, begun) + body + source.slice(end);
}

/** The file of a core module; empty where nothing says it. */
function coreOf(source: string, module: string): string {
  return new RegExp(`\\bconst ${module} = getCoreModule\\('([\\w.]+)'\\);`).exec(source)?.[1] ?? "";
}

/** How often a name stands there, as a word. */
function countOf(source: string, name: string): number {
  return name === "" ? 0 : source.split(new RegExp(`(?<![\\w$])${name}(?![\\w$])`)).length - 1;
}
