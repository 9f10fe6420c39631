// The genesis of an actor: composed once by whoever gives birth, read back at every wake-up. The actor's
// id is derived from its bytes, so nothing in it can ever be another.

import type { Cause, Origin, Payloads, Runtime } from "../../chain/event-types.ts";
import { decodePayload, encodePayload } from "../../chain/payload.ts";
import { Link } from "../../chain/value.ts";
import { TRANSPILER } from "../../executor/transpile.ts";
import type { Limits } from "../../manifest/limits.ts";
import type { Permissions } from "../../manifest/permissions.ts";
import { readSupervision, type BornSupervision } from "./born-supervision.ts";

/** Versions of what a chain was made with. Part of genesis: other code may behave differently. */
const HOST_VERSION = "theater 0.1.0";
const WIT_VERSION = "theater:simple";

export interface GenesisInput {
  log: string;
  /** The log's public key; null where it does not sign. */
  key: Uint8Array | null;
  name: string;
  /** Bare sha2-256 digests of what is in the content store. */
  manifest: Uint8Array;
  component: Uint8Array;
  modules: Uint8Array;
  permissions: Permissions;
  limits: Limits;
  parent: Cause | null;
  /** Of a fork: where it left another chain. */
  origin: Origin | null;
  /** See `supervisionText`. */
  supervision: string | null;
}

/** What this deployment makes of a component. */
export function runtimeNow(): Runtime {
  return { host: HOST_VERSION, transpiler: TRANSPILER, wit: WIT_VERSION };
}

/** The block of the `actor.created` payload. The random salt makes two births of one manifest two actors. */
export function composeGenesis(input: GenesisInput): Uint8Array {
  const { log, key, name, manifest, component, modules, permissions, limits } = input;
  const fields: Payloads["actor.created"] = {
    log,
    key,
    name,
    manifest: new Link("raw", manifest),
    component: new Link("raw", component),
    modules: new Link("raw", modules),
    runtime: runtimeNow(),
    grants: { ...permissions },
    limits: { ...limits },
    shard: 0,
    parent: input.parent,
    origin: input.origin,
    supervision: input.supervision,
  };
  const salt = crypto.getRandomValues(new Uint8Array(16));
  return encodePayload("actor.created", fields, salt).block;
}

/** What an actor is for ever. */
export interface Genesis {
  name: string;
  manifest: Uint8Array;
  component: Uint8Array;
  modules: Uint8Array;
  /** What it may do, and what its children may. */
  permissions: Permissions;
  limits: Limits;
  /** Random, and known only to who may read the chain. */
  salt: Uint8Array;
  /** The event of its parent's chain that it comes from. */
  parent: Cause | null;
  origin: Origin | null;
  supervision: BornSupervision;
}

/** Throws `bad-block` for bytes that are no genesis payload. */
export function readGenesis(block: Uint8Array): Genesis {
  const fields = decodePayload("actor.created", block);
  const { name, manifest, component, modules, grants, limits, parent, salt, supervision } = fields;
  return {
    name,
    manifest: manifest.digest,
    component: component.digest,
    modules: modules.digest,
    permissions: grants as unknown as Permissions,
    limits: limits as unknown as Limits,
    salt,
    parent,
    origin: fields.origin,
    supervision: readSupervision(supervision),
  };
}
