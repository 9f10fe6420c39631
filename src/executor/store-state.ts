// The state of a store's instances at one moment, as their exports tell it (core-state.ts), and how they are put back
// to it.

import { STATE_EXPORT } from "./core-state.ts";

/** Bytes of memory that may be put back for a turn: to copy 4 MiB took 0.12 ms, to fill them with zeros half (Node 24, 2026-11-23). */
const RESTORED_BYTES_MAX = 4 * 1024 * 1024;
const PART_BYTES = 4096;
/** Entries of tables that may be compared for a turn: 8,000 took 0.6 ms (Node 24, 2026-11-23). */
const RESTORED_ENTRIES_MAX = 8_192;

/** What a memory holds at first. Most of it is zeros, and those are written without reading anything. */
export class Beginning {
  readonly length: number;
  readonly #parts: { at: number; bytes: Uint8Array }[] = [];

  constructor(buffer: ArrayBuffer) {
    const all = new Uint8Array(buffer);
    this.length = all.length;
    for (let at = 0; at < all.length; at += PART_BYTES) {
      const part = all.subarray(at, at + PART_BYTES);
      if (part.every((byte) => byte === 0)) continue;
      const last = this.#parts.at(-1);
      if (last !== undefined && last.at + last.bytes.length === at) {
        last.bytes = all.subarray(last.at, at + part.length);
      } else {
        this.#parts.push({ at, bytes: part });
      }
    }
    // Only now, so that parts that follow each other are copied as one.
    for (const part of this.#parts) part.bytes = part.bytes.slice();
  }

  writeTo(buffer: ArrayBuffer): void {
    const all = new Uint8Array(buffer);
    let from = 0;
    for (const { at, bytes } of this.#parts) {
      all.fill(0, from, at);
      all.set(bytes, at);
      from = at + bytes.length;
    }
    all.fill(0, from);
  }
}

export class StoreState {
  readonly #beginnings: Beginning[];
  readonly #memories: { memory: WebAssembly.Memory; beginning: Beginning }[] = [];
  readonly #tables: { table: WebAssembly.Table; entries: unknown[] }[] = [];
  readonly #globals: { global: WebAssembly.Global; value: unknown }[] = [];

  constructor(beginnings: Beginning[]) {
    this.#beginnings = beginnings;
  }

  /** Undefined where it is too large to be worth it, or not all of it can be read. */
  static of(
    exports: readonly WebAssembly.Exports[],
    beginnings: Beginning[],
  ): StoreState | undefined {
    const state = new StoreState(beginnings);
    for (const one of exports) {
      for (const [name, value] of Object.entries(one)) {
        if (name.startsWith(STATE_EXPORT) && !state.#add(value)) return undefined;
      }
    }
    return state;
  }

  get bytes(): number {
    return this.#memories.reduce((sum, one) => sum + one.beginning.length, 0);
  }

  #add(value: unknown): boolean {
    if (value instanceof WebAssembly.Memory) {
      // All of them together, and before anything is copied: what is copied stays.
      if (this.bytes + value.buffer.byteLength > RESTORED_BYTES_MAX) return false;
      const beginning = (this.#beginnings[this.#memories.length] ??= new Beginning(value.buffer));
      if (beginning.length !== value.buffer.byteLength) return false;
      this.#memories.push({ memory: value, beginning });
    } else if (value instanceof WebAssembly.Table) {
      return this.#addTable(value);
    } else if (value instanceof WebAssembly.Global) {
      return this.#addGlobal(value);
    }
    return true;
  }

  #addTable(table: WebAssembly.Table): boolean {
    const before = this.#tables.reduce((sum, { entries }) => sum + entries.length, 0);
    if (before + table.length > RESTORED_ENTRIES_MAX) return false;
    try {
      const entries = Array.from({ length: table.length }, (_, n): unknown => table.get(n));
      this.#tables.push({ table, entries });
      return true;
    } catch {
      return false; // of a kind that JavaScript cannot read
    }
  }

  /** False for a vector, which JavaScript cannot read, and for a NaN, of which it could not keep the bits. */
  #addGlobal(global: WebAssembly.Global): boolean {
    let value: unknown;
    try {
      value = global.value;
    } catch {
      return false;
    }
    if (Number.isNaN(value)) return false;
    try {
      global.value = value;
    } catch {
      return true; // it is constant
    }
    this.#globals.push({ global, value });
    return true;
  }

  get hasGrown(): boolean {
    return (
      this.#memories.some(
        ({ memory, beginning: { length } }) => memory.buffer.byteLength !== length,
      ) || this.#tables.some(({ table, entries }) => table.length !== entries.length)
    );
  }

  /** False where it cannot be had back: nothing that has grown shrinks. */
  restore(): boolean {
    if (this.hasGrown) return false;
    for (const { memory, beginning } of this.#memories) beginning.writeTo(memory.buffer);
    for (const { table, entries } of this.#tables) {
      for (const [n, entry] of entries.entries()) {
        if (!Object.is(table.get(n), entry)) table.set(n, entry);
      }
    }
    for (const { global, value } of this.#globals) global.value = value;
    return true;
  }
}
