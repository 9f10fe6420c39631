// Reads the primitives of the WebAssembly binary format. Every read is checked against the end of the
// section it is in: wrong bytes give an error with their offset, never a crash or an endless loop.

import { TheaterError } from "../lib/errors.ts";
import { toUtf8 } from "../lib/bytes.ts";

/** Longer than any name that a chain event could carry (an event's `about` ends at 128 bytes). */
const NAME_BYTES_MAX = 512;

export class BinaryReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;

  constructor(bytes: Uint8Array, range: { from: number; to: number }) {
    this.#bytes = bytes;
    this.#at = range.from;
    this.#end = range.to;
  }

  /** The offset in the whole file. */
  get at(): number {
    return this.#at;
  }

  get done(): boolean {
    return this.#at >= this.#end;
  }

  /** Bytes from here to the end of the section. */
  get left(): number {
    return this.#end - this.#at;
  }

  byte(): number {
    const value = this.#bytes[this.#need(1)];
    this.#at += 1;
    return value ?? 0;
  }

  /** An unsigned LEB128 number below 2^32. */
  u32(): number {
    const from = this.#at;
    let value = 0;
    for (let place = 0; place < 5; place++) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** (7 * place);
      if (byte < 0x80) {
        if (value < 2 ** 32) return value;
        break;
      }
    }
    throw malformed(from, "a number does not fit in 32 bits");
  }

  /** A signed LEB128 number of 33 bits: a type index if not negative, else a built-in type's code. */
  s33(): number {
    const from = this.#at;
    let value = 0;
    for (let place = 0; place < 5; place++) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** (7 * place);
      if (byte < 0x80) {
        const signed = byte & 0x40 ? value - 2 ** (7 * (place + 1)) : value;
        if (signed >= -(2 ** 32) && signed < 2 ** 32) return signed;
        break;
      }
    }
    throw malformed(from, "a type index does not fit in 33 bits");
  }

  name(): string {
    const from = this.#at;
    const length = this.u32();
    if (length > NAME_BYTES_MAX) {
      throw malformed(from, `a name is longer than ${NAME_BYTES_MAX} bytes`);
    }
    const start = this.#need(length);
    this.#at += length;
    try {
      return toUtf8(this.#bytes.subarray(start, start + length));
    } catch {
      throw malformed(from, "a name is not valid UTF-8");
    }
  }

  skip(length: number): void {
    this.#need(length);
    this.#at += length;
  }

  /** Reads a count and then as many entries; an entry has at least one byte, so the file bounds it. */
  many<T>(read: () => T, limit: { what: string; max: number }): T[] {
    const from = this.#at;
    const count = this.u32();
    if (count > limit.max) {
      throw malformed(from, `there are more than ${limit.max} ${limit.what}`);
    }
    const entries: T[] = [];
    for (let i = 0; i < count; i++) entries.push(read());
    return entries;
  }

  /** A reader for the next `length` bytes, which this one then skips. */
  part(length: number): BinaryReader {
    const from = this.#need(length);
    this.#at += length;
    return new BinaryReader(this.#bytes, { from, to: this.#at });
  }

  #need(length: number): number {
    if (this.#at + length <= this.#end) return this.#at;
    if (this.#end < this.#bytes.length) {
      throw malformed(this.#at, "a section ends in the middle of an entry");
    }
    throw new TheaterError(
      "truncated-component",
      `The component ends in the middle of a section, at byte ${this.#end}; upload the whole file.`,
      { offset: this.#at, size: this.#bytes.length },
    );
  }
}

/** The error for bytes that break the format; `what` is a clause without a full stop. */
export function malformed(offset: number, what: string): TheaterError {
  return new TheaterError(
    "bad-component",
    `The component is malformed at byte ${offset}: ${what}; build it again.`,
    { offset },
  );
}

/** The error for a feature that is valid but not supported; `what` is a plural. */
export function unsupported(offset: number, what: string): TheaterError {
  return new TheaterError(
    "bad-component",
    `The component uses ${what} (at byte ${offset}), which are not supported; build it without.`,
    { offset, feature: what },
  );
}
