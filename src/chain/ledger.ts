// The ledger: where chains are queried. Contract of every implementation:
// - an event enters only behind its predecessor, and what entered is never changed;
// - an append that returns has every entry in the ledger with exactly its CID; one that throws has
//   written nothing, except for `outcome-unknown`, where it may have written all;
// - entries that are already there are no error, so a repetition, also of a longer run, is safe.

import { assert } from "../lib/errors.ts";
import { BLOCK_BYTES_MAX } from "./cbor.ts";
import { EVENT_BYTES_MAX } from "./event.ts";

/** Block and payload bytes in one append. A single entry may exceed it: its payload has its own limit. */
export const GROUP_BYTES_MAX = 1_000_000;

/** Entries in one append: 1,000 take some 60 ms, and a statement's time is everybody's time. */
export const GROUP_ROWS_MAX = 1_000;

/** Entries in one page of a read, and the bytes of blocks and payloads at which a page is cut short. */
export const READ_ROWS_MAX = 1_000;
export const READ_BYTES_MAX = 1_000_000;

/** An event with its payload. `cid`, `parent` and `payload.digest` are bare 32-byte sha2-256 digests. */
export interface LedgerEntry {
  readonly actor: string;
  readonly seq: number;
  /** The digest of `block`. The ledger compares it and never computes it. */
  readonly cid: Uint8Array;
  /** Null for seq 0, and only there. */
  readonly parent: Uint8Array | null;
  readonly turn: number;
  readonly type: string;
  readonly about: string;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly block: Uint8Array;
  /** `block` is null where the payload was erased. */
  readonly payload: { readonly digest: Uint8Array; readonly block: Uint8Array | null };
}

export interface ReadRange {
  /** The first seq wanted. */
  readonly from: number;
  /** The last seq wanted; the head by default. */
  readonly to?: number;
  /** 1 to READ_ROWS_MAX. */
  readonly limit: number;
  /** Types of events to keep; all by default, and with an empty list. */
  readonly types?: readonly string[];
  /** Keeps what is about exactly this, and what is about a function of this interface. */
  readonly about?: string | undefined;
}

/** A payload to erase. The digest guards a chain that forked: another's payload at `seq` is left alone. */
export interface ErasedPayload {
  readonly seq: number;
  readonly digest: Uint8Array;
}

export interface Ledger {
  /**
   * Writes entries of one or several actors in one transaction. At most GROUP_ROWS_MAX entries and
   * GROUP_BYTES_MAX bytes (`groupsOf` cuts a run); an actor's entries may stand in any order.
   *
   * Errors, with `evidence` {actor, seq} and more:
   * `chain-gap`: the event before `seq` is not there; read the head and send from there.
   * `chain-fork`: the ledger holds another event at `seq` (`found`, against `expected`); stop, never retry.
   * `chain-broken` with `reason: "sealed"`: `seq` is in a sealed segment; cut the run behind it.
   * `outcome-unknown`: no answer; send the same entries again, or more.
   */
  append(entries: readonly LedgerEntry[]): Promise<void>;

  /** The newest event, sealed or not; null for an actor without events. */
  head(actor: string): Promise<{ readonly seq: number; readonly cid: Uint8Array } | null>;

  /**
   * Events in ascending order; D1Ledger alone gives the unsealed ones only. A page ends at `limit` or at READ_BYTES_MAX: only an empty one
   * means that there are no more.
   */
  read(actor: string, range: ReadRange): Promise<LedgerEntry[]>;

  /**
   * The first seq of `from`…`to` whose event is not before `time`, ms; `to` + 1 where there is none.
   * Relies on what a chain promises: an event is never before its parent.
   */
  seqAt(actor: string, time: number, range: { from: number; to: number }): Promise<number>;

  /**
   * Deletes the blocks of payloads, at most READ_ROWS_MAX; rows and digests stay. What is erased already
   * or not there is no error. Only for events that the ledger has acknowledged: then no append that is
   * still on its way can bring the bytes back.
   */
  erase(actor: string, payloads: readonly ErasedPayload[]): Promise<void>;
}

/** Whether an event about `about` is one that a reader of `wanted` asks for: see `ReadRange`. */
export function matchesAbout(about: string, wanted: string): boolean {
  return about === wanted || about.startsWith(`${wanted}#`);
}

/** Bytes that count against GROUP_BYTES_MAX. */
export function sizeOf(entry: LedgerEntry): number {
  return entry.block.length + (entry.payload.block?.length ?? 0);
}

/** Cuts a run into groups that `append` takes, in order, each as long as it may be. */
export function* groupsOf(entries: readonly LedgerEntry[]): Generator<LedgerEntry[]> {
  let group: LedgerEntry[] = [];
  let bytes = 0;
  for (const entry of entries) {
    const size = sizeOf(entry);
    const full = group.length === GROUP_ROWS_MAX || bytes + size > GROUP_BYTES_MAX;
    if (group.length > 0 && full) {
      yield group;
      group = [];
      bytes = 0;
    }
    group.push(entry);
    bytes += size;
  }
  if (group.length > 0) yield group;
}

/** Asserts that `append` may take these entries: the caller cuts, the ledger only checks. */
export function assertGroup(entries: readonly LedgerEntry[]): void {
  const bytes = entries.reduce((sum, entry) => sum + sizeOf(entry), 0);
  assert(entries.length <= GROUP_ROWS_MAX, `an append has at most ${GROUP_ROWS_MAX} entries`);
  assert(
    entries.length <= 1 || bytes <= GROUP_BYTES_MAX,
    `an append has at most ${GROUP_BYTES_MAX} bytes`,
  );
  for (const { block, payload } of entries) {
    assert(block.length <= EVENT_BYTES_MAX, `an event has at most ${EVENT_BYTES_MAX} bytes`);
    const size = payload.block?.length ?? 0;
    assert(size <= BLOCK_BYTES_MAX, `a payload has at most ${BLOCK_BYTES_MAX} bytes`);
  }
}
