// The name of an actor. It is derived from the genesis payload, so that an id cannot have two geneses.

import { toBase32 } from "./base32.ts";
import { sha256 } from "./hash.ts";

const ID_BYTES = 20; // 160 bits: collisions stay out of reach, and base32 needs no spare bits

/** The id of the actor whose `actor.created` payload is this block: 32 characters, a–z and 2–7. */
export function actorId(genesisPayload: Uint8Array): string {
  return toBase32(sha256(genesisPayload).subarray(0, ID_BYTES));
}

export function isActorId(text: string): boolean {
  return /^[a-z2-7]{32}$/.test(text);
}
