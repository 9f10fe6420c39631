// URL and URLSearchParams as far as a server needs them: http and https, absolute or relative to one that is.
// Hosts are taken as they are; anything else throws.

import { decodeUtf8, encodeUtf8 } from "../utf8.ts";

type Pairs = Iterable<readonly [string, string]>;

export class GuestSearchParams {
  #pairs: [string, string][];
  /** Where it is the query of a URL. */
  onChange: () => void = () => undefined;

  constructor(init: string | Pairs | Readonly<Record<string, string>> = "") {
    if (typeof init === "string") this.#pairs = parseForm(init.replace(/^\?/, ""));
    else {
      const pairs = Symbol.iterator in init ? (init as Pairs) : Object.entries(init);
      this.#pairs = [...pairs].map(([name, value]) => [String(name), String(value)]);
    }
  }

  get size(): number {
    return this.#pairs.length;
  }

  get(name: string): string | null {
    return this.#pairs.find(([key]) => key === name)?.[1] ?? null;
  }

  getAll(name: string): string[] {
    return this.#pairs.filter(([key]) => key === name).map(([, value]) => value);
  }

  has(name: string): boolean {
    return this.#pairs.some(([key]) => key === name);
  }

  append(name: string, value: string): void {
    this.#pairs.push([name, String(value)]);
    this.onChange();
  }

  set(name: string, value: string): void {
    const at = this.#pairs.findIndex(([key]) => key === name);
    const rest = this.#pairs.filter(([key]) => key !== name);
    rest.splice(at < 0 ? rest.length : at, 0, [name, String(value)]);
    this.#pairs = rest;
    this.onChange();
  }

  delete(name: string): void {
    this.#pairs = this.#pairs.filter(([key]) => key !== name);
    this.onChange();
  }

  sort(): void {
    this.#pairs = this.#pairs.toSorted(([one], [other]) =>
      one < other ? -1 : one > other ? 1 : 0,
    );
    this.onChange();
  }

  forEach(visit: (value: string, name: string) => void): void {
    for (const [name, value] of this.#pairs) visit(value, name);
  }

  entries(): IterableIterator<[string, string]> {
    return this.#pairs.map(([name, value]): [string, string] => [name, value]).values();
  }

  keys(): IterableIterator<string> {
    return this.#pairs.map(([name]) => name).values();
  }

  values(): IterableIterator<string> {
    return this.#pairs.map(([, value]) => value).values();
  }

  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.entries();
  }

  toString(): string {
    return this.#pairs.map((pair) => pair.map(encodeFormPart).join("=")).join("&");
  }
}

/** `application/x-www-form-urlencoded`. */
function parseForm(text: string): [string, string][] {
  const parts = text.split("&").filter((part) => part !== "");
  return parts.map((part) => {
    const at = part.indexOf("=");
    const [name, value] = at < 0 ? [part, ""] : [part.slice(0, at), part.slice(at + 1)];
    return [decodeFormPart(name), decodeFormPart(value)];
  });
}

/** Never throws: what is no encoding stays as it is. */
function decodeFormPart(text: string): string {
  const plain = text.replaceAll("+", " ");
  if (!plain.includes("%")) return plain;
  const bytes: number[] = [];
  for (let at = 0; at < plain.length; at++) {
    const hex = /^%([0-9A-Fa-f]{2})/.exec(plain.slice(at, at + 3))?.[1];
    if (hex === undefined) {
      const character = String.fromCodePoint(plain.codePointAt(at) ?? 0);
      bytes.push(...encodeUtf8(character));
      at += character.length - 1;
    } else {
      bytes.push(Number.parseInt(hex, 16));
      at += 2;
    }
  }
  return decodeUtf8(Uint8Array.from(bytes), false);
}

function encodeFormPart(text: string): string {
  return encodeURIComponent(text.toWellFormed())
    .replaceAll("%20", "+")
    .replace(/[!'()~]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}

const ABSOLUTE = /^(https?):\/\/([^/?#@\s]+)([^?#]*)(\?[^#]*)?(#.*)?$/i;
const DEFAULT_PORTS: Readonly<Record<string, string>> = { "http:": "80", "https:": "443" };

export class GuestUrl {
  readonly protocol: string;
  readonly hostname: string;
  readonly port: string;
  readonly username = "";
  readonly password = "";
  pathname: string;
  search: string;
  hash: string;
  readonly searchParams: GuestSearchParams;

  constructor(url: string | GuestUrl, base?: string | GuestUrl) {
    const text = absolute(String(url).trim(), base);
    const [, scheme = "", host = "", path = "", search = "", hash = ""] = ABSOLUTE.exec(text) ?? [];
    if (scheme === "") {
      throw new TypeError(`${JSON.stringify(String(url))} is no http or https URL`);
    }
    this.protocol = `${scheme.toLowerCase()}:`;
    const [, name = host, port = ""] = /^(.*):([0-9]+)$/.exec(host) ?? [];
    this.hostname = name.toLowerCase();
    this.port = port === DEFAULT_PORTS[this.protocol] ? "" : port;
    this.pathname = normalPath(path);
    this.search = search === "?" ? "" : encodeOdd(search);
    this.hash = hash === "#" ? "" : encodeOdd(hash);
    this.searchParams = new GuestSearchParams(this.search);
    this.searchParams.onChange = () => {
      const query = this.searchParams.toString();
      this.search = query === "" ? "" : `?${query}`;
    };
  }

  static canParse(url: string, base?: string): boolean {
    return GuestUrl.parse(url, base) !== null;
  }

  static parse(url: string, base?: string): GuestUrl | null {
    try {
      return new GuestUrl(url, base);
    } catch {
      return null;
    }
  }

  get host(): string {
    return this.port === "" ? this.hostname : `${this.hostname}:${this.port}`;
  }

  get origin(): string {
    return `${this.protocol}//${this.host}`;
  }

  get href(): string {
    return `${this.origin}${this.pathname}${this.search}${this.hash}`;
  }

  toString(): string {
    return this.href;
  }

  toJSON(): string {
    return this.href;
  }
}

function absolute(text: string, base: string | GuestUrl | undefined): string {
  if (base === undefined || ABSOLUTE.test(text)) return text;
  const { protocol, origin, pathname, search } = new GuestUrl(base);
  if (text.startsWith("//")) return protocol + text;
  if (text.startsWith("/")) return origin + text;
  if (text.startsWith("?")) return origin + pathname + text;
  if (text === "" || text.startsWith("#")) return origin + pathname + search + text;
  return origin + pathname.slice(0, pathname.lastIndexOf("/") + 1) + text;
}

/** Without `.` and `..`, which name nothing that they could be told apart by. */
function normalPath(path: string): string {
  const kept: string[] = [];
  const segments = encodeOdd(path).split("/").slice(1);
  for (const [at, segment] of segments.entries()) {
    const plain = segment.replace(/%2e/gi, ".");
    if (plain === "..") kept.pop();
    if (plain !== "." && plain !== "..") kept.push(segment);
    else if (at === segments.length - 1) kept.push("");
  }
  return `/${kept.join("/")}`;
}

const encodeOdd = (text: string): string =>
  text.replace(/[^\x21-\x7e]|["<>`]/gu, (character) =>
    encodeURIComponent(character.toWellFormed()),
  );
