// Receipts: one text proves one event to somebody who holds nothing but the log's public key.

import fc from "fast-check";
import { expect, test } from "vitest";
import { carHeader, writeChainCar } from "../../src/chain/car.ts";
import { signCheckpoint } from "../../src/chain/checkpoint.ts";
import { parseCid } from "../../src/chain/cid.ts";
import { importLogKey, newLogSecret } from "../../src/chain/keys.ts";
import { parseNote, parseVerifierKey, verifierKey } from "../../src/chain/note.ts";
import {
  formatReceipt,
  parseReceipt,
  verifyReceipt,
  type ReceiptVerdict,
} from "../../src/chain/receipt.ts";
import { formatTlogProof, parseTlogProofs } from "../../src/chain/tlog-proof.ts";
import { leafHash, nodeHash } from "../../src/chain/tree.ts";
import { concat, fromUtf8, toBase64 } from "../../src/lib/bytes.ts";
import { present } from "./present.ts";
import { digestOf, sampleChain } from "./sample-chain.ts";
import { LOG, SignedChain, logKey } from "./signed-chain.ts";

const chain = sampleChain();
const { lines, actor } = chain;
const signed = new SignedChain(chain);
// As it is handed to an auditor.
const published = verifierKey({ name: LOG, publicKey: logKey.publicKey });
const trusted = [parseVerifierKey(published)];
/** The turn of the sample chain: its message at 2, its reply at 7. */
const receipt = await signed.receipt(2, 7);
const reply = { seq: 7, cid: lines[7]?.cid ?? "" };
const malformed = expect.objectContaining({ code: "bad-request" });

async function problemOf(text: string, expected?: typeof reply): Promise<string> {
  const verdict: ReceiptVerdict = await verifyReceipt(text, trusted, expected);
  return verdict.verdict === "broken" ? verdict.problem : verdict.verdict;
}

test("a receipt proves the reply and its message with the log's public key alone", async () => {
  const verdict = await verifyReceipt(receipt, trusted, reply);
  expect(verdict).toMatchObject({
    verdict: "verified",
    log: LOG,
    actor,
    checkpoint: { size: lines.length, origin: signed.origin },
    fleet: null,
  });
  if (verdict.verdict !== "verified") return;
  expect(verdict.checkpoint.signedBy).toEqual([
    verifierKey({ name: signed.origin, publicKey: logKey.publicKey }),
  ]);
  expect(verdict.events.map(({ event, cid, payload }) => [event.seq, cid, payload])).toEqual(
    lines.slice(2, 8).map(({ seq, cid, payload }) => [seq, cid, payload]),
  );
});

test("every event has a receipt, in every signed size, also one without its payload", async () => {
  for (let size = 1; size <= lines.length; size++) {
    for (let seq = 0; seq < size; seq += 3) {
      expect(await problemOf(await signed.receipt(seq, seq, size))).toBe("verified");
    }
  }
  const events = [{ block: present(lines[7]).block, payload: null }];
  const [hashes, checkpoint] = [await signed.inclusion(7), await signed.note()];
  expect(await problemOf(await formatReceipt({ events, hashes, checkpoint }), reply)).toBe(
    "verified",
  );
});

test("any changed character of a receipt is found, or changes nothing that was proven", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(receipt.length - 1),
      fc.integer({ min: 33, max: 126 }),
      async (at, code) => {
        const bent = receipt.slice(0, at) + String.fromCharCode(code) + receipt.slice(at + 1);
        fc.pre(bent !== receipt);
        expect(await problemOf(bent, reply)).not.toBe("verified");
      },
    ),
    { numRuns: 500 },
  );
});

test("a receipt that is cut anywhere is refused", async () => {
  for (let length = 0; length < receipt.length; length += 37) {
    expect(await problemOf(receipt.slice(0, length))).not.toBe("verified");
  }
});

test("each kind of false receipt is told apart", async () => {
  const [proof] = parseTlogProofs(receipt);
  const rival = await importLogKey(newLogSecret());
  const note = await signCheckpoint([rival], await signed.checkpoint());
  expect(await problemOf(formatTlogProof({ ...proof, checkpoint: note }))).toBe("not-signed");
  const line = note.slice(note.lastIndexOf(" ") + 1);
  const [honest = expect.fail()] = parseNote(proof.checkpoint).signatures;
  const [other = expect.fail()] = parseNote(note).signatures;
  const fake = toBase64(concat([honest.keyId, other.signature]));
  const forged = formatTlogProof({ ...proof, checkpoint: note.replace(line, `${fake}\n`) });
  expect(await problemOf(forged)).toBe("bad-signature");

  expect(await problemOf(formatTlogProof({ ...proof, index: 6 }))).toBe("wrong-index");
  const hashes = proof.hashes.toReversed();
  expect(await problemOf(formatTlogProof({ ...proof, hashes }))).toBe("not-included");
  expect(await problemOf(receipt, { ...reply, seq: 6 })).toBe("other-event");
  expect(await problemOf(receipt, { ...reply, cid: lines[6]?.cid ?? "" })).toBe("other-event");

  const early = formatTlogProof({ ...proof, checkpoint: await signed.note(5) });
  expect(await problemOf(early)).toBe("not-included");
  expect(await problemOf(formatTlogProof({ ...proof, extra: null }))).toBe("not-a-receipt");
  const empty = { ...proof, extra: carHeader(parseCid(reply.cid)) };
  expect(await problemOf(formatTlogProof(empty))).toBe("not-a-receipt");
  expect(await problemOf("hello")).toBe("not-a-receipt");
});

test("events that are not the parents of the proven one do not pass as its message", async () => {
  const [proof] = parseTlogProofs(receipt);
  for (const events of [
    [lines[3], lines[7]],
    [lines[8], lines[7]],
    [lines[7], lines[7]],
  ]) {
    const run = events.map(present);
    const chunks: Uint8Array[] = [];
    for await (const chunk of writeChainCar(parseCid(reply.cid), run)) chunks.push(chunk);
    const bent = formatTlogProof({ ...proof, extra: concat(chunks) });
    expect(await problemOf(bent)).toBe("broken-run");
  }
});

test("an event of another actor does not pass under this actor's checkpoint", async () => {
  const [proof] = parseTlogProofs(receipt);
  const origin = `${LOG}/${"a".repeat(32)}`;
  const checkpoint = await signCheckpoint([logKey], { ...(await signed.checkpoint()), origin });
  expect(await problemOf(formatTlogProof({ ...proof, checkpoint }))).toBe("wrong-actor");
  const fleet = await signCheckpoint([logKey], { ...(await signed.checkpoint()), origin: LOG });
  expect(await problemOf(formatTlogProof({ ...proof, checkpoint: fleet }))).toBe("wrong-origin");
});

test("a second proof that the log over all chains holds the checkpoint is checked too", async () => {
  const leaf = leafHash(fromUtf8(parseNote(parseReceipt(receipt).checkpoint).text));
  const sibling = digestOf("another chain's checkpoint");
  const fleet = { origin: LOG, size: 2, root: nodeHash(sibling, leaf) };
  const checkpoint = await signCheckpoint([logKey], fleet);
  const second = formatTlogProof({ extra: null, index: 1, hashes: [sibling], checkpoint });
  const verdict = await verifyReceipt(`${receipt}\n${second}`, trusted, reply);
  expect(verdict).toMatchObject({ verdict: "verified", fleet: { origin: LOG, size: 2 } });
  const bent = formatTlogProof({ extra: null, index: 0, hashes: [sibling], checkpoint });
  expect(await problemOf(`${receipt}\n${bent}`)).toBe("not-included");
});

test("the text is the one of C2SP tlog-proof, and has one spelling", () => {
  const [header, extra, index, ...rest] = receipt.split("\n");
  expect(header).toBe("c2sp.org/tlog-proof@v1");
  expect([extra?.startsWith("extra "), index]).toEqual([true, "index 7"]);
  const { hashes, checkpoint } = parseReceipt(receipt);
  expect(rest.slice(0, hashes.length)).toEqual(hashes.map(toBase64));
  expect(rest.slice(hashes.length).join("\n")).toBe(`\n${checkpoint}`);

  const plain = formatTlogProof({ extra: null, index: 0, hashes: [], checkpoint });
  expect(plain).toBe(`c2sp.org/tlog-proof@v1\nindex 0\n\n${checkpoint}`);
  expect(parseReceipt(plain)).toEqual({ extra: null, index: 0, hashes: [], checkpoint });
  for (const bad of [
    plain.replace("@v1", "@v2"),
    plain.replace("index 0", "index 00"),
    plain.replace("index 0", "index -1"),
    plain.replace("index 0", "index 9007199254740992"),
    plain.replace("index 0\n", "index 0\nAA==\n"),
    plain.replace("index 0\n", ""),
    plain.replace("index", "extra \nindex"),
    plain.replace("index 0", `index 0\n${toBase64(digestOf("x"))}`.repeat(2)),
    plain.replace("index 0\n", `index 0\n${`${toBase64(digestOf("x"))}\n`.repeat(54)}`),
    `${receipt}\n${plain}\n${plain}`,
    plain.slice(0, -1),
  ]) {
    expect(() => parseTlogProofs(bad)).toThrow(malformed);
  }
});

test("a receipt is not made of nothing, nor of a whole chain", async () => {
  const [hashes, checkpoint] = [await signed.inclusion(7), await signed.note()];
  const [line = expect.fail()] = lines;
  for (const events of [[], Array.from({ length: 257 }, () => line)]) {
    await expect(formatReceipt({ events, hashes, checkpoint })).rejects.toEqual(malformed);
  }
});
