// The fixed proof vectors against this implementation. To write the file anew (a new format version only):
// WRITE_VECTORS=1 npx vitest run test/chain/proof-vectors.test.ts

import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { openCheckpoint, parseCheckpoint } from "../../src/chain/checkpoint.ts";
import { importLogKey } from "../../src/chain/keys.ts";
import { parseNote, parseVerifierKey } from "../../src/chain/note.ts";
import { verifyReceipt } from "../../src/chain/receipt.ts";
import { verifyCar } from "../../src/chain/verify-car.ts";
import { fromBase64, toHex } from "../../src/lib/bytes.ts";
import { makeProofVectors } from "./make-proof-vectors.ts";
import { present } from "./present.ts";

interface Vectors {
  log: { name: string; secret: string; publicKey: string; verifierKey: string };
  checkpoints: string[];
  rekeyed: string;
  receipts: string[];
  car: string;
}

const PATH = "test/vectors/proofs-v1.json";
const made = JSON.stringify(await makeProofVectors(), null, 2);
if (process.env.WRITE_VECTORS) writeFileSync(PATH, `${made}\n`);
const text = readFileSync(PATH, "utf8");
const vectors: Vectors = JSON.parse(text);
const trusted = [parseVerifierKey(vectors.log.verifierKey)];

test("the vectors are what this implementation writes", () => {
  expect(JSON.parse(made)).toEqual(JSON.parse(text));
});

test("secret and public key are one key", async () => {
  const { publicKey } = await importLogKey(vectors.log.secret);
  expect(toHex(publicKey)).toBe(vectors.log.publicKey);
});

test("the checkpoints, receipts and the file are verified with the public key", async () => {
  const checkpoints = await Promise.all(
    [...vectors.checkpoints, vectors.rekeyed].map(async (note) => {
      const { origin } = parseCheckpoint(parseNote(note).text);
      return await openCheckpoint(note, trusted, origin);
    }),
  );
  for (const receipt of vectors.receipts) {
    expect((await verifyReceipt(receipt, trusted)).verdict).toBe("verified");
  }
  async function* file(): AsyncGenerator<Uint8Array> {
    yield await Promise.resolve(present(fromBase64(vectors.car)));
  }
  expect(await verifyCar(file(), { checkpoints })).toMatchObject({
    verdict: "verified",
    signed: { signedTo: 25, cutBefore: null },
  });
});
