// Content that does not fit into an actor's payloads. It is put into R2 before the flush that names it, so
// that a chain never names content that was never stored.
//
// Rule: each actor keeps its own copy, under its own name. So "nothing else links to it" is a question
// that its journal answers alone, and erasing it takes nothing from other actors, stores or components.

import { INLINE_BYTES_MAX } from "../../chain/payload-fields.ts";
import { encodePayload, type RawBlock } from "../../chain/payload.ts";
import { digestText } from "../../chain/cid.ts";
import { Link, type Value } from "../../chain/value.ts";
import { toHex } from "../../lib/bytes.ts";
import { TheaterError } from "../../lib/errors.ts";
import type { ContentStore } from "../../store/store.ts";

/** Where in the bucket an actor's raw blocks are. */
export function blocksPrefix(actor: string): string {
  return `actor/${actor}/`;
}

export class Blocks {
  readonly #store: ContentStore;
  /** How many flushes that will name it are on their way, by hex of the digest. */
  readonly #held = new Map<string, number>();
  readonly #leaving = new Map<string, Promise<void>>();

  /** `store` holds this actor's raw blocks and nothing else. */
  constructor(store: ContentStore) {
    this.#store = store;
  }

  /**
   * Stores every text and byte string above the payload's own limit, then runs `flush`, which appends the
   * events that name them, in the same step: nothing can delete them in between. From then on the events
   * hold the content; what else `flush` does may take its time.
   */
  async keep<T>(value: Value, flush: () => T | Promise<T>): Promise<T> {
    const large = [...largeIn(value)];
    for (const { digest } of large) this.#hold(toHex(digest), 1);
    let flushed: T | Promise<T>;
    try {
      for (const { digest, bytes } of large) {
        await this.#leaving.get(toHex(digest))?.catch(() => undefined);
        await this.#store.putAs(digest, bytes);
      }
      flushed = flush();
    } finally {
      for (const { digest } of large) this.#hold(toHex(digest), -1);
    }
    return await flushed;
  }

  #hold(name: string, more: 1 | -1): void {
    const count = (this.#held.get(name) ?? 0) + more;
    if (count === 0) this.#held.delete(name);
    else this.#held.set(name, count);
  }

  /** The raw block of a link. Throws `host-failure` where the store does not have it. */
  async get({ digest }: Link): Promise<Uint8Array> {
    const bytes = await this.#store.get(digest);
    if (bytes !== null) return bytes;
    const message = `The content store lacks ${digestText(digest)}: restore it from a backup.`;
    throw new TheaterError("host-failure", message);
  }

  /** Brings back what `keep` moved out, for arguments that are bytes by their WIT type. */
  async resolve(value: Value): Promise<Value> {
    if (value instanceof Link) return await this.get(value);
    if (Array.isArray(value)) {
      const parts: Value[] = [];
      for (const part of value) parts.push(await this.resolve(part as Value));
      return parts;
    }
    if (typeof value === "object" && value !== null && !(value instanceof Uint8Array)) {
      const fields: Record<string, Value> = {};
      for (const [name, part] of Object.entries(value as Readonly<Record<string, Value>>)) {
        fields[name] = await this.resolve(part);
      }
      return fields;
    }
    return value;
  }

  /**
   * Deletes a block that no payload links to any more. False, and nothing is deleted, where a flush that
   * names it is on its way.
   */
  async delete(digest: Uint8Array): Promise<boolean> {
    const name = toHex(digest);
    if (this.#held.has(name)) return false;
    const leaving = this.#store.delete(digest);
    this.#leaving.set(name, leaving);
    try {
      await leaving;
      return true;
    } finally {
      this.#leaving.delete(name);
    }
  }
}

/** What a payload with `value` in it would move out. */
function* largeIn(value: Value): Generator<RawBlock> {
  if (value instanceof Uint8Array || typeof value === "string") {
    if (value.length * (typeof value === "string" ? 3 : 1) <= INLINE_BYTES_MAX) return;
    // The format decides what is moved out, so that both sides always agree.
    yield* encodePayload("turn.refused", { message: 0, error: value }, new Uint8Array(16)).raw;
    return;
  }
  if (value === null || typeof value !== "object") return;
  for (const part of Array.isArray(value) ? value : Object.values(value)) {
    yield* largeIn(part as Value);
  }
}
