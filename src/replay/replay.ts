// Replays a chain from wherever it is: with the recorded component, or another one, and with a host that
// answers from the record alone. Nothing outside can change by it.
//
// One call runs for a bounded time and says where the next one goes on; what it says is true of what lies
// between the two places.

import { decodeEvent } from "../chain/event.ts";
import { Link } from "../chain/value.ts";
import { ChainVerifier } from "../chain/verify.ts";
import { TheaterError } from "../lib/errors.ts";
import { cursorOf, readCursor } from "./place.ts";
import type { RecordedEvent } from "./recorded-turn.ts";
import { recordedAs } from "./fields.ts";
import { ChainReplay, type ChainReplayParts } from "./replay-chain.ts";
import { likelyReason, reportDifference, reportRan, type ReplayReport } from "./report.ts";
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
  translate,
  ...options
}: ReplayOptions): Promise<{ report: ReplayReport; at: string | null }> {
  const earlier = async (seq: number): Promise<RecordedEvent | undefined> => {
    const entry = await source.entry(seq);
    const event = entry && decoded(entry);
    return event && translate !== undefined ? await translate(event) : event;
  };
  const run = new ChainReplay({ ...options, source, earlier });
  const place = cursor === null ? null : readCursor(cursor);
  if (place !== null) await run.begin({ ...place, parent: new Link("dag-cbor", place.parent) });
  const from = place === null ? {} : { from: place };
  const verifier = new ChainVerifier({ actor: source.actor, ...from });
  const isOver = await feed(run, verifier, { source, translate, deadline: Date.now() + runMs });
  await run.finish();
  const told = await report(run, verifier, { head: source.head, isOver });
  return { report: { actor: source.actor, ...told }, at: cursorOf(run.place) };
}

/** Gives the events to `run` until the time is over or something is wrong. True where the source has no more. */
async function feed(
  run: ChainReplay,
  verifier: ChainVerifier,
  {
    source: { pages, head },
    deadline,
    translate,
  }: { source: ReplaySource; deadline: number } & Pick<ReplayOptions, "translate">,
): Promise<boolean> {
  for await (const page of pages(run.place.seq, head.seq)) {
    for (const entry of page) {
      const event = readEvent(verifier, entry);
      if (event === undefined) return false;
      const given = translate === undefined ? event : await translate(event);
      if (!(await run.next(given, entry.link ?? entry.cid))) return false;
      const isBetween = run.between === entry.seq + 1;
      if (isBetween && entry.seq < head.seq && Date.now() >= deadline) return false;
    }
  }
  // Also where a turn is open at the head, and where the source ends before it: there is nothing to go on with.
  return true;
}

/** Checks an event with its predecessors; undefined for one that cannot be read. */
export function readEvent(verifier: ChainVerifier, entry: SourceEntry): RecordedEvent | undefined {
  const { seq, link, block, payload } = entry;
  verifier.next({ seq, cid: link ?? entry.cid, block, payload });
  // What a bad event holds may be anything.
  if (verifier.isBroken) return undefined;
  const { seen } = verifier;
  return seen === undefined ? decoded(entry) : recordedAs(seen, payload);
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
  verifier: ChainVerifier,
  { head, isOver }: { head: ReplaySource["head"]; isOver: boolean },
): Promise<Omit<ReplayReport, "actor">> {
  const { difference, counts, place, divergedAt = Infinity } = run;
  const chain = verifier.finish(isOver ? head : undefined);
  // Turns are run some events behind the verifier: what it found behind a divergence has no part in it.
  const isBroken = chain.firstBad !== null && chain.firstBad.seq <= divergedAt;
  const goesOn = !isOver && !isBroken && difference === undefined;
  return {
    verdict: isBroken ? "broken" : difference === undefined ? "verified" : "diverged",
    turns: counts,
    erasedTurns: run.erasedTurns,
    difference:
      difference === undefined
        ? null
        : reportDifference(
            difference,
            run.inForce?.description,
            isBroken ? "tampered-record" : await likelyReason(run, difference),
          ),
    ran: run.inForce === undefined ? null : reportRan(run.inForce),
    chain,
    next: goesOn ? cursorOf(place) : null,
  };
}
