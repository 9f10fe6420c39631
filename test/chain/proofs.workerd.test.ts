// The proofs where they are made: workerd's own Ed25519 and SHA-256 give the bytes of the vectors, and a
// whole CAR file is verified there as it streams through.

import { expect, test } from "vitest";
import { openCheckpoint, parseCheckpoint, signCheckpoint } from "../../src/chain/checkpoint.ts";
import { importLogKey } from "../../src/chain/keys.ts";
import { parseNote, parseVerifierKey } from "../../src/chain/note.ts";
import { verifyReceipt } from "../../src/chain/receipt.ts";
import { TileWriter } from "../../src/chain/tiles.ts";
import { leafHash } from "../../src/chain/tree.ts";
import { verifyCar } from "../../src/chain/verify-car.ts";
import { fromBase64, fromUtf8, toBase64, toHex } from "../../src/lib/bytes.ts";
import vectors from "../vectors/proofs-v1.json";
import { present } from "./present.ts";

const trusted = [parseVerifierKey(vectors.log.verifierKey)];

test("workerd signs the checkpoints of the vectors, byte for byte, and opens them", async () => {
  const key = await importLogKey(vectors.log.secret);
  expect(toHex(key.publicKey)).toBe(vectors.log.publicKey);
  for (const note of vectors.checkpoints) {
    const checkpoint = parseCheckpoint(parseNote(note).text);
    expect(await signCheckpoint([key], checkpoint)).toBe(note);
    const opened = await openCheckpoint(note, trusted, checkpoint.origin);
    expect(opened).toMatchObject(checkpoint);
    const bent = note.replace(`\n${checkpoint.size}\n`, `\n${checkpoint.size + 1}\n`);
    await expect(openCheckpoint(bent, trusted, checkpoint.origin)).rejects.toMatchObject({
      evidence: { reason: "bad-signature" },
    });
  }
});

test("workerd verifies the receipts and the CAR file", async () => {
  for (const receipt of vectors.receipts) {
    expect((await verifyReceipt(receipt, trusted)).verdict).toBe("verified");
  }
  const body = new Response(present(fromBase64(vectors.car))).body;
  expect(await verifyCar(present(body))).toMatchObject({ verdict: "verified", events: 25 });
});

test("workerd grows the tree of the vectors", () => {
  const writer = new TileWriter();
  for (let i = 0; i < vectors.numbers.count; i++) writer.append(leafHash(fromUtf8(String(i))));
  expect(toBase64(writer.root())).toBe(vectors.numbers.root);
});
