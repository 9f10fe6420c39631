// Content that does not fit into a payload. It is put into the store before the flush that names it, so
// that a chain never names content that was never stored.

import { INLINE_BYTES_MAX } from "../chain/payload-fields.ts";
import { encodePayload } from "../chain/payload.ts";
import { digestText } from "../chain/cid.ts";
import { Link, type Value } from "../chain/value.ts";
import { TheaterError } from "../lib/errors.ts";
import type { ContentStore } from "../store/store.ts";

/** Puts every text and byte string above the payload's own limit into the store. */
export async function keepContent(store: ContentStore, value: Value): Promise<void> {
  if (value instanceof Uint8Array || typeof value === "string") {
    if (value.length * (typeof value === "string" ? 3 : 1) <= INLINE_BYTES_MAX) return;
    // The format decides what is moved out, so that both sides always agree.
    const { raw } = encodePayload("turn.refused", { message: 0, error: value }, new Uint8Array(16));
    for (const { bytes } of raw) await store.put(bytes);
    return;
  }
  if (value === null || typeof value !== "object") return;
  for (const part of Array.isArray(value) ? value : Object.values(value)) {
    await keepContent(store, part as Value);
  }
}

/** Brings back what `keepContent` moved out, for arguments that are bytes by their WIT type. */
export async function resolveContent(store: ContentStore, value: Value): Promise<Value> {
  if (value instanceof Link) {
    const bytes = await store.get(value.digest);
    if (bytes === null) {
      const digest = digestText(value.digest);
      throw new TheaterError(
        "host-failure",
        `The content store lacks ${digest}: restore it from a backup.`,
      );
    }
    return bytes;
  }
  if (Array.isArray(value)) {
    const parts: Value[] = [];
    for (const part of value) parts.push(await resolveContent(store, part as Value));
    return parts;
  }
  return value;
}
