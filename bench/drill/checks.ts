// What must be true of a quiet tree. Each difference is one sentence; while the tree comes to rest there
// are some, and once it has there may be none.

import type { ChainView, Exit, Stop } from "./chain-view.ts";
import type { Operation } from "./operations.ts";
import type { Member } from "./tree.ts";

export interface Differences {
  lost: string[];
  doubled: string[];
  views: string[];
  /** Operations of which a chain says that the host failed them. */
  failed: Set<number>;
  /** What is still under way. */
  unsettled: string[];
}

export interface Checked {
  members: readonly Member[];
  chains: ReadonlyMap<string, ChainView>;
  operations: readonly Operation[];
}

/** Of an operation that the drill has still to ask again. */
export const NO_ANSWER = "has no answer";
const COULD_NOT_BEGIN = "init-failed";
const TOLD_CHARS_MAX = 200;

export function differences({ members, chains, operations }: Checked): Differences {
  const found: Differences = { lost: [], doubled: [], views: [], failed: new Set(), unsettled: [] };
  for (const operation of operations) checkOperation(operation, chains, found);
  for (const member of members) {
    const chain = chainOf(chains, member.id);
    checkRest(member, chain, found);
    if (member.parent !== null) {
      found.views.push(...viewDifferences(member, chain, chainOf(chains, member.parent)));
    }
  }
  return found;
}

export function isNone({ lost, doubled, views, unsettled }: Differences): boolean {
  return lost.length + doubled.length + views.length + unsettled.length === 0;
}

function checkOperation(
  { n, as, act, target, to, status, event, told }: Operation,
  chains: ReadonlyMap<string, ChainView>,
  found: Differences,
): void {
  const chain = chainOf(chains, target);
  const at = `operation ${n} (${act}) at ${target}`;
  if (status === "open") {
    return void found.unsettled.push(`${at} ${NO_ANSWER}: ${told.slice(0, TOLD_CHARS_MAX)}`);
  }
  const [seq = "", cid = ""] = (event ?? "").split(":");
  if (chain.cidAt(Number(seq)) !== cid) {
    found.lost.push(`${at}: it was acknowledged as event ${seq}, and another stands there`);
  }
  const committed = chain.committed.get(n) ?? 0;
  const refused = chain.refused.get(n) ?? 0;
  const failed = chain.failed.get(n);
  if (committed > 1) found.doubled.push(`${at}: ${committed} times`);
  // One that asks another may be refused because that one is down, and then says so.
  const isRefusable = act === "ask" && refused === 1;
  const hasFailed = isHosts(failed);
  const should = act === "trap" || status === "refused" || isRefusable || hasFailed ? 0 : 1;
  if (hasFailed) found.failed.add(n);
  if (committed < should) found.lost.push(`${at}: ${failed ?? "no turn has ended with it"}`);
  if (should === 0 && committed > 0) found.doubled.push(`${at}: refused, and done all the same`);
  if (act === "trap" && failed === undefined) found.lost.push(`${at}: it has not failed`);
  if (to === null) return;
  const receiver = chainOf(chains, to);
  const arrived = receiver.committed.get(as) ?? 0;
  const passed = `operation ${as} from ${target} at ${to}`;
  if (arrived > 1) found.doubled.push(`${passed}: ${arrived} times`);
  if (isHosts(receiver.failed.get(as))) found.failed.add(as);
  else if (committed === 1 && arrived === 0) {
    found.lost.push(`${passed}: ${receiver.failed.get(as) ?? "never arrived"}`);
  }
  if (committed === 0 && arrived > 0 && act === "forward") {
    found.doubled.push(`${passed}: never sent`);
  }
}

/**
 * Whether it is on record that the host failed the turn or cut it off: not lost, because its chain says so. The
 * guest's own traps are the drill's to ask for.
 */
function isHosts(failed: string | undefined): boolean {
  return failed?.startsWith("host: ") === true || failed?.startsWith("cut: ") === true;
}

function checkRest({ id, name }: Member, chain: ChainView, { unsettled, lost }: Differences): void {
  if (!chain.isBegun) unsettled.push(`${name} has not begun`);
  if (chain.waiting.size > 0) unsettled.push(`${name}: ${chain.waiting.size} messages wait`);
  if (isDown(chain)) unsettled.push(`${name} is down: ${chain.stops.at(-1)?.reason}`);
  for (const reason of chain.undelivered) lost.push(`a send of ${name} (${id}): ${reason}`);
}

/** All children of the drill's tree are permanent. */
function isDown({ stops, starts }: ChainView): boolean {
  return (stops.at(-1)?.seq ?? -1) > (starts.at(-1)?.seq ?? 0);
}

/** Where a supervisor's chain and its child's do not say the same. */
function viewDifferences(member: Member, child: ChainView, boss: ChainView): string[] {
  const { id, name, place } = member;
  const differ: string[] = [];
  const exits = boss.exits.filter((each) => each.child === id);
  differ.push(...startDifferences(member, child, boss));
  // One that could not begin is a start that failed, and no exit.
  const stops = child.stops.filter(({ reason }) => reason !== COULD_NOT_BEGIN);
  if (exits.length !== stops.length) {
    differ.push(`${name} ended ${stops.length} times; its supervisor has ${exits.length}`);
  }
  for (const [index, exit] of exits.entries()) {
    const stop = stops[index];
    if (stop !== undefined) differ.push(...exitDifferences(member, exit, stop, child, index));
  }
  const decided = boss.decided.flatMap(({ starts }) =>
    starts.filter((each) => each.child === place),
  );
  for (const { attempt, by } of child.starts) {
    const isDecided = decided.some(({ incarnation }) => incarnation === attempt);
    if (!isDecided || by !== boss.id) {
      differ.push(`${name} was started as ${attempt} by ${by}, which nobody decided`);
    }
  }
  const last = decided.at(-1)?.incarnation;
  // Its birth is the first start that was decided.
  const seen = child.starts.at(-1)?.attempt;
  if (seen !== undefined && last !== seen) differ.push(`${name} is at ${seen}; decided is ${last}`);
  if (seen === undefined && decided.length > 1 && last !== decided[0]?.incarnation) {
    differ.push(`${name} was never started again; decided is ${last}`);
  }
  return differ;
}

/** Each start that failed is the cause of a decision, which names the child's chain as it then was. */
function startDifferences({ name, place }: Member, child: ChainView, boss: ChainView): string[] {
  const stops = child.stops.filter(({ reason }) => reason === COULD_NOT_BEGIN);
  const failed = boss.decided.flatMap(({ failedStart }) =>
    failedStart?.child === place ? [failedStart] : [],
  );
  if (failed.length !== stops.length) {
    const seen = `its supervisor saw ${failed.length}`;
    return [`${name} could not begin ${stops.length} times; ${seen}`];
  }
  return stops.flatMap(({ seq }, index) => {
    const told = failed[index];
    if (told !== undefined && told.seq >= seq && child.cidAt(told.seq) === told.event) return [];
    return [`${name} could not begin at ${seq}; its supervisor names ${told?.seq}`];
  });
}

function exitDifferences(
  { name, parent }: Member,
  { head, size, reason }: Exit,
  stop: Stop,
  child: ChainView,
  index: number,
): string[] {
  const differ: string[] = [];
  const at = `${name}, end ${index + 1}`;
  const kind = kindOf(stop, parent);
  if (reason !== kind) differ.push(`${at}: ${kind}; its supervisor has ${reason}`);
  if (child.cidAt(size - 1) !== head) differ.push(`${at}: its supervisor has a head of no event`);
  const next = child.starts.find(({ seq }) => seq > stop.seq)?.seq ?? Infinity;
  if (size - 1 < stop.seq || size - 1 >= next) {
    differ.push(`${at}: it ended at ${stop.seq}; its supervisor has ${size - 1}`);
  }
  return differ;
}

/** As supervision calls an end of which the actor's own chain has the reason. */
function kindOf({ reason, by }: Stop, parent: string | null): string {
  if (by !== null) return by === parent ? "shutdown" : "stopped";
  const [kind = ""] = reason.split(":");
  return kind === "shutdown" && reason === kind ? "normal" : kind;
}

function chainOf(chains: ReadonlyMap<string, ChainView>, id: string): ChainView {
  const chain = chains.get(id);
  if (chain === undefined) throw new Error(`there is no chain of ${id}`);
  return chain;
}
