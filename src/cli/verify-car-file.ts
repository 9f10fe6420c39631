// A chain in a CAR file, checked as it streams from the disk, without any server.

import { createReadStream } from "node:fs";
import { readCar, type CarBlock } from "../chain/car.ts";
import { parseCid } from "../chain/cid.ts";
import { decodeEvent } from "../chain/event.ts";
import { verifyCar, type CarReport } from "../chain/verify-car.ts";
import { TheaterError } from "../lib/errors.ts";
import type { Context } from "./context.ts";
import { checkpointsOf, readGenesis, readSigning, rememberNewest, signersAt } from "./signing.ts";
import type { Signing } from "./signing.ts";
import { requireGenesis, shownByFile } from "./verify-lines.ts";
import type { Verified, VerifyOptions } from "./verify-report.ts";

export async function verifyCarFile(
  { output }: Context,
  path: string,
  options: VerifyOptions,
): Promise<Verified> {
  const { head, after } = options;
  const signing = after === undefined ? await signingOf(path, options) : undefined;
  const from = after && { seq: after.seq + 1, parent: parseCid(after.cid).digest };
  const read = async (sizeMax?: number): Promise<CarReport> => {
    const checkpoints = signing && checkpointsOf(signing, sizeMax);
    return await verifyCar(createReadStream(path), { head, from, checkpoints });
  };
  output.note(`checking ${path}`);
  let report = await read();
  const { size = 0, cutBefore = null } = report.signed ?? {};
  // An old file does not break what was remembered of its chain since: only `--checkpoint` is about the file.
  if (cutBefore !== null && size >= (signing?.newest?.checkpoint.size ?? 0)) {
    report = await read(size);
  }
  if (after === undefined) requireGenesis(report, signing);
  if (report.verdict === "verified" && signing !== undefined) await rememberNewest(signing);
  const { signed, content, root, beginning, ...chain } = report;
  const to = signed?.signedTo ?? 0;
  const type = chain.firstBad && (await typeOf(path, chain.firstBad.seq));
  const notes = content.sound === 0 ? [] : [`${content.sound} blocks of content behind the chain`];
  if (chain.firstBad?.problem === "wrong-seq" && chain.events === 0) {
    notes.push(
      "if the file is meant to begin in the middle, name the event before it with --after",
    );
  }
  return {
    report: chain,
    beginning,
    type,
    signing,
    signed: { to, by: signersAt(signing, to) },
    badContent: content.bad,
    more: { root, content },
    notes,
  };
}

async function signingOf(path: string, options: VerifyOptions): Promise<Signing | undefined> {
  for await (const { link, bytes } of blocksOf(path)) {
    const genesis = readGenesis(bytes);
    if (genesis !== undefined) return await readSigning(genesis, shownByFile(options));
    // The genesis is the payload of the first event; behind another event there is none.
    if (link.codec === "raw" || (seqOf(bytes) ?? 0) > 0) break;
  }
  return undefined;
}

/** What the event at `seq` claims to be, if it can be read at all. */
async function typeOf(path: string, seq: number): Promise<string | null> {
  for await (const { bytes } of blocksOf(path)) {
    if (seqOf(bytes) === seq) return decodeEvent(bytes).type;
  }
  return null;
}

/** As far as the file can be read: what is wrong with it is for the verifier to say. */
async function* blocksOf(path: string): AsyncGenerator<CarBlock> {
  try {
    yield* (await readCar(createReadStream(path))).blocks;
  } catch (thrown) {
    if (!(thrown instanceof TheaterError)) throw thrown;
  }
}

function seqOf(block: Uint8Array): number | undefined {
  try {
    return decodeEvent(block).seq;
  } catch {
    return undefined;
  }
}
