// FormData, Blob and File: what a form posts, read from its two encodings. Everything is in memory.

import { decodeUtf8, encodeUtf8 } from "../utf8.ts";
import { GuestSearchParams } from "./url.ts";

export class GuestBlob {
  readonly type: string;
  readonly #bytes: Uint8Array;

  constructor(
    parts: readonly (string | Uint8Array | ArrayBuffer | GuestBlob)[] = [],
    options: { type?: string } = {},
  ) {
    const pieces = parts.map(bytesOf);
    this.#bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const piece of pieces) {
      this.#bytes.set(piece, at);
      at += piece.length;
    }
    this.type = options.type?.toLowerCase() ?? "";
  }

  get size(): number {
    return this.#bytes.length;
  }

  /** What `Response` reads at once. */
  get content(): Uint8Array {
    return this.#bytes;
  }

  slice(start?: number, end?: number, type?: string): GuestBlob {
    return new GuestBlob([this.#bytes.slice(start, end)], type === undefined ? {} : { type });
  }

  text(): Promise<string> {
    return Promise.resolve(decodeUtf8(this.#bytes, false));
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    return Promise.resolve(this.#bytes.slice().buffer);
  }

  bytes(): Promise<Uint8Array> {
    return Promise.resolve(this.#bytes.slice());
  }
}

function bytesOf(part: string | Uint8Array | ArrayBuffer | GuestBlob): Uint8Array {
  if (typeof part === "string") return encodeUtf8(part);
  if (part instanceof GuestBlob) return part.content;
  return part instanceof Uint8Array ? part : new Uint8Array(part);
}

export class GuestFile extends GuestBlob {
  readonly name: string;
  readonly lastModified = 0;

  constructor(
    parts: ConstructorParameters<typeof GuestBlob>[0],
    name: string,
    options: { type?: string } = {},
  ) {
    super(parts, options);
    this.name = name;
  }
}

type Entry = string | GuestFile;

export class GuestFormData {
  #entries: [string, Entry][] = [];

  append(name: string, value: Entry): void {
    this.#entries.push([name, value]);
  }

  set(name: string, value: Entry): void {
    this.delete(name);
    this.append(name, value);
  }

  get(name: string): Entry | null {
    return this.#entries.find(([key]) => key === name)?.[1] ?? null;
  }

  getAll(name: string): Entry[] {
    return this.#entries.filter(([key]) => key === name).map(([, value]) => value);
  }

  has(name: string): boolean {
    return this.#entries.some(([key]) => key === name);
  }

  delete(name: string): void {
    this.#entries = this.#entries.filter(([key]) => key !== name);
  }

  forEach(visit: (value: Entry, name: string) => void): void {
    for (const [name, value] of this.#entries) visit(value, name);
  }

  entries(): IterableIterator<[string, Entry]> {
    return this.#entries.map(([name, value]): [string, Entry] => [name, value]).values();
  }

  keys(): IterableIterator<string> {
    return this.#entries.map(([name]) => name).values();
  }

  values(): IterableIterator<Entry> {
    return this.#entries.map(([, value]) => value).values();
  }

  [Symbol.iterator](): IterableIterator<[string, Entry]> {
    return this.entries();
  }
}

/** Throws for a content type that is no form's. */
export function readForm(bytes: Uint8Array, contentType: string | null): GuestFormData {
  const form = new GuestFormData();
  const boundary = /^multipart\/form-data\s*;.*boundary=(?:"([^"]+)"|([^\s;]+))/i.exec(
    contentType ?? "",
  );
  if (boundary !== null) {
    readMultipart(form, bytes, boundary[1] ?? boundary[2] ?? "");
  } else if (/^application\/x-www-form-urlencoded/i.test(contentType ?? "")) {
    for (const [name, value] of new GuestSearchParams(decodeUtf8(bytes, false))) {
      form.append(name, value);
    }
  } else {
    throw new TypeError(`the body is no form: its content type is ${contentType ?? "missing"}`);
  }
  return form;
}

const BREAK = encodeUtf8("\r\n");
const HEAD_END = encodeUtf8("\r\n\r\n");

/** RFC 7578. What is no part is left out. */
function readMultipart(form: GuestFormData, bytes: Uint8Array, boundary: string): void {
  const line = encodeUtf8(`--${boundary}`);
  let at = find(bytes, line, 0);
  while (at >= 0) {
    const start = at + line.length + BREAK.length;
    const next = find(bytes, line, start);
    if (next < 0) return;
    const head = find(bytes, HEAD_END, start - BREAK.length);
    if (head >= 0 && head < next) {
      const fields = decodeUtf8(bytes.subarray(start, Math.max(start, head)), false);
      addPart(form, fields, bytes.slice(head + HEAD_END.length, next - BREAK.length));
    }
    at = next;
  }
}

function addPart(form: GuestFormData, head: string, content: Uint8Array): void {
  const disposition = /^content-disposition:\s*form-data\s*;(.*)$/im.exec(head)?.[1] ?? "";
  const name = parameter(disposition, "name");
  if (name === undefined) return;
  const filename = parameter(disposition, "filename");
  const type = /^content-type:\s*(.*?)\s*$/im.exec(head)?.[1] ?? "application/octet-stream";
  form.append(
    name,
    filename === undefined
      ? decodeUtf8(content, false)
      : new GuestFile([content], filename, { type }),
  );
}

/** As browsers escape it: a quote as %22, a line break as %0D%0A. */
function parameter(disposition: string, name: string): string | undefined {
  const found = new RegExp(`(?:^|;)\\s*${name}="([^"]*)"`, "i").exec(disposition)?.[1];
  return found?.replace(/%22/g, '"').replace(/%0D%0A/gi, "\r\n");
}

function find(bytes: Uint8Array, wanted: Uint8Array, from: number): number {
  const [first = -1] = wanted;
  for (let at = bytes.indexOf(first, from); at >= 0; at = bytes.indexOf(first, at + 1)) {
    if (wanted.every((byte, offset) => bytes[at + offset] === byte)) return at;
  }
  return -1;
}
