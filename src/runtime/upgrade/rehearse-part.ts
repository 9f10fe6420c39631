// A part of a rehearsal, in the Worker: from its mark as far as the time allows.

import type { Executor } from "../../executor/executor.ts";
import type { Registry } from "../../handlers/registry.ts";
import { assert } from "../../lib/errors.ts";
import { readCursor } from "../../replay/place.ts";
import { replayPart } from "../../replay/replay.ts";
import type { ReplayReport, ReportedDifference } from "../../replay/report.ts";
import type { ContentStore } from "../../store/store.ts";
import { moduleSetRef } from "../birth/module-sets.ts";
import type { EventRef } from "../protocol.ts";
import type { AuditReader } from "../record/audit-reader.ts";
import { auditSource } from "../record/replayer.ts";
import { checkSound, rehearsing, reshapeBy, type Candidate } from "./rehearsal.ts";
import type { Target } from "./target.ts";
import { addTurns, type RehearsalMark } from "./upgrade-input.ts";

export interface RehearsalParts {
  audit: AuditReader;
  registry: Registry;
  executor: Executor;
  content: ContentStore;
  /** An actor's own raw blocks. */
  blocksOf: (id: string) => ContentStore;
}

export function candidateOf({ version, description }: Target, content: ContentStore): Candidate {
  return {
    component: version.component,
    modules: moduleSetRef(content, version.modules),
    description,
    grants: version.permissions.held,
    stateBytesMax: version.limits.stateBytes,
  };
}

interface Part {
  mark: RehearsalMark;
  /** Of this part alone. */
  report: ReplayReport;
  difference: ReportedDifference | null;
  /** Whether it came to the head of when it began. */
  isOver: boolean;
  /** The seq of that head. */
  head: number;
}

/** `back`: the state that a rollback restores, as long as which no turn has changed what it takes the place of. */
export async function rehearsePart(
  parts: RehearsalParts,
  id: string,
  {
    target,
    back,
    mark,
    runMs,
  }: {
    target: Target;
    back: { state: Uint8Array | null } | null;
    mark: RehearsalMark;
    runMs: number;
  },
): Promise<Part> {
  const { audit, registry, executor, content, blocksOf } = parts;
  const head = await audit.head(id);
  if (mark.at !== null && readCursor(mark.at).seq > head.seq) {
    const report = nothingFor(id, head);
    return { mark, report, difference: null, isOver: true, head: head.seq };
  }
  const candidate = candidateOf(target, content);
  const source = auditSource(id, head, { ...parts, blocks: blocksOf(id) });
  const reshape = back === null ? reshapeBy(candidate, executor) : async () => back.state;
  const { report, at } = await replayPart({
    ...rehearsing(candidate, source, reshape),
    executor,
    functions: (about) => registry.findHostFunction(about)?.fn,
    cursor: mark.at,
    runMs,
  });
  checkSound(report.verdict, report.chain.firstBad);
  checkPlace(at, report.difference);
  return {
    report,
    mark: { ...mark, at: at ?? mark.at, turns: addTurns(mark.turns, report.turns) },
    difference: report.difference,
    isOver: report.difference === null && report.next === null,
    head: head.seq,
  };
}

/** Throws where what differs would count as rehearsed by the next part. */
export function checkPlace(at: string | null, difference: { seq: number } | null): void {
  const isBefore = at === null || difference === null || readCursor(at).seq <= difference.seq;
  assert(isBefore, "a rehearsal does not go on behind a difference");
}

/** The report of a part without events: it would begin behind the head. */
function nothingFor(actor: string, head: EventRef): ReplayReport {
  const none = { events: 0, head, erased: [], withheld: [], firstBad: null };
  return {
    actor,
    verdict: "verified",
    turns: { agreed: 0, cut: 0, erased: 0, foreign: 0 },
    erasedTurns: [],
    difference: null,
    ran: null,
    chain: { verdict: "verified", actor, ...none },
    next: null,
  };
}
