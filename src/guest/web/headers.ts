// Headers of the Fetch standard: names without case, in lower case and in order where they are listed.

export type HeadersInit =
  | GuestHeaders
  | Iterable<readonly [string, string]>
  | Readonly<Record<string, string>>;

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

export class GuestHeaders {
  readonly #values = new Map<string, string[]>();

  constructor(init?: HeadersInit | null) {
    if (init == null) return;
    const pairs =
      Symbol.iterator in init
        ? (init as Iterable<readonly [string, string]>)
        : Object.entries(init as Readonly<Record<string, string>>);
    for (const [name, value] of pairs) this.append(name, value);
  }

  append(name: string, value: string): void {
    const key = keyOf(name);
    this.#values.set(key, [...(this.#values.get(key) ?? []), valueOf(name, value)]);
  }

  set(name: string, value: string): void {
    this.#values.set(keyOf(name), [valueOf(name, value)]);
  }

  get(name: string): string | null {
    return this.#values.get(keyOf(name))?.join(", ") ?? null;
  }

  getSetCookie(): string[] {
    return [...(this.#values.get("set-cookie") ?? [])];
  }

  has(name: string): boolean {
    return this.#values.has(keyOf(name));
  }

  delete(name: string): void {
    this.#values.delete(keyOf(name));
  }

  forEach(visit: (value: string, name: string, headers: this) => void): void {
    for (const [name, value] of this) visit(value, name, this);
  }

  *entries(): Generator<[string, string]> {
    for (const name of [...this.#values.keys()].sort()) {
      const values = this.#values.get(name) ?? [];
      // Cookies cannot be joined: a date in one has a comma.
      if (name === "set-cookie") for (const value of values) yield [name, value];
      else yield [name, values.join(", ")];
    }
  }

  *keys(): Generator<string> {
    for (const [name] of this) yield name;
  }

  *values(): Generator<string> {
    for (const [, value] of this) yield value;
  }

  [Symbol.iterator](): Generator<[string, string]> {
    return this.entries();
  }
}

function keyOf(name: string): string {
  if (TOKEN.test(name)) return name.toLowerCase();
  throw new TypeError(`${JSON.stringify(name)} is no name of a header`);
}

function valueOf(name: string, value: unknown): string {
  const text = String(value).trim();
  // oxlint-disable-next-line no-control-regex -- what would begin a header of its own
  if (!/[\0\r\n]/.test(text)) return text;
  throw new TypeError(`the header ${name} has a line break in it`);
}
