// CAR files of chains: written as public libraries read them, checked in one pass, and every change of a
// file found at the event where it is.

import * as dagCbor from "@ipld/dag-cbor";
import fc from "fast-check";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { CID } from "multiformats/cid";
import { sha256 as publicSha256 } from "multiformats/hashes/sha2";
import { expect, test } from "vitest";
import {
  carBlock,
  carHeader,
  readCar,
  writeChainCar,
  type ChainBlocks,
} from "../../src/chain/car.ts";
import { cidText, linkBytes, parseCid } from "../../src/chain/cid.ts";
import { sha256 } from "../../src/chain/hash.ts";
import type { RawBlock } from "../../src/chain/payload.ts";
import { Link } from "../../src/chain/value.ts";
import { verifyCar, type CarExpectation, type CarReport } from "../../src/chain/verify-car.ts";
import { concat, equalBytes, fromUtf8 } from "../../src/lib/bytes.ts";
import { present } from "./present.ts";
import { rewrittenFrom } from "./rewritten-chain.ts";
import { ERASED, sampleChain } from "./sample-chain.ts";
import { SignedChain } from "./signed-chain.ts";

const chain = sampleChain();
const { lines, actor } = chain;
const head = chain.head();
const root = parseCid(head.cid);
const manifest = { digest: sha256(fromUtf8("manifest")), bytes: fromUtf8("manifest") };
const content = [manifest, ...chain.raw];

async function carOf(
  events: Iterable<ChainBlocks>,
  options: { root?: Link; content?: RawBlock[] } = {},
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const car = writeChainCar(options.root ?? root, events, options.content ?? content);
  for await (const chunk of car) chunks.push(chunk);
  return concat(chunks);
}

async function* inChunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) {
    await Promise.resolve();
    yield bytes.slice(at, at + size);
  }
}

const verify = async (car: Uint8Array, expected?: CarExpectation): Promise<CarReport> =>
  await verifyCar(inChunks(car, 4096), expected);

const file = await carOf(lines);
/** Where each block of the chain ends in the file, and to which event it belongs. */
const spans = (() => {
  let at = carHeader(root).length;
  return lines.flatMap(({ seq, block, payload }) =>
    [block, payload ?? expect.fail()].map((bytes) => {
      const start = at;
      at += carBlock(root, bytes).length;
      return { seq, start, end: at };
    }),
  );
})();
const chainEnd = spans.at(-1)?.end ?? 0;

test("a public library finds the same blocks under the same CIDs, in reading order", async () => {
  const bytes = new Uint8Array(file);
  let at = 0;
  const varint = (): number => {
    let [value, shift] = [0, 0];
    for (;;) {
      const byte = present(bytes[at++]);
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
      shift += 7;
    }
  };
  const headerLength = varint();
  const header = dagCbor.decode<{ version: number; roots: CID[] }>(
    bytes.slice(at, at + headerLength),
  );
  expect(header).toEqual({ version: 1, roots: [CID.parse(head.cid)] });
  at += headerLength;
  const cids: string[] = [];
  while (at < bytes.length) {
    const end = varint() + at;
    const [cid, block] = CID.decodeFirst(bytes.subarray(at, end));
    expect((await publicSha256.digest(new Uint8Array(block))).bytes).toEqual(cid.multihash.bytes);
    cids.push(cid.toString());
    at = end;
  }
  const links = lines.flatMap(({ cid, payload }) => [
    cid,
    cidText(new Link("dag-cbor", sha256(present(payload)))),
  ]);
  expect(cids).toEqual([
    ...links,
    ...content.map(({ digest }) => cidText(new Link("raw", digest))),
  ]);
});

test("a whole file is verified, however it is cut into chunks", async () => {
  const checkpoint = await new SignedChain(chain).checkpoint();
  for (const size of [1, 7, 100, 4096, file.length]) {
    const expected = { actor, head, checkpoints: [checkpoint] };
    expect(await verifyCar(inChunks(file, size), expected)).toMatchObject({
      verdict: "verified",
      events: lines.length,
      head,
      root: head.cid,
      erased: [],
      withheld: [],
      firstBad: null,
      content: { sound: content.length, bad: [] },
      signed: { signedTo: lines.length, contradiction: null },
    });
  }
});

test("blocks come as they are, and are not checked by reading", async () => {
  const { root: read, blocks } = await readCar(inChunks(file, 1000));
  expect(read).toEqual(root);
  const digests: Uint8Array[] = [];
  for await (const { link, bytes } of blocks) {
    expect(equalBytes(sha256(bytes), link.digest)).toBe(true);
    digests.push(link.digest);
  }
  expect(digests.length).toBe(2 * lines.length + content.length);
});

test("any changed byte of the chain in a file breaks it at the event where the byte is", async () => {
  const start = carHeader(root).length;
  const inChain = fc.integer({ min: start, max: chainEnd - 1 });
  await fc.assert(
    fc.asyncProperty(inChain, fc.integer({ min: 1, max: 255 }), async (at, mask) => {
      const bent = file.with(at, (file[at] ?? 0) ^ mask);
      const seq = spans.find(({ end }) => at < end)?.seq ?? -1;
      const report = await verify(bent);
      expect(report.verdict).toBe("broken");
      // A changed length or a CID of another kind tears the file: then the last whole event is named.
      const named = report.firstBad?.seq ?? -1;
      const torn = report.firstBad?.problem === "cut-off";
      expect(torn ? [seq, seq + 1] : [seq]).toContain(named);
    }),
    { numRuns: 1500 },
  );
});

test("any changed byte of the header or behind the chain is found", async () => {
  const elsewhere = [
    ...Array.from({ length: carHeader(root).length }, (_, at) => at),
    ...Array.from({ length: 60 }, (_, at) => chainEnd + at),
  ];
  for (const at of elsewhere) {
    expect((await verify(file.with(at, (file[at] ?? 0) ^ 1))).verdict).toBe("broken");
  }
});

test("changed content is named by its CID, and the chain stays good", async () => {
  const [{ digest }] = [manifest];
  const bent = file.with(chainEnd + 40, (file[chainEnd + 40] ?? 0) ^ 1);
  expect(await verify(bent)).toMatchObject({
    verdict: "broken",
    events: lines.length,
    firstBad: null,
    content: { sound: content.length - 1, bad: [cidText(new Link("raw", digest))] },
  });
});

test("a file that is cut anywhere is not whole", async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(chainEnd - 1), async (length) => {
      const { verdict, firstBad, events } = await verify(file.subarray(0, length));
      expect([verdict, firstBad?.problem]).toEqual(["broken", "cut-off"]);
      const whole = spans.filter(({ end }) => end <= length).length / 2;
      expect(Math.abs(events - whole)).toBeLessThanOrEqual(1);
    }),
    { numRuns: 300 },
  );
});

test("dropped, inserted, reordered and repeated events are named", async () => {
  const all: readonly ChainBlocks[] = lines;
  const line = (seq: number): ChainBlocks => present(all[seq]);
  const first = async (events: readonly ChainBlocks[]): Promise<unknown> =>
    (await verify(await carOf(events))).firstBad;
  for (let seq = 1; seq < lines.length - 2; seq++) {
    expect(await first(all.toSpliced(seq, 1))).toMatchObject({ seq });
    expect(await first(all.toSpliced(seq, 0, line(seq)))).toMatchObject({ seq: seq + 1 });
    const swapped = all.with(seq, line(seq + 1)).with(seq + 1, line(seq));
    expect(await first(swapped)).toMatchObject({ seq });
    const payload = line(seq + 1).payload;
    expect(await first(all.with(seq, { block: line(seq).block, payload }))).toMatchObject({
      seq,
      problem: "payload-hash",
    });
  }
});

test("a missing payload is erased or withheld, and does not break the file", async () => {
  const without = (seqs: number[]): ChainBlocks[] =>
    lines.map(({ seq, block, payload }) => ({
      block,
      payload: seqs.includes(seq) ? null : payload,
    }));
  expect(await verify(await carOf(without([...ERASED, 4])))).toMatchObject({
    verdict: "verified",
    erased: ERASED,
    withheld: [4],
  });
  const last = lines.length - 1;
  expect(await verify(await carOf(without([last])))).toMatchObject({
    verdict: "verified",
    withheld: [last],
    content: { sound: content.length },
  });
});

test("a file that ends before or after its root, or is of another chain, is broken", async () => {
  const early = parseCid(lines[5]?.cid ?? "");
  const shorter = concat([
    carHeader(root),
    (await carOf(lines.slice(0, 6), { root: early })).slice(carHeader(early).length),
  ]);
  expect((await verify(shorter)).firstBad).toMatchObject({ seq: 6, problem: "cut-off" });
  const longer = concat([carHeader(early), file.slice(carHeader(root).length)]);
  expect((await verify(longer)).firstBad).toMatchObject({ seq: 6, problem: "beyond-head" });
  const other = { actor: "a".repeat(32) };
  expect((await verify(file, other)).firstBad).toMatchObject({ seq: 0, problem: "wrong-actor" });
  const fork = { head: { seq: head.seq + 3, cid: head.cid } };
  expect((await verify(file, fork)).firstBad).toMatchObject({ problem: "cut-off" });
});

test("a run from the middle is verified behind a known hash", async () => {
  const parent = parseCid(lines[9]?.cid ?? "").digest;
  const run = await carOf(lines.slice(10));
  expect(await verify(run, { actor, from: { seq: 10, parent } })).toMatchObject({
    verdict: "verified",
    events: lines.length - 10,
    signed: null,
  });
  expect((await verify(run)).firstBad).toMatchObject({ seq: 0, problem: "wrong-seq" });
});

test("what is no CAR is a report, and a stream that fails is an error", async () => {
  const version2 = Uint8Array.from([0x0a, 0xa1, 0x67, ...fromUtf8("version"), 0x02]);
  for (const bytes of [new Uint8Array(), fromUtf8("hello, world"), version2, file.slice(0, 20)]) {
    expect(await verify(bytes)).toMatchObject({
      verdict: "broken",
      root: null,
      events: 0,
      firstBad: { seq: 0, problem: "cut-off" },
    });
  }
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield file.slice(0, 500);
    await Promise.resolve();
    throw new Error("connection lost");
  }
  await expect(verifyCar(failing())).rejects.toThrow("connection lost");
});

test("a length above the limit is refused before anything is read for it", async () => {
  const huge = concat([carHeader(root), Uint8Array.of(0xff, 0xff, 0xff, 0x7f), linkBytes(root)]);
  expect((await verify(huge)).firstBad?.sentence).toContain("too long");
  const padded = concat([carHeader(root), Uint8Array.of(0xff, 0x00)]);
  expect((await verify(padded)).firstBad?.sentence).toContain("shortest form");
});

test("an export whose last event is not the head breaks off", async () => {
  await expect(carOf(lines.slice(0, 3))).rejects.toEqual(
    expect.objectContaining({ code: "chain-broken" }),
  );
});

test("a long file is read with the memory of one block", async () => {
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  const link = new Link("raw", sha256(fromUtf8("something else")));
  let most = 0;
  collect();
  const before = process.memoryUsage().arrayBuffers;
  async function* long(): AsyncGenerator<Uint8Array> {
    yield file.slice(0, chainEnd);
    for (let given = 0; given < 800; given++) {
      await Promise.resolve();
      yield carBlock(link, new Uint8Array(256 * 1024));
      if (given % 40 === 0) collect();
      if (given % 40 === 0) most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    }
  }
  const report = await verifyCar(long());
  expect([report.events, report.content.bad.length]).toEqual([lines.length, 100]);
  // 200 MiB have passed; buffers are freed some time after they were collected.
  expect(most).toBeLessThan(64 * 1024 * 1024);
});

test("an ending rebuilt from any event on, with hashes that fit, is caught by a checkpoint alone", async () => {
  const signed = new SignedChain(chain);
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: lines.length - 1 }),
      fc.integer({ min: 1, max: lines.length }),
      fc.integer({ min: 1, max: 1000 }),
      async (from, size, more) => {
        const rebuilt = rewrittenFrom(lines, from, ({ turn }) => ({ turn: turn + more }));
        const forged = await carOf(rebuilt, { root: parseCid(rebuilt.at(-1)?.cid ?? "") });
        expect((await verify(forged)).verdict).toBe("verified"); // nothing in it tells
        const checkpoints = [await signed.checkpoint(size)];
        const report = await verify(forged, { actor, checkpoints });
        // What was not signed yet can be rewritten: that is what "signed to" says.
        const expected = size <= from ? [null, size] : ["not-as-signed", 0];
        expect([report.firstBad?.problem ?? null, report.signed?.signedTo]).toEqual(expected);
      },
    ),
    { numRuns: 300 },
  );
});
