// The state of a store's instances at one moment, as their exports tell it (core-state.ts), and how they are put back
// to it.

import { STATE_EXPORT } from "./core-state.ts";

/** Bytes of memory that are worth copying for a turn; above, new instances cost less. 4 MiB take about 0.4 ms. */
const RESTORED_BYTES_MAX = 4 * 1024 * 1024;
/** Entries of tables that are compared for a turn; a hundred take about 3 µs. */
const RESTORED_ENTRIES_MAX = 8_192;

export class StoreState {
  readonly #beginnings: Uint8Array[];
  readonly #memories: { memory: WebAssembly.Memory; bytes: Uint8Array }[] = [];
  readonly #tables: { table: WebAssembly.Table; entries: unknown[] }[] = [];
  readonly #globals: { global: WebAssembly.Global; value: unknown }[] = [];

  constructor(beginnings: Uint8Array[]) {
    this.#beginnings = beginnings;
  }

  /** Undefined where it is too large to be worth it, or not all of it can be read. */
  static of(
    exports: readonly WebAssembly.Exports[],
    beginnings: Uint8Array[],
  ): StoreState | undefined {
    const state = new StoreState(beginnings);
    for (const one of exports) {
      for (const [name, value] of Object.entries(one)) {
        if (name.startsWith(STATE_EXPORT) && !state.#add(value)) return undefined;
      }
    }
    const entries = state.#tables.reduce((sum, one) => sum + one.entries.length, 0);
    const isSmall = state.bytes <= RESTORED_BYTES_MAX && entries <= RESTORED_ENTRIES_MAX;
    return isSmall ? state : undefined;
  }

  get bytes(): number {
    return this.#memories.reduce((sum, one) => sum + one.bytes.length, 0);
  }

  #add(value: unknown): boolean {
    if (value instanceof WebAssembly.Memory) {
      if (value.buffer.byteLength > RESTORED_BYTES_MAX) return false;
      const bytes = (this.#beginnings[this.#memories.length] ??= new Uint8Array(
        value.buffer.slice(0),
      ));
      if (bytes.length !== value.buffer.byteLength) return false;
      this.#memories.push({ memory: value, bytes });
    } else if (value instanceof WebAssembly.Table) {
      if (value.length > RESTORED_ENTRIES_MAX) return false;
      const entries = Array.from({ length: value.length }, (_, n): unknown => value.get(n));
      this.#tables.push({ table: value, entries });
    } else if (value instanceof WebAssembly.Global) {
      return this.#addGlobal(value);
    }
    return true;
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

  /** False where it cannot be had back: nothing that has grown shrinks. */
  restore(): boolean {
    for (const { memory, bytes } of this.#memories) {
      if (memory.buffer.byteLength !== bytes.length) return false;
    }
    if (this.#tables.some(({ table, entries }) => table.length !== entries.length)) return false;
    for (const { memory, bytes } of this.#memories) new Uint8Array(memory.buffer).set(bytes);
    for (const { table, entries } of this.#tables) {
      for (const [n, entry] of entries.entries()) if (table.get(n) !== entry) table.set(n, entry);
    }
    for (const { global, value } of this.#globals) global.value = value;
    return true;
  }
}
