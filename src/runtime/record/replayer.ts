// Replays an actor's chain where its ledger is: in the Worker, with the actor's own component, and with a
// host that answers from the record alone. Nothing outside can change by it.
//
// One call runs for a bounded time and says where the next one goes on; what it says is true of what lies
// between the two places.

import { cidText, parseCid } from "../../chain/cid.ts";
import { decodeEvent } from "../../chain/event.ts";
import { ChainVerifier } from "../../chain/verify.ts";
import { Link, type Value } from "../../chain/value.ts";
import type { ComponentDescription } from "../../executor/wit-type.ts";
import type { Executor } from "../../executor/executor.ts";
import type { ChainView } from "../../handlers/handler.ts";
import type { Registry } from "../../handlers/registry.ts";
import { TheaterError } from "../../lib/errors.ts";
import { ChainReplay, type ChainReplayParts, type Place } from "../../replay/replay-chain.ts";
import type { RecordedEvent } from "../../replay/recorded-turn.ts";
import { likelyReason, reportDifference, type ReplayReport } from "../../replay/report.ts";
import type { ContentStore } from "../../store/store.ts";
import { readGenesis } from "../birth/genesis.ts";
import { moduleSetRef, readModuleSet } from "../birth/module-sets.ts";
import type { ChainEntry, EventRef } from "../protocol.ts";
import type { AuditReader } from "./audit-reader.ts";
import { Blocks } from "./content.ts";

interface Parts {
  audit: AuditReader;
  registry: Registry;
  executor: Executor;
  content: ContentStore;
  /** The actor's own raw blocks. */
  blocks: ContentStore;
}

/** How long one call runs turns; then it ends between two. */
const RUN_MS = 10_000;
const PAGE_MAX = 1_000;

export async function replay(
  id: string,
  cursor: string | null,
  parts: Parts,
): Promise<ReplayReport> {
  const { audit } = parts;
  const place = cursor === null ? null : readCursor(cursor);
  const replayParts = await partsOf(id, parts);
  const run = new ChainReplay(replayParts);
  if (place !== null) await run.begin(place);
  const from = place === null ? {} : { from: place };
  const verifier = new ChainVerifier({ actor: id, ...from });
  const head = await audit.head(id);
  const deadline = Date.now() + RUN_MS;
  let parent = place === null ? null : cidText(new Link("dag-cbor", place.parent));
  let next = run.place.seq;
  let isGood = true;
  while (isGood && next <= head.seq && Date.now() < deadline) {
    const { entries } = await audit.page(id, {
      from: next,
      to: head.seq,
      types: [],
      limit: PAGE_MAX,
    });
    if (entries.length === 0) break;
    for (const entry of entries) {
      const event = readEvent(verifier, entry);
      if (event === undefined || !(await run.next(event))) {
        isGood = false;
        break;
      }
      next = entry.seq + 1;
      if (run.place.seq === next) parent = entry.cid;
      if (run.place.seq === next && Date.now() >= deadline) break;
    }
  }
  return { actor: id, ...(await report(run, replayParts.description, { verifier, head, parent })) };
}

/** Checks an event with its predecessors; undefined for one that cannot be read. */
function readEvent(verifier: ChainVerifier, entry: ChainEntry): RecordedEvent | undefined {
  verifier.next(entry);
  try {
    const { seq, turn, type, about, time } = decodeEvent(entry.block);
    return { seq, turn, type, about, time, payload: entry.payload };
  } catch (thrown) {
    if (thrown instanceof TheaterError) return undefined; // the verifier says what is wrong
    throw thrown;
  }
}

async function report(
  run: ChainReplay,
  description: ComponentDescription,
  { verifier, head, parent }: { verifier: ChainVerifier; head: EventRef; parent: string | null },
): Promise<Omit<ReplayReport, "actor">> {
  const { difference, counts, place } = run;
  const isOver = place.seq > head.seq;
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
            description,
            isBroken ? "tampered-record" : await likelyReason(run, difference),
          ),
    chain,
    next: goesOn ? `${place.seq}.${parent}.${place.stateSeq ?? "-"}` : null,
  };
}

/** What the actor's genesis says, and how to read the rest of its chain. */
async function partsOf(
  id: string,
  { audit, registry, executor, content, blocks }: Parts,
): Promise<ChainReplayParts> {
  const earlier = async (seq: number): Promise<RecordedEvent | undefined> => {
    const { entries } = await audit.page(id, { from: seq, to: seq, types: [], limit: 1 });
    const [entry] = entries;
    return entry && readEvent(new ChainVerifier(), entry);
  };
  const [genesis] = (await audit.page(id, { from: 0, to: 0, types: [], limit: 1 })).entries;
  if (genesis?.payload == null) {
    throw new TheaterError("chain-broken", "The chain has no genesis: verify it.", { seq: 0 });
  }
  const { modules, permissions, limits } = readGenesis(genesis.payload);
  const own = new Blocks(blocks);
  return {
    actor: id,
    executor,
    modules: moduleSetRef(content, modules),
    description: (await readModuleSet(content, modules)).description,
    grants: permissions.held,
    stateBytesMax: limits.stateBytes,
    read: (link) => own.get(link),
    functions: (about) => registry.findHostFunction(about)?.fn,
    chainAgain: (recorded) => viewAgain(audit, id, recorded),
    earlier,
  };
}

/** As the actor's own services show it; what was erased since is shown empty, as it is to everybody. */
async function viewAgain(audit: AuditReader, id: string, recorded: Value): Promise<ChainView> {
  const { actor = id, from, to } = recorded as { actor?: string; from: number; to: number };
  const events: ChainView["events"][number][] = [];
  for (let next: number | null = from; next !== null && next <= to;) {
    const page: { entries: ChainEntry[]; next: number | null } = await audit.page(actor, {
      from: next,
      to,
      types: [],
      limit: PAGE_MAX,
    });
    for (const { cid, block, payload } of page.entries) {
      const { parent, type, time } = decodeEvent(block);
      events.push({
        digest: parseCid(cid).digest,
        parent: parent?.digest ?? null,
        type,
        payload: payload ?? new Uint8Array(0),
        time,
      });
    }
    next = page.next;
  }
  return { recorded, events };
}

function readCursor(cursor: string): Place & { parent: Uint8Array } {
  const [seq = "", parent = "", state = ""] = cursor.split(".");
  return {
    seq: Number(seq),
    parent: parseCid(parent).digest,
    stateSeq: state === "-" ? null : Number(state),
  };
}
