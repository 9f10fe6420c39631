// Chains as lines, from a server or a file, held against their hashes and against what was signed.

import { readFile } from "node:fs/promises";
import { CheckpointCheck, judge, type CheckpointReport } from "../chain/checkpoint-check.ts";
import { parseCid } from "../chain/cid.ts";
import { decodeEvent } from "../chain/event.ts";
import { ChainVerifier, type Beginning, type Report } from "../chain/verify.ts";
import { fromBase64 } from "../lib/bytes.ts";
import { TheaterError } from "../lib/errors.ts";
import { chainHead, linesOfFile, linesOfServer, linesTo } from "./chain-source.ts";
import type { EventRef, SourceLine } from "./chain-source.ts";
import type { Context } from "./context.ts";
import { fetchCheckpoint, fetchConsistency } from "./proofs-client.ts";
import { checkpointsOf, readGenesis, readSigning, rememberNewest, signersAt } from "./signing.ts";
import { requireConsistent, type Shown, type Signing } from "./signing.ts";
import type { Verified, VerifyOptions } from "./verify-report.ts";

interface Source {
  actor: string | undefined;
  /** Asked for before the events; undefined if only they can tell. */
  head(): Promise<EventRef | undefined>;
  lines(from: number, to: number | undefined): AsyncIterable<SourceLine>;
  shown: Shown;
}

export async function verifyActor(
  context: Context,
  id: string,
  options: VerifyOptions,
): Promise<Verified> {
  const { connection } = context;
  return await verifySource(context, options, {
    actor: id,
    // Asked for first, so that nobody can shorten the chain without contradicting it.
    head: async () => await chainHead(connection, id),
    lines: (from, to) => linesOfServer(connection, id, to === undefined ? { from } : { from, to }),
    shown: {
      note: () => fetchCheckpoint(connection, id),
      isLive: true,
      prove: (from, to) => fetchConsistency(connection, id, { from, to }),
    },
  });
}

export async function verifyLinesFile(
  context: Context,
  path: string,
  options: VerifyOptions,
): Promise<Verified> {
  return await verifySource(context, options, {
    actor: undefined,
    head: () => Promise.resolve(undefined),
    async *lines(from, to = Number.POSITIVE_INFINITY) {
      for await (const one of linesOfFile(path)) {
        if (one.line.seq > to) return;
        if (one.line.seq >= from) yield one;
      }
    },
    shown: shownByFile(options),
  });
}

/** Nobody speaks for a file but the checkpoint that came with it. */
export function shownByFile({ checkpoint }: VerifyOptions): Shown {
  const note = async (): Promise<string | null> =>
    checkpoint === undefined ? null : await readFile(checkpoint, "utf8");
  return { note, isLive: false };
}

/** Throws `chain-broken` where a chain is sound whose beginning was shown as something else just before. */
export function requireGenesis(report: Report, signing: Signing | undefined): void {
  if (report.firstBad !== null || report.events === 0 || signing !== undefined) return;
  const message = "Verify again: the first event was not the same when it was read twice.";
  throw new TheaterError("chain-broken", message, { actor: report.actor });
}

async function verifySource(
  { output }: Context,
  options: VerifyOptions,
  source: Source,
): Promise<Verified> {
  const { after } = options;
  const signing = after === undefined ? await signingOf(source) : undefined;
  const head = options.head ?? (await source.head());
  if (head !== undefined) output.note(`checking ${head.seq - (after?.seq ?? -1)} events`);
  // A chain that is checked up to a known event only is not cut off there.
  const size = options.head === undefined ? Number.POSITIVE_INFINITY : options.head.seq + 1;
  const { report, signed, beginning } = await check(source, { after, head, signing, size });
  if (after === undefined) requireGenesis(report, signing);
  const confirmed = await confirm(report, { signing, signed, source });
  const type = report.firstBad && (await typeAt(source, report.firstBad.seq));
  return { report, type, beginning, signing, signed: confirmed, badContent: [], notes: [] };
}

async function signingOf(source: Source): Promise<Signing | undefined> {
  let payload: Uint8Array | null = null;
  for await (const { line } of source.lines(0, 0)) payload ??= line.payload;
  const genesis = readGenesis(payload);
  // A wrong one is for the verifier to report.
  if (genesis === undefined || genesis.actor !== (source.actor ?? genesis.actor)) return undefined;
  return await readSigning(genesis, source.shown);
}

interface Known {
  after: EventRef | undefined;
  head: EventRef | undefined;
  signing: Signing | undefined;
  /** Only checkpoints of at most so many events are held against it. */
  size: number;
}

async function check(
  source: Source,
  { after, head, signing, size }: Known,
): Promise<{ report: Report; signed: CheckpointReport | null; beginning: Beginning }> {
  const first = after === undefined ? 0 : after.seq + 1;
  const from = after && { seq: first, parent: parseCid(after.cid).digest };
  const verifier = new ChainVerifier({ actor: source.actor, from });
  const readAll = async (checkpoints: CheckpointCheck | undefined): Promise<void> => {
    const to = head?.seq ?? -1;
    for await (const { line } of linesTo(to, first, (next) => source.lines(next, head?.seq))) {
      verifier.next(line);
      checkpoints?.next(line.block);
    }
  };
  if (signing === undefined) {
    await readAll(undefined);
    return { report: verifier.finish(head), signed: null, beginning: verifier.beginning };
  }
  const checkpoints = new CheckpointCheck(checkpointsOf(signing, size));
  await readAll(checkpoints);
  const judged = judgeSource(verifier.finish(head), checkpoints.finish(), { signing, source });
  return { ...judged, beginning: verifier.beginning };
}

/** An old file does not break what was remembered of its chain since. */
function judgeSource(
  report: Report,
  signed: CheckpointReport,
  { signing, source }: { signing: Signing; source: Source },
): { report: Report; signed: CheckpointReport } {
  const isOld = !source.shown.isLive && signed.size >= (signing.newest?.checkpoint.size ?? 0);
  const fair = isOld ? { ...signed, cutBefore: null } : signed;
  return { report: judge(report, fair), signed };
}

/** How far the chain is signed; what it was held against is remembered if it fits. */
async function confirm(
  report: Report,
  from: { signing: Signing | undefined; signed: CheckpointReport | null; source: Source },
): Promise<Verified["signed"]> {
  const { signing, signed, source } = from;
  if (signing === undefined || signed === null) return { to: 0, by: [] };
  const confirmed = { to: signed.signedTo, by: signersAt(signing, signed.signedTo) };
  const { newest, origin } = signing;
  if (report.firstBad !== null || newest === null) return confirmed;
  const { size } = signed;
  if (newest.checkpoint.size <= size) {
    await rememberNewest(signing);
    return confirmed;
  }
  // Read up to a known event only: the rest is the log's to prove.
  if (source.shown.prove === undefined) return confirmed;
  const read = { origin, size, root: fromBase64(signed.root) ?? new Uint8Array() };
  await requireConsistent(read, newest.checkpoint, source.shown.prove);
  await rememberNewest(signing);
  return { to: size, by: newest.by };
}

/** For people only: where the event is missing, a server refuses, and that must not hide the verdict. */
async function typeAt(source: Source, seq: number): Promise<string | null> {
  try {
    for await (const { line } of source.lines(seq, seq)) return decodeEvent(line.block).type;
  } catch {
    return null;
  }
  return null;
}
