// Replays a chain from wherever it is: with the recorded component, or another one, and with a host that
// answers from the record alone. Nothing outside can change by it.
//
// One call runs for a bounded time and says where the next one goes on; what it says is true of what lies
// between the two places.

import { decodeEvent } from "../chain/event.ts";
import { ChainVerifier } from "../chain/verify.ts";
import { TheaterError } from "../lib/errors.ts";
import { cursorOf, parentCid, readCursor } from "./place.ts";
import type { RecordedEvent } from "./recorded-turn.ts";
import { ChainReplay, type ChainReplayParts } from "./replay-chain.ts";
import { likelyReason, reportDifference, type ReplayReport } from "./report.ts";
import type { ReplaySource, SourceEntry } from "./source.ts";

export interface ReplayOptions extends Pick<
  ChainReplayParts,
  "executor" | "functions" | "override" | "onTurn"
> {
  source: ReplaySource;
  /** `next` of an earlier report; null begins at the genesis. */
  cursor: string | null;
  /** How long to run turns, ms; then it ends between two. */
  runMs: number;
  /** Gives in place of an event what whatever runs instead would have recorded, as far as that is known. */
  translate?: ((event: RecordedEvent) => Promise<RecordedEvent>) | undefined;
}

export async function replay(options: ReplayOptions): Promise<ReplayReport> {
  return (await replayPart(options)).report;
}

/** As `replay`, with the cursor of the place where it ended; null: nothing was looked at. */
export async function replayPart({
  source,
  cursor,
  runMs,
  translate = async (event) => event,
  ...options
}: ReplayOptions): Promise<{ report: ReplayReport; at: string | null }> {
  const earlier = async (seq: number): Promise<RecordedEvent | undefined> => {
    const entry = await source.entry(seq);
    const event = entry && decoded(entry);
    return event && (await translate(event));
  };
  const run = new ChainReplay({ ...options, source, earlier });
  const place = cursor === null ? null : readCursor(cursor);
  if (place !== null) await run.begin(place);
  const from = place === null ? {} : { from: place };
  const verifier = new ChainVerifier({ actor: source.actor, ...from });
  const deadline = Date.now() + runMs;
  let parent = place && parentCid(place);
  const { head } = source;
  let stopped = false;
  pages: for await (const page of source.pages(run.place.seq, head.seq)) {
    for (const entry of page) {
      const event = readEvent(verifier, entry);
      stopped = event === undefined || !(await run.next(await translate(event)));
      if (stopped) break pages;
      if (run.place.seq !== entry.seq + 1) continue;
      parent = entry.cid;
      stopped = Date.now() >= deadline && entry.seq < head.seq;
      if (stopped) break pages;
    }
  }
  // Also where a turn is open at the head, and where the source ends before it: there is nothing to go on with.
  const told = await report(run, { verifier, head, parent, isOver: !stopped });
  const at = parent === null ? null : cursorOf(run.place, parent);
  return { report: { actor: source.actor, ...told }, at };
}

/** Checks an event with its predecessors; undefined for one that cannot be read. */
export function readEvent(verifier: ChainVerifier, entry: SourceEntry): RecordedEvent | undefined {
  verifier.next(entry);
  // What a bad event holds may be anything.
  return verifier.isBroken ? undefined : decoded(entry);
}

export function decoded(entry: SourceEntry): RecordedEvent | undefined {
  try {
    const { seq, turn, type, about, time } = decodeEvent(entry.block);
    return { seq, turn, type, about, time, payload: entry.payload };
  } catch (thrown) {
    if (thrown instanceof TheaterError) return undefined; // the verifier says what is wrong
    throw thrown;
  }
}

export async function report(
  run: ChainReplay,
  {
    verifier,
    head,
    parent,
    isOver,
  }: {
    verifier: ChainVerifier;
    head: ReplaySource["head"];
    parent: string | null;
    isOver: boolean;
  },
): Promise<Omit<ReplayReport, "actor">> {
  const { difference, counts, place } = run;
  const chain = verifier.finish(isOver ? head : undefined);
  const isBroken = chain.firstBad !== null;
  const goesOn = !isOver && !isBroken && difference === undefined && parent !== null;
  return {
    verdict: isBroken ? "broken" : difference === undefined ? "verified" : "diverged",
    turns: counts,
    erasedTurns: run.erasedTurns,
    difference:
      difference === undefined
        ? null
        : reportDifference(
            difference,
            run.description,
            isBroken ? "tampered-record" : await likelyReason(run, difference),
          ),
    chain,
    next: goesOn ? cursorOf(place, parent) : null,
  };
}
