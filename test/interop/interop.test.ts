// The vectors checked by implementations that are not ours, where they are installed: Go's sumdb packages
// (Debian: golang-go, golang-golang-x-mod-dev) for notes, trees and tiles; Python's cbor2 (Debian:
// python3-cbor2) for events and CAR files. A test that is skipped says what is missing.

import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { leafHash, verifyConsistency, verifyInclusion } from "../../src/chain/tree.ts";
import { fromBase64, fromUtf8 } from "../../src/lib/bytes.ts";
import { missingTool } from "../support/missing-tool.ts";

const [PROOFS, CHAIN] = ["test/vectors/proofs-v1.json", "test/vectors/chain-v1.json"];
/** Compiling the checker for the first time takes its time. */
const TIMEOUT_MS = 240_000;

const go = {
  command: "go",
  // Debian keeps packages for the mode without modules.
  env: { ...process.env, GO111MODULE: "off", GOPATH: "/usr/share/gocode", GOFLAGS: "" },
};

function works(command: string, args: readonly string[], env = process.env): boolean {
  return spawnSync(command, args, { env, stdio: "ignore" }).status === 0;
}

const hasGo = works(go.command, ["list", "golang.org/x/mod/sumdb/tlog"], go.env);
// A python3 of the user's own often hides Debian's.
const python = ["python3", "/usr/bin/python3"].find((one) => works(one, ["-c", "import cbor2"]));

const bytes = (base64: string): Uint8Array => fromBase64(base64) ?? new Uint8Array();

test(
  "Go's sumdb verifies every root, proof, tile, checkpoint and receipt, and we verify what it makes",
  { timeout: TIMEOUT_MS },
  ({ skip }) => {
    if (!hasGo) skip(missingTool("go with golang.org/x/mod", "golang-go golang-golang-x-mod-dev"));
    const args = ["run", "test/interop/check.go", PROOFS, CHAIN];
    const answer = JSON.parse(
      execFileSync(go.command, args, { env: go.env, encoding: "utf8", maxBuffer: 1 << 26 }),
    );
    const vectors = JSON.parse(readFileSync(PROOFS, "utf8"));
    expect(answer.note).toBe(vectors.checkpoints.at(-1));
    const { count: size, root: rootText } = vectors.numbers;
    const root = bytes(rootText);
    for (const { index, hashes } of answer.inclusion) {
      const leaf = leafHash(fromUtf8(String(index)));
      expect(verifyInclusion({ index, size, leaf, proof: hashes.map(bytes), root })).toBe(true);
    }
    for (const { from, hashes } of answer.consistency) {
      const [fromRoot, ...proof] = hashes.map(bytes);
      expect(verifyConsistency({ from, to: size, fromRoot, toRoot: root, proof })).toBe(true);
    }
    expect([answer.inclusion.length, answer.consistency.length]).toEqual([71, 70]);
  },
);

test("Python's cbor2 decodes every event and takes the CAR file apart", ({ skip }) => {
  if (python === undefined) return skip(missingTool("python3 with cbor2", "python3-cbor2"));
  const args = ["test/interop/events.py", PROOFS, CHAIN];
  const answer = execFileSync(python, args, { encoding: "utf8" });
  expect(JSON.parse(answer)).toEqual({ events: 25, blocks: 50 });
});
