// Signed evidence as the server gives it. Nothing here is believed: what comes back is checked by who asked.

import { noteText } from "../chain/note.ts";
import { concat, fromBase64 } from "../lib/bytes.ts";
import { TheaterError } from "../lib/errors.ts";
import { actorPath } from "./actors.ts";
import { received } from "./chain-source.ts";
import { ask, askJson, asList, asText, ServerRefusal, type Connection } from "./client.ts";

/** More than a reader of either takes. */
const NOTE_BYTES_MAX = 256 * 1024;
const RECEIPT_BYTES_MAX = 16 * 1024 * 1024;

/** The signed note; null where the server signs nothing. */
export async function fetchCheckpoint(connection: Connection, id: string): Promise<string | null> {
  try {
    return await askText(connection, `${actorPath(id)}/chain/checkpoint`, NOTE_BYTES_MAX);
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
  return await askText(connection, `${actorPath(id)}/chain/proof?seq=${seq}`, RECEIPT_BYTES_MAX);
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

/** No server can fill this machine's memory. Throws `too-large`, and `bad-request` for what is not UTF-8. */
async function askText(connection: Connection, path: string, bytesMax: number): Promise<string> {
  const { body } = await ask(connection, "GET", path);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body === null ? [] : received(body, connection.url)) {
    bytes += chunk.length;
    if (bytes > bytesMax) {
      throw new TheaterError("too-large", `The server's answer is above ${bytesMax} bytes.`, {
        path,
      });
    }
    chunks.push(chunk);
  }
  return noteText(concat(chunks));
}
