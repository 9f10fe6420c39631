// Ledger entries that link: each block is random, each CID is its real digest.

import { Buffer } from "node:buffer";
import type { LedgerEntry } from "../../src/chain/ledger.ts";
import { digestOf } from "../../src/store/store.ts";

export interface RunOptions {
  /** The entry before the first; none for a chain of its own. */
  readonly after?: LedgerEntry;
  readonly blockBytes?: number;
  readonly payloadBytes?: number;
  readonly type?: (seq: number) => string;
}

/** A new actor's id: tests share a database and never an actor. */
export function newActor(): string {
  return crypto.randomUUID().replaceAll("-", "");
}

/** `count` entries, each the parent of the next. */
export async function run(
  actor: string,
  count: number,
  options: RunOptions = {},
): Promise<LedgerEntry[]> {
  const { blockBytes = 206, payloadBytes = 100, type = () => "host.called" } = options;
  const entries: LedgerEntry[] = [];
  let before = options.after;
  for (let n = 0; n < count; n++) {
    const [block, payload] = [randomBytes(blockBytes), randomBytes(payloadBytes)];
    const seq = before === undefined ? 0 : before.seq + 1;
    const entry: LedgerEntry = {
      actor,
      seq,
      cid: await digestOf(block),
      parent: before?.cid ?? null,
      turn: 1,
      type: type(seq),
      about: "theater:simple/runtime#log",
      time: 1_790_000_000_000 + seq,
      block,
      payload: { digest: await digestOf(payload), block: payload },
    };
    entries.push(entry);
    before = entry;
  }
  return entries;
}

/** Entries with their bytes as hex: comparing long arrays element by element takes seconds. */
export function shown(entries: readonly LedgerEntry[]): unknown[] {
  const hex = (bytes: Uint8Array | null): string | null =>
    bytes === null ? null : Buffer.from(bytes).toString("hex");
  return entries.map(({ cid, parent, block, payload, ...rest }) => ({
    ...rest,
    cid: hex(cid),
    parent: hex(parent),
    block: hex(block),
    payload: { digest: hex(payload.digest), block: hex(payload.block) },
  }));
}

const RANDOM_BYTES_STEP = 65_536; // what getRandomValues gives at once

export function randomBytes(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += RANDOM_BYTES_STEP) {
    crypto.getRandomValues(bytes.subarray(at, at + RANDOM_BYTES_STEP));
  }
  return bytes;
}
