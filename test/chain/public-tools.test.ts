// A chain checked with public libraries alone, as an auditor would who does not trust this code: nothing
// here comes from src/. What strictness adds is shown at the end.

import * as dagCbor from "@ipld/dag-cbor";
import { base32 } from "multiformats/bases/base32";
import { CID } from "multiformats/cid";
import { sha256 } from "multiformats/hashes/sha2";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

interface PublicEvent {
  v: number;
  seq: number;
  time: number;
  type: string;
  actor: string;
  parent: CID | null;
  payload: CID;
}

const vectors = JSON.parse(readFileSync("test/vectors/chain-v1.json", "utf8"));
const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, "hex"));
const cidOf = async (code: number, bytes: Uint8Array): Promise<string> =>
  CID.createV1(code, await sha256.digest(bytes)).toString();

/** Every link in a value, as text. */
function linksOf(value: unknown): string[] {
  const cid = CID.asCID(value);
  if (cid !== null) return [cid.toString()];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(linksOf) : [];
}

test("public libraries re-hash and re-link the whole chain", async () => {
  const { actor, head, events, long } = vectors.chain;
  let [parent, time]: [string | null, number] = [null, 0];
  const links: string[] = [];
  for (const [seq, entry] of events.entries()) {
    const [block, payload] = [bytesOf(entry.block), bytesOf(entry.payload)];
    const event = dagCbor.decode<PublicEvent>(block);
    expect(event).toMatchObject({ v: 1, seq, actor, type: entry.type });
    expect(event.parent?.toString() ?? null).toBe(parent);
    expect(event.payload.toString()).toBe(await cidOf(dagCbor.code, payload));
    expect(event.time).toBeGreaterThanOrEqual(time);
    expect(dagCbor.decode<{ salt: Uint8Array }>(payload).salt.length).toBe(16);
    expect(new Uint8Array(dagCbor.encode(dagCbor.decode(payload)))).toEqual(payload);
    [parent, time] = [await cidOf(dagCbor.code, block), event.time];
    expect(entry.cid).toBe(parent);
    links.push(...linksOf(dagCbor.decode(payload)));
  }
  expect(parent).toBe(head.cid);
  const genesis = await sha256.digest(bytesOf(events[0].payload));
  expect(base32.encode(genesis.digest.slice(0, 20))).toBe(`b${actor}`);
  for (const { cid, text, times } of long) {
    expect(await cidOf(0x55, new TextEncoder().encode(text.repeat(times)))).toBe(cid);
    expect(links).toContain(cid);
  }
});

test("a public decoder takes bytes that the format refuses, so hashing alone is not enough", () => {
  const taken = vectors.refused.filter(({ hex }: { hex: string }) => {
    try {
      dagCbor.decode(bytesOf(hex));
      return true;
    } catch {
      return false;
    }
  });
  const reasons = taken.map(({ because }: { because: string }) => because);
  expect(reasons).toEqual(expect.arrayContaining(["keys not in order", "invalid UTF-8"]));
});
