// Names for versions of an actor's files: a tree of blocks whose root digest stands for all of it. Whoever has
// the files can compute it; nobody can find other files with the same root.

import { encode } from "../../chain/cbor.ts";
import { sha256 } from "../../chain/hash.ts";
import { Link, type Value } from "../../chain/value.ts";

export interface Named {
  name: string;
  /** Of a file's bytes, or of a folder's block. */
  digest: Uint8Array;
  /** Of a file; null for a folder. */
  bytes: number | null;
}

/** The digest of a folder's block: a map from name to `{file, bytes}` or `{folder}`, in DAG-CBOR. */
export function folderDigest(children: readonly Named[]): Uint8Array {
  const entries = children.map(({ name, digest, bytes }): [string, Value] => [
    name,
    bytes === null
      ? { folder: new Link("dag-cbor", digest) }
      : { file: new Link("raw", digest), bytes },
  ]);
  return sha256(encode(Object.fromEntries(entries)));
}
