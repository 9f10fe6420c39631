// Secrets by name. A guest gets a placeholder; the secret takes its place where a request leaves, and the
// placeholder takes the secret's place in what comes back.
//
// Invariant: the bytes of a secret are in what goes out to a granted host, and nowhere else: in no event,
// payload, error text or log line. They leave this file through `fill` alone.

import { Buffer } from "node:buffer";
import { sha256 } from "../chain/hash.ts";
import { concat, fromUtf8, toHex } from "../lib/bytes.ts";

/** As a binding of the Worker can be called. */
export const SECRET_NAME = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;

/** Of a shorter one, a response that happens to hold the same bytes could not be told from an echo. */
const SECRET_BYTES_MIN = 8;

/** How a value must be written at the place where it goes: so it cannot break out of it. */
export type Spelling = "plain" | "url" | "json";

const SPELLINGS: Readonly<Record<Spelling, (value: string) => string>> = {
  plain: (value) => value,
  url: encodeURIComponent,
  json: (value) => JSON.stringify(value).slice(1, -1),
};

/** Only characters that URLs, forms and JSON leave as they are. */
const PLACEHOLDER = /secret\.([A-Za-z][A-Za-z0-9_]{0,63})\.([0-9a-f]{32})/g;
const MARK = "secret.";
/** Placeholders or secrets in one body: each may become many times as long as it was. */
const PLACES_MAX = 1_000;

/** A body has more than PLACES_MAX places to fill or to clean. */
export class TooManySecrets extends Error {}
const NONCE_BYTES = 16;

export class Secrets {
  readonly #values: ReadonlyMap<string, string>;
  readonly #salt: Uint8Array;
  readonly #marks = new Map<string, string>();

  /**
   * `salt` is the actor's own and not public, so that nobody who merely writes to an actor can name its
   * secrets. Values that are too short or no text at all are left out.
   */
  constructor(values: ReadonlyMap<string, string>, salt: Uint8Array) {
    this.#values = new Map(
      [...values].filter(
        ([name, value]) =>
          SECRET_NAME.test(name) &&
          value.isWellFormed() &&
          fromUtf8(value).length >= SECRET_BYTES_MIN,
      ),
    );
    this.#salt = salt;
  }

  get names(): readonly string[] {
    return [...this.#values.keys()];
  }

  /** The same for the same actor and name, whatever the value: a rotation changes nothing. */
  placeholder(name: string): string | undefined {
    return this.#values.has(name) ? this.#placeholder(name) : undefined;
  }

  /** The names of this actor's placeholders in `text`, or in bytes read as Latin-1. */
  namesIn(text: string): string[] {
    if (!text.includes(MARK)) return [];
    const names = [...text.matchAll(PLACEHOLDER)].flatMap(([whole, name = ""]) =>
      this.#isOurs(whole, name) ? [name] : [],
    );
    return [...new Set(names)];
  }

  namesInBytes(bytes: Uint8Array): string[] {
    return buffer(bytes).includes(MARK) ? this.namesIn(buffer(bytes).toString("latin1")) : [];
  }

  /** Puts each secret in its placeholder's place. The caller has checked every name of `namesIn`. */
  fill(text: string, spelling: Spelling): string {
    if (!text.includes(MARK)) return text;
    return text.replace(PLACEHOLDER, (whole: string, name: string) =>
      this.#isOurs(whole, name) ? SPELLINGS[spelling](this.#values.get(name) ?? "") : whole,
    );
  }

  /** Throws TooManySecrets. */
  fillBytes(bytes: Uint8Array, spelling: Spelling): Uint8Array {
    const names = this.namesInBytes(bytes);
    return names.reduce((filled, name) => {
      const value = SPELLINGS[spelling](this.#values.get(name) ?? "");
      return replaceAll(filled, fromUtf8(this.#placeholder(name)), fromUtf8(value));
    }, bytes);
  }

  /** Puts the placeholders back where a secret comes back as it was sent, in any spelling. */
  redact(text: string, names: readonly string[]): string {
    return this.#spelt(names).reduce(
      (redacted, { value, name }) => redacted.replaceAll(value, this.#placeholder(name)),
      text,
    );
  }

  /** Throws TooManySecrets. */
  redactBytes(bytes: Uint8Array, names: readonly string[]): Uint8Array {
    return this.#spelt(names).reduce(
      (redacted, { value, name }) =>
        replaceAll(redacted, fromUtf8(value), fromUtf8(this.#placeholder(name))),
      bytes,
    );
  }

  /** The longest first: one secret may be a part of another. */
  #spelt(names: readonly string[]): { value: string; name: string }[] {
    const spelt = names.flatMap((name) => {
      const value = this.#values.get(name);
      if (value === undefined) return [];
      const spellings = new Set(Object.values(SPELLINGS).map((spell) => spell(value)));
      return [...spellings].map((each) => ({ value: each, name }));
    });
    return spelt.sort((a, b) => b.value.length - a.value.length);
  }

  #isOurs(whole: string, name: string): boolean {
    return this.#values.has(name) && whole === this.#placeholder(name);
  }

  #placeholder(name: string): string {
    const mark = this.#marks.get(name) ?? this.#makePlaceholder(name);
    this.#marks.set(name, mark);
    return mark;
  }

  #makePlaceholder(name: string): string {
    const digest = sha256(concat([fromUtf8("theater secret"), this.#salt, fromUtf8(name)]));
    return `${MARK}${name}.${toHex(digest.subarray(0, NONCE_BYTES))}`;
  }
}

const buffer = (bytes: Uint8Array): Buffer =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function replaceAll(bytes: Uint8Array, from: Uint8Array, to: Uint8Array): Uint8Array {
  const searched = buffer(bytes);
  const parts: Uint8Array[] = [];
  let start = 0;
  for (let at = searched.indexOf(from); at !== -1; at = searched.indexOf(from, start)) {
    if (parts.length >= 2 * PLACES_MAX) throw new TooManySecrets();
    parts.push(bytes.subarray(start, at), to);
    start = at + from.length;
  }
  return parts.length === 0 ? bytes : concat([...parts, bytes.subarray(start)]);
}
