// Where a replay has a chain from: a server's ledger or an exported file. Rule: a source only reads, and
// nothing that it gives is believed. Whoever replays checks every event against its neighbours.

import type { Link } from "../chain/value.ts";
import type { ModuleSetRef } from "../executor/executor.ts";
import type { LinkReader } from "../executor/wit-links.ts";
import { TheaterError } from "../lib/errors.ts";
import type { ComponentDescription } from "../executor/wit-type.ts";

/** One event as it is listed. */
export interface SourceEntry {
  readonly seq: number;
  /** CID of the event. */
  readonly cid: string;
  /** The same bare, where the source has it so: cheaper to compare. */
  readonly link?: Link;
  readonly block: Uint8Array;
  /** Null where erased or withheld. */
  readonly payload: Uint8Array | null;
}

export interface ReplaySource {
  readonly actor: string;
  /** The last event to be looked at. */
  readonly head: { readonly seq: number; readonly cid: string };
  /** Events from `from` to `to`, oldest first, some at a time. The reader may stop anywhere. */
  readonly pages: (from: number, to: number) => AsyncIterable<readonly SourceEntry[]>;
  /** One event that is not behind the head; undefined where there is none. */
  entry(seq: number): Promise<SourceEntry | undefined>;
  /** The actor's raw blocks. Throws where the source does not have one. */
  readonly read: LinkReader;
  /** What runs a component. Throws where the source does not have it. */
  modules(named: NamedModules): Promise<LoadedModules>;
  /**
   * A run of another actor's chain, as this one was shown it, oldest first. Throws `NotHeld` where the source holds
   * no chain but its own.
   */
  others(actor: string, from: number, to: number): AsyncIterable<readonly SourceEntry[]>;
}

/** The source cannot have it: whoever replays goes on without. */
export class NotHeld extends TheaterError {}

/** As `actor.created` and `actor.upgraded` name it, by bare sha2-256 digests. */
export interface NamedModules {
  readonly component: Uint8Array;
  readonly modules: Uint8Array;
}

export interface LoadedModules {
  /** Its digest is that of the set that really runs: another one where the source had to transpile again. */
  readonly modules: ModuleSetRef;
  readonly description: ComponentDescription;
}
