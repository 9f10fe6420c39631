// Splits the body of a function that jco wrote into its statements. Rule: what is not understood is refused, never
// guessed, and the statements put together again are the body.

import { TheaterError } from "../lib/errors.ts";

/** Blanks, comments, strings, templates without holes, numbers and names: nothing in them opens or closes anything. */
const SKIPPED =
  /\s+|\/\/[^\n]*|\/\*[^]*?\*\/|'(?:[^'\\\n]|\\[^])*'|"(?:[^"\\\n]|\\[^])*"|`(?:[^`\\$]|\\[^]|\$(?!\{))*`|[\w$#]+/y;
const TEMPLATE_PART = /(?:[^`\\$]|\\[^]|\$(?!\{))*(`|\$\{)/y;
/** Behind these a slash divides; elsewhere it would begin a regular expression, and jco writes none. */
const DIVIDES = /[\w$)\]]\s*$/;
const BLOCK = /^(?:(?:async\s+)?function\b|class\b|if\b)/;
const DEPTH_MAX = 200;

/** The statements between `from`, just behind the opening brace, and its closing one, which is at `end`. */
export function splitStatements(
  source: string,
  from: number,
): { statements: string[]; end: number } {
  const statements: string[] = [];
  const open: string[] = [];
  let [start, at] = [from, from];
  const cut = (): void => {
    const text = source.slice(start, at);
    if (text.trim() !== "") statements.push(text);
    start = at;
  };
  while (at < source.length) {
    const skipped = match(SKIPPED, source, at);
    if (skipped !== undefined) {
      at += skipped[0].length;
      continue;
    }
    const char = source.charAt(at);
    if (char === "}" && open.length === 0) {
      cut();
      return { statements, end: at };
    }
    at++;
    if (char === "`") at = openTemplate(source, at, open);
    else if ("([{".includes(char)) open.push(char);
    else if (")]}".includes(char)) {
      const opened = open.pop();
      if (char === "}" && opened === "`") at = openTemplate(source, at, open);
      else if (opened === undefined || "([{".indexOf(opened) !== ")]}".indexOf(char)) break;
      else if (char === "}" && open.length === 0 && isBlock(source.slice(start, at))) cut();
    } else if (char === "/" && !DIVIDES.test(source.slice(Math.max(0, at - 40), at - 1))) break;
    else if (char === ";" && open.length === 0) cut();
    if (open.length > DEPTH_MAX) break;
  }
  throw unknown("statements", source.slice(start, start + 60));
}

/** Up to the end of a template, or into its next hole. */
function openTemplate(source: string, at: number, open: string[]): number {
  const part = match(TEMPLATE_PART, source, at);
  if (part === undefined) throw unknown("a template", source.slice(at, at + 60));
  if (part[1] === "${") open.push("`");
  return at + part[0].length;
}

function isBlock(text: string): boolean {
  return BLOCK.test(bare(text));
}

/** Without the comments and blanks in front. */
export function bare(statement: string): string {
  return statement.replace(/^(?:\s+|\/\/[^\n]*|\/\*[^]*?\*\/)+/, "");
}

function match(pattern: RegExp, source: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at;
  const found = pattern.exec(source);
  return found === null || found[0] === "" ? undefined : found;
}

export function unknown(what: string, found: string): TheaterError {
  return new TheaterError(
    "transpile-failed",
    `jco's output has ${what} of a form that is not known here: ${JSON.stringify(found)}`,
  );
}
