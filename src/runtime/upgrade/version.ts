// What an actor runs, and what it may do by it. Genesis says the first; each `actor.upgraded` another.
//
// Invariant: it changes between two turns only, in the transaction that appends the event which says so.

import { decodePayload } from "../../chain/payload.ts";
import { assert } from "../../lib/errors.ts";
import type { Limits } from "../../manifest/limits.ts";
import type { Permissions } from "../../manifest/permissions.ts";
import type { Genesis } from "../birth/genesis.ts";
import type { Cell } from "../record/cell.ts";
import type { Journal } from "../record/journal.ts";

export interface Version {
  /** The event that says so: 0, or an `actor.upgraded`. */
  seq: number;
  /** Bare sha2-256 digests of what is in the content store. */
  manifest: Uint8Array;
  component: Uint8Array;
  modules: Uint8Array;
  /** What the actor may do, and what its children may. */
  permissions: Permissions;
  limits: Limits;
}

/** Throws `bad-block` for bytes that are no `actor.upgraded` payload. */
export function readUpgrade(block: Uint8Array): Omit<Version, "seq"> {
  const { manifest, component, modules, grants, limits } = decodePayload("actor.upgraded", block);
  return {
    manifest: manifest.digest,
    component: component.digest,
    modules: modules.digest,
    permissions: grants as unknown as Permissions,
    limits: limits as unknown as Limits,
  };
}

/** The version in force. */
export class CurrentVersion {
  #now: Version;

  /** As the last life left it: the event is among those that the journal keeps. */
  constructor({ genesis, journal, cell }: { genesis: Genesis; journal: Journal; cell: Cell }) {
    const seq = cell.get("version");
    if (seq === undefined) {
      const { manifest, component, modules, permissions, limits } = genesis;
      this.#now = { seq: 0, manifest, component, modules, permissions, limits };
      return;
    }
    const [entry] = journal.entries(seq, 1);
    assert(entry?.payload.block != null, "the journal keeps the upgrade in force");
    this.#now = { ...readUpgrade(entry.payload.block), seq };
  }

  get now(): Version {
    return this.#now;
  }

  /** After the transaction that put it in force. */
  take(version: Version): void {
    this.#now = version;
  }
}
