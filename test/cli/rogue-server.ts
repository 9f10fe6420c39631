// A server that shows a chain with everything that an honest one would: listing, head, signed checkpoint
// and consistency proofs that fit. What it shows need not be what was shown before.

import { signCheckpoint } from "../../src/chain/checkpoint.ts";
import { cidText } from "../../src/chain/cid.ts";
import type { Payloads } from "../../src/chain/event-types.ts";
import { decodeEvent, encodeEvent } from "../../src/chain/event.ts";
import { sha256 } from "../../src/chain/hash.ts";
import type { LogKey } from "../../src/chain/keys.ts";
import { toLine, type Line } from "../../src/chain/ndjson.ts";
import { decodePayload, encodePayload } from "../../src/chain/payload.ts";
import { Frontier, leafHash } from "../../src/chain/tree.ts";
import { consistencyProof, treeRoot, type TreeNodes } from "../../src/chain/tree-proofs.ts";
import { Link } from "../../src/chain/value.ts";
import { toBase64 } from "../../src/lib/bytes.ts";
import { serve, type CannedServer } from "./canned-server.ts";

export interface Story {
  lines: readonly Line[];
  /** The signed note; null where it signs nothing. */
  note: string | null;
}

export async function serveStory({ lines, note }: Story): Promise<CannedServer> {
  const nodes = nodesOf(lines);
  const last = lines.at(-1);
  const proofs = new Map<string, string[]>();
  for (let from = 1; from <= lines.length; from++) {
    for (let to = from; to <= lines.length; to++) {
      const hashes = await consistencyProof(nodes, { from, to });
      proofs.set(`${from} ${to}`, hashes.map(toBase64));
    }
  }
  return await serve(({ path }) => {
    const { pathname, searchParams } = new URL(path, "http://server");
    const [from, to] = [Number(searchParams.get("from")), searchParams.get("to")];
    if (pathname.endsWith("/chain/head")) return { json: { seq: last?.seq, cid: last?.cid } };
    if (pathname.endsWith("/chain/checkpoint")) return note === null ? undefined : { body: note };
    if (pathname.endsWith("/chain/proof")) {
      return { json: { from, to: Number(to), hashes: proofs.get(`${from} ${to}`) ?? [] } };
    }
    const until = to === null ? Number.POSITIVE_INFINITY : Number(to);
    const wanted = lines.filter(({ seq }) => seq >= from && seq <= until);
    return { body: wanted.map((line) => `${toLine(line)}\n`).join("") };
  });
}

/** The note that the holder of `key` signs over the first `size` lines. */
export async function sign(
  lines: readonly Line[],
  { origin, key, size = lines.length }: { origin: string; key: LogKey; size?: number },
): Promise<string> {
  const root = await treeRoot(nodesOf(lines), size);
  return await signCheckpoint([key], { origin, size, root });
}

/** Another result of the turn that ended at `at`, and all that follows linked anew: every hash fits. */
export function rewrite(lines: readonly Line[], at: number): Line[] {
  let parent: Link | null = null;
  return lines.map((line) => {
    let { seq, cid, block, payload } = line;
    if (seq >= at && payload !== null) {
      if (seq === at) payload = otherResult(payload);
      const link = new Link("dag-cbor", sha256(payload));
      const encoded = encodeEvent({ ...decodeEvent(block), parent, payload: link });
      block = encoded.block;
      cid = cidText(new Link("dag-cbor", encoded.digest));
    }
    parent = new Link("dag-cbor", sha256(block));
    return { seq, cid, block, payload };
  });
}

function otherResult(payload: Uint8Array): Uint8Array {
  const { salt, ...fields } = decodePayload("turn.committed", payload);
  const other: Payloads["turn.committed"] = { ...fields, result: "what never was" };
  return encodePayload("turn.committed", other, salt).block;
}

function nodesOf(lines: readonly Line[]): TreeNodes {
  const nodes = new Map<string, Uint8Array>();
  const frontier = new Frontier();
  for (const { block } of lines) {
    frontier.append(leafHash(block), (level, index, hash) => nodes.set(`${level} ${index}`, hash));
  }
  return { node: (level, index) => nodes.get(`${level} ${index}`) ?? new Uint8Array() };
}
