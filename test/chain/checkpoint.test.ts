// Checkpoints: their three lines, their signatures, and what they add to a chain whose hashes all fit.

import fc from "fast-check";
import { expect, test } from "vitest";
import {
  compareCheckpoints,
  formatCheckpoint,
  openCheckpoint,
  originOf,
  parseCheckpoint,
  parseOrigin,
  signCheckpoint,
} from "../../src/chain/checkpoint.ts";
import { CheckpointCheck, judge } from "../../src/chain/checkpoint-check.ts";
import { importLogKey, newLogSecret } from "../../src/chain/keys.ts";
import { parseNote, parseVerifierKey, signNote, verifierKey } from "../../src/chain/note.ts";
import { EMPTY_ROOT, verifyConsistency } from "../../src/chain/tree.ts";
import { ChainVerifier, type Report } from "../../src/chain/verify.ts";
import { toBase64 } from "../../src/lib/bytes.ts";
import { present } from "./present.ts";
import { ChainBuilder, genesis, sampleChain } from "./sample-chain.ts";
import { LOG, SignedChain, logKey } from "./signed-chain.ts";

const chain = sampleChain();
const signed = new SignedChain(chain);
const { origin } = signed;
const trusted = [{ name: LOG, publicKey: logKey.publicKey }];
const size = chain.lines.length;
const malformed = expect.objectContaining({ code: "bad-request" });
const because = (reason: string): unknown =>
  expect.objectContaining({ code: "chain-broken", evidence: expect.objectContaining({ reason }) });

/** The report over these lines, held against checkpoints of the sizes given. */
async function verify(
  lines: typeof chain.lines,
  options: { sizes: readonly number[]; listed?: boolean },
): Promise<Report> {
  const checkpoints = await Promise.all(options.sizes.map((one) => signed.checkpoint(one)));
  const [verifier, check] = [new ChainVerifier(), new CheckpointCheck(checkpoints)];
  for (const { seq, cid, block, payload } of lines) {
    verifier.next({ seq, block, payload, ...(options.listed && { cid }) });
    check.next(block);
  }
  return judge(verifier.finish(), check.finish());
}

test("the example of the specification is read and written back", () => {
  const text =
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
  const checkpoint = parseCheckpoint(text);
  expect(checkpoint).toMatchObject({ origin: "example.com/behind-the-sofa", size: 20_852_163 });
  expect(formatCheckpoint(checkpoint)).toBe(text);
  expect(parseOrigin(checkpoint.origin)).toBeUndefined();
});

test("what is not exactly a checkpoint is refused", async () => {
  const good = formatCheckpoint(await signed.checkpoint());
  const [, , root = ""] = good.split("\n");
  const lines = (...parts: string[]): string => `${parts.join("\n")}\n`;
  const bad = [
    "",
    good.slice(0, -1),
    `${good}extension\n`,
    `${good}\n`,
    lines("", "1", root),
    lines("a b", "1", root),
    lines(origin, "01", root),
    lines(origin, "-1", root),
    lines(origin, "1e3", root),
    lines(origin, " 1", root),
    lines(origin, "9007199254740992", root),
    lines(origin, "0", root),
    lines(origin, "1", root.slice(4)),
    lines(origin, "1", root.replace("=", "")),
  ];
  for (const text of bad) expect(() => parseCheckpoint(text)).toThrow(malformed);
  expect(parseCheckpoint(lines(origin, "0", toBase64(EMPTY_ROOT))).size).toBe(0);
  expect(() => originOf({ log: "a b", actor: chain.actor })).toThrow(malformed);
  expect(() => originOf({ log: "a", actor: "nobody" })).toThrow(malformed);
  expect(parseOrigin(origin)).toEqual({ log: LOG, actor: chain.actor });
});

test("the key of a log opens the checkpoints of its chains, and of no other chain", async () => {
  const note = await signed.note();
  const opened = await openCheckpoint(note, trusted, origin);
  const own = { name: origin, publicKey: logKey.publicKey };
  expect(opened).toEqual({ ...(await signed.checkpoint()), signedBy: [verifierKey(own)] });
  expect(await openCheckpoint(note, [parseVerifierKey(verifierKey(own))], origin)).toEqual(opened);

  const other = originOf({ log: LOG, actor: "a".repeat(32) });
  await expect(openCheckpoint(note, trusted, other)).rejects.toEqual(because("not-signed"));
  for (const name of ["theater", `${LOG}/x`, `${origin}x`, "example"]) {
    const stranger = [{ ...own, name }];
    await expect(openCheckpoint(note, stranger, origin)).rejects.toEqual(because("not-signed"));
  }
  const misplaced = await signCheckpoint([logKey], { ...opened, origin: other });
  const renamed = misplaced.replace(`— ${other}`, `— ${origin}`);
  await expect(openCheckpoint(renamed, trusted, origin)).rejects.toEqual(because("not-signed"));
  // Signed by the right key under the right name, but about another chain.
  const text = formatCheckpoint({ ...opened, origin: other });
  const crossed = await signNote([{ name: origin, key: logKey }], text);
  await expect(openCheckpoint(crossed, trusted, origin)).rejects.toEqual(because("wrong-origin"));
});

test("during a change of keys either key opens the checkpoint", async () => {
  const next = await importLogKey(newLogSecret());
  const note = await signCheckpoint([logKey, next], await signed.checkpoint());
  expect(parseNote(note).signatures.length).toBe(2);
  const [older] = trusted;
  const newer = { name: LOG, publicKey: next.publicKey };
  for (const keys of [[older], [newer], [older, newer]]) {
    const known = keys.filter((key) => key !== undefined);
    expect((await openCheckpoint(note, known, origin)).signedBy.length).toBe(known.length);
  }
});

test("a checkpoint that could not be read back is not signed", async () => {
  const checkpoint = await signed.checkpoint();
  for (const bad of [
    { size: -1 },
    { size: 0.5 },
    { root: new Uint8Array(31) },
    { origin: "a\nb" },
  ]) {
    await expect(signCheckpoint([logKey], { ...checkpoint, ...bad })).rejects.toEqual(malformed);
  }
});

test("a later checkpoint grows, or breaks the promise", async () => {
  const [early, late] = [await signed.checkpoint(5), await signed.checkpoint(9)];
  expect(compareCheckpoints(early, late)).toBe("grown");
  expect(compareCheckpoints(late, early)).toBe("shrunk");
  expect(compareCheckpoints(early, { ...early })).toBe("same");
  expect(compareCheckpoints(early, { ...late, size: 5 })).toBe("forked");
  const proof = await signed.consistency(5, 9);
  const claim = { from: 5, to: 9, fromRoot: early.root, toRoot: late.root, proof };
  expect(verifyConsistency(claim)).toBe(true);
});

test("a chain is signed to its largest checkpoint", async () => {
  const report = await verify(chain.lines, { sizes: [3, size] });
  expect(report).toMatchObject({ verdict: "verified", events: size });
  const check = new CheckpointCheck([await signed.checkpoint(7), await signed.checkpoint(3)]);
  for (const { block } of chain.lines) check.next(block);
  const { root } = await signed.checkpoint();
  expect(check.finish()).toEqual({
    size,
    root: toBase64(root),
    signedTo: 7,
    contradiction: null,
    cutBefore: null,
  });
});

/** The same beginning, then other events, all of whose hashes fit: what an operator with storage can make. */
function rebuiltFrom(seq: number): ChainBuilder {
  const forged = new ChainBuilder().add("actor.created", genesis("sample"));
  for (let at = 1; at < size; at++) {
    const started = { reason: "created", attempt: at, by: null, state: null };
    if (at < seq) forged.add("actor.started", started);
    else forged.add("actor.paused", { by: "nobody" });
  }
  return forged;
}

test("a suffix rebuilt with correct hashes passes every other check, and the signature catches it", async () => {
  for (let seq = 1; seq < size - 1; seq++) {
    const honest = new SignedChain(rebuiltFrom(size));
    const forged = rebuiltFrom(seq);
    const [verifier, check] = [
      new ChainVerifier(),
      new CheckpointCheck([await honest.checkpoint(seq), await honest.checkpoint()]),
    ];
    for (const line of forged.lines) {
      verifier.next(line);
      check.next(line.block);
    }
    const report = verifier.finish(forged.head());
    expect(report).toMatchObject({ verdict: "verified", events: size });
    expect(judge(report, check.finish())).toMatchObject({
      verdict: "broken",
      firstBad: { seq, problem: "not-as-signed", expected: expect.any(String) },
    });
    const fork = await new SignedChain(forged).checkpoint();
    expect(compareCheckpoints(await honest.checkpoint(), fork)).toBe("forked");
  }
});

test("a cut tail shows against a signed size, without any head", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: size - 1 }), async (seq) => {
      const report = await verify(chain.lines.slice(0, seq), { sizes: [1, size] });
      expect(report).toMatchObject({ verdict: "broken", firstBad: { seq, problem: "cut-off" } });
    }),
    { numRuns: 20 },
  );
});

test("a break in the chain itself is named before what the signature says", async () => {
  const lines = chain.lines.with(4, present(chain.lines[5]));
  const report = await verify(lines, { sizes: [size], listed: true });
  expect(report.firstBad).toMatchObject({ seq: 4, problem: "missing" });
});
