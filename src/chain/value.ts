// The data model of the chain: what a block of the strict DAG-CBOR profile can hold, as JavaScript
// values. `docs/chain-format.md` has the rules.

/**
 * A link to another block: CIDv1, sha2-256. The raw 32-byte digest inside; the text form exists only
 * at the edges (`chain/cid.ts`), because making it costs as much as hashing a small block. A class and
 * not a plain object, so that no record of a guest can ever be taken for a link.
 */
export class Link {
  readonly codec: "dag-cbor" | "raw";
  readonly digest: Uint8Array;

  constructor(codec: "dag-cbor" | "raw", digest: Uint8Array) {
    this.codec = codec;
    this.digest = digest;
  }
}

/**
 * Integers are numbers while they are safe (|n| < 2^53) and bigints beyond; floats do not exist here
 * (WIT floats are 4 or 8 bytes). Everything but a Link survives a structured clone.
 */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Link
  | readonly Value[]
  | { readonly [key: string]: Value };
