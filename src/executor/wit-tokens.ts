// WIT text as tokens. What is not WIT is refused with its line, so that a wrong text never means something.

import { TheaterError } from "../lib/errors.ts";
import { isKeyword } from "./wit-names.ts";

interface Token {
  /** `name`: an identifier that is no keyword, without its `%`; `end`: behind the last one. */
  kind: "word" | "name" | "version" | "mark" | "end";
  text: string;
  line: number;
}

const TOKEN =
  /(?<space>\s+)|(?<comment>\/\/.*)|(?<name>%?[A-Za-z][A-Za-z0-9-]*)|@(?<version>[0-9][0-9A-Za-z.+-]*)|(?<mark>->|[{}()<>:;,=./_])/y;

/** Throws `bad-request` with the line. */
export class Tokens {
  readonly #tokens: Token[] = [];
  #next = 0;

  constructor(text: string) {
    let line = 1;
    for (let at = 0; at < text.length;) {
      let end = at;
      if (text.startsWith("/*", at)) {
        end = endOfComment(text, at);
      } else {
        TOKEN.lastIndex = at;
        const { name, version, mark } = TOKEN.exec(text)?.groups ?? {};
        end = Math.max(TOKEN.lastIndex, at);
        if (name !== undefined) this.#tokens.push(word(name, line));
        if (version !== undefined) this.#tokens.push({ kind: "version", text: version, line });
        if (mark !== undefined) this.#tokens.push({ kind: "mark", text: mark, line });
      }
      if (end === at) throw wrong(line, `${JSON.stringify(text.charAt(at))} has no place in it`);
      line += text.slice(at, end).split("\n").length - 1;
      at = end;
    }
    this.#tokens.push({ kind: "end", text: "the end", line });
  }

  get #token(): Token {
    return this.#tokens[this.#next] ?? { kind: "end", text: "the end", line: 0 };
  }

  get isAtEnd(): boolean {
    return this.#token.kind === "end";
  }

  /** Takes the keyword or mark if it is the next token. */
  take(text: string): boolean {
    const { kind } = this.#token;
    const isNext = (kind === "word" || kind === "mark") && this.#token.text === text;
    if (isNext) this.#next++;
    return isNext;
  }

  expect(...texts: string[]): void {
    for (const text of texts) if (!this.take(text)) throw this.unexpected(`"${text}"`);
  }

  name(): string {
    const { kind, text } = this.#token;
    if (kind !== "name") throw this.unexpected("a name");
    this.#next++;
    return text;
  }

  /** `@1.2.3` if there is one. */
  version(): string {
    const { kind, text } = this.#token;
    if (kind !== "version") return "";
    this.#next++;
    return `@${text}`;
  }

  /** One or more of `item`, separated by commas, up to the closing mark; the last comma may stand. */
  list<T>(close: string, item: () => T): T[] {
    const items: T[] = [];
    while (!this.take(close)) {
      items.push(item());
      if (this.take(",")) continue;
      this.expect(close);
      break;
    }
    return items;
  }

  unexpected(wanted: string): TheaterError {
    return this.wrong(`${wanted} is expected before ${JSON.stringify(this.#token.text)}`);
  }

  wrong(what: string): TheaterError {
    return wrong(this.#token.line, what);
  }
}

/** Kebab-case: each word begins with a letter and is all of one case. */
const LABEL = /^(?:[a-z][a-z0-9]*|[A-Z][A-Z0-9]*)(?:-(?:[a-z0-9]+|[A-Z0-9]+))*$/;

function word(text: string, line: number): Token {
  const name = text.replace("%", "");
  if (!LABEL.test(name)) throw wrong(line, `${name} is not a name in kebab-case`);
  return { kind: text === name && isKeyword(name) ? "word" : "name", text: name, line };
}

/** Block comments may hold block comments. */
function endOfComment(text: string, start: number): number {
  let depth = 0;
  for (const { 0: mark, index } of text.slice(start).matchAll(/\/\*|\*\//g)) {
    depth += mark === "/*" ? 1 : -1;
    if (depth === 0) return start + index + mark.length;
  }
  return text.length;
}

function wrong(line: number, what: string): TheaterError {
  return new TheaterError("bad-request", `Mend line ${line} of the WIT text: ${what}.`, { line });
}
