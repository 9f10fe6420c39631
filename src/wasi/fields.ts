// wasi:http/types#fields: headers as a guest holds them. Names are compared without regard to case, and values are
// bytes; in Theater's own types a value is a text of Latin-1, as on the wire.

import { wasiError } from "./world.ts";

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Fields of one message: more would not leave anyway. */
const FIELDS_MAX = 1_000;

/** The connection's own: what a guest may not say. */
const FORBIDDEN: ReadonlySet<string> = new Set([
  "connection",
  "host",
  "http2-settings",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);

type Entry = [name: string, value: Uint8Array];

export class Fields {
  #entries: Entry[] = [];
  #isFixed = false;

  static fromList(list: readonly Entry[]): Fields {
    const fields = new Fields();
    for (const [name, value] of list) fields.append(name, value);
    return fields;
  }

  /** As they came: nothing is refused, and nobody may change them. */
  static received(headers: readonly (readonly [string, string])[]): Fields {
    const fields = new Fields();
    fields.#entries = headers.map(([name, value]) => [name, bytesOf(value)]);
    fields.#isFixed = true;
    return fields;
  }

  get(name: string): Uint8Array[] {
    const wanted = name.toLowerCase();
    return this.#entries.flatMap(([each, value]) => (each.toLowerCase() === wanted ? [value] : []));
  }

  has(name: string): boolean {
    return this.get(name).length > 0;
  }

  set(name: string, values: readonly Uint8Array[]): void {
    this.#check(name, values);
    this.#remove(name);
    for (const value of values) this.#add(name, value);
  }

  delete(name: string): void {
    this.#check(name, []);
    this.#remove(name);
  }

  append(name: string, value: Uint8Array): void {
    this.#check(name, [value]);
    this.#add(name, value);
  }

  entries(): Entry[] {
    return this.#entries.map(([name, value]) => [name, value]);
  }

  clone(): Fields {
    const fields = new Fields();
    fields.#entries = this.entries();
    return fields;
  }

  /** A view for the guest that it cannot change. */
  fixed(): Fields {
    const fields = this.clone();
    fields.#isFixed = true;
    return fields;
  }

  /** As Theater's types have them. */
  texts(): [name: string, value: string][] {
    return this.#entries.map(([name, value]) => [name, latin1(value)]);
  }

  #check(name: string, values: readonly Uint8Array[]): void {
    if (this.#isFixed) throw wasiError({ tag: "immutable" });
    const isSyntax = TOKEN.test(name) && values.every((value) => !value.some(isControl));
    if (!isSyntax || this.#entries.length + values.length > FIELDS_MAX) {
      throw wasiError({ tag: "invalid-syntax" });
    }
    if (FORBIDDEN.has(name.toLowerCase())) throw wasiError({ tag: "forbidden" });
  }

  #add(name: string, value: Uint8Array): void {
    this.#entries.push([name, value]);
  }

  #remove(name: string): void {
    const gone = name.toLowerCase();
    this.#entries = this.#entries.filter(([each]) => each.toLowerCase() !== gone);
  }
}

/** A line break would begin a field of its own. */
const isControl = (byte: number): boolean => (byte < 0x20 && byte !== 0x09) || byte === 0x7f;

const latin1 = (bytes: Uint8Array): string => {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
};

/** A text with other characters can only have come from something that is no header: as UTF-8 then. */
function bytesOf(text: string): Uint8Array {
  const codes = Array.from(text, (character) => character.codePointAt(0) ?? 0);
  return codes.every((code) => code <= 0xff)
    ? Uint8Array.from(codes)
    : new TextEncoder().encode(text);
}
