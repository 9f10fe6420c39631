// Signed evidence as the server gives it. Nothing here is believed: what comes back is checked by who asked.

import { fromBase64 } from "../lib/bytes.ts";
import { TheaterError } from "../lib/errors.ts";
import { actorPath } from "./actors.ts";
import { ask, askJson, asList, asText, ServerRefusal, type Connection } from "./client.ts";

/** The signed note; null where the server signs nothing. */
export async function fetchCheckpoint(connection: Connection, id: string): Promise<string | null> {
  try {
    return await (await ask(connection, "GET", `${actorPath(id)}/chain/checkpoint`)).text();
  } catch (thrown) {
    const isUnsigned =
      thrown instanceof ServerRefusal && ["unsupported", "not-found"].includes(thrown.code);
    if (isUnsigned) return null;
    throw thrown;
  }
}

export async function fetchReceipt(
  connection: Connection,
  id: string,
  seq: number,
): Promise<string> {
  return await (await ask(connection, "GET", `${actorPath(id)}/chain/proof?seq=${seq}`)).text();
}

/** Hashes from the tree of `from` events to that of `to`. */
export async function fetchConsistency(
  connection: Connection,
  id: string,
  sizes: { from: number; to: number },
): Promise<Uint8Array[]> {
  const path = `${actorPath(id)}/chain/proof?from=${sizes.from}&to=${sizes.to}`;
  const { hashes } = await askJson(connection, "GET", path);
  return asList(hashes, "hashes").map((hash) => {
    const bytes = fromBase64(asText(hash, "hash"));
    if (bytes !== undefined) return bytes;
    throw new TheaterError("chain-broken", "a hash of the consistency proof is not base64");
  });
}
