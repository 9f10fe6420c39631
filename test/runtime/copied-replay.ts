// Replays a list of events as the server would replay a chain: the source is the list, all else is real.

import { cidText } from "../../src/chain/cid.ts";
import { decodeEvent, encodeEvent } from "../../src/chain/event.ts";
import { decodePayload, encodePayload } from "../../src/chain/payload.ts";
import { Link } from "../../src/chain/value.ts";
import { LoaderExecutor } from "../../src/executor/loader-executor.ts";
import type { InForce } from "../../src/replay/in-force.ts";
import { replay } from "../../src/replay/replay.ts";
import type { ReplayReport } from "../../src/replay/report.ts";
import type { ReplaySource, SourceEntry } from "../../src/replay/source.ts";
import type { TurnEvents } from "../../src/replay/turns.ts";
import type { Did } from "../../src/replay/verdict.ts";
import { moduleSetRef, readModuleSet } from "../../src/runtime/birth/module-sets.ts";
import { R2Store } from "../../src/store/r2-store.ts";
import { bindings, must, theater } from "./stage.ts";
import { registry } from "./worker.ts";

const content = new R2Store(bindings.CONTENT);
export const executor = new LoaderExecutor(bindings.LOADER, registry.isPure);

export async function chainOf(id: string): Promise<SourceEntry[]> {
  const all: SourceEntry[] = [];
  for (let from: number | null = 0; from !== null;) {
    const page: { entries: SourceEntry[]; next: number | null } = must(
      await theater.chain(id, { from, to: null, types: [], limit: 1_000 }),
    );
    all.push(...page.entries);
    from = page.next;
  }
  return all;
}

export async function modulesOf(digest: Uint8Array): ReturnType<ReplaySource["modules"]> {
  const { description } = await readModuleSet(content, digest);
  return { modules: moduleSetRef(content, digest), description };
}

/** `head`: what is known of the chain's end from elsewhere. */
export function sourceOf(
  actor: string,
  entries: readonly SourceEntry[],
  head: SourceEntry | undefined,
): ReplaySource {
  if (head === undefined) throw new Error("an empty chain");
  return {
    actor,
    head,
    async *pages(from, to) {
      // In the listing's order, whatever positions its events claim.
      yield entries.slice(from, to + 1);
    },
    entry: async (seq) => entries.find((entry) => entry.seq === seq),
    read: async (link) => must(await theater.block(actor, cidText(link))),
    modules: ({ modules }) => modulesOf(modules),
    async *others(other, from, to) {
      yield (await chainOf(other)).filter(({ seq }) => seq >= from && seq <= to);
    },
  };
}

interface Options {
  override?: (recorded: InForce) => Promise<InForce>;
  onTurn?: (turn: TurnEvents, did: Did | undefined) => void;
}

/** `known`: the chain that `entries` should be, where only its head is known. */
export async function replayOf(
  actor: string,
  entries: readonly SourceEntry[],
  known = entries,
  options: Options = {},
): Promise<ReplayReport> {
  const functions = (about: string) => registry.findHostFunction(about)?.fn;
  const source = sourceOf(actor, entries, known.at(-1));
  return await replay({ source, executor, functions, cursor: null, runMs: 60_000, ...options });
}

/** Where the report sees the first thing wrong; null where it sees nothing. */
export function firstWrong({ chain, difference }: ReplayReport): number | null {
  return chain.firstBad?.seq ?? difference?.seq ?? null;
}

/**
 * Runs the chain again and writes every event of its turns anew from what the guest did: only what came from
 * outside (messages, results of host calls, times) and the salts are taken from the record. The CIDs of that chain.
 */
export async function rebuilt(actor: string, entries: readonly SourceEntry[]): Promise<string[]> {
  const did = new Map<number, Did>();
  const onTurn: Options["onTurn"] = ({ turn }, done) => {
    if (done !== undefined) did.set(turn, done);
  };
  const { verdict } = await replayOf(actor, entries, entries, { onTurn });
  if (verdict !== "verified") throw new Error(verdict);
  const cids: string[] = [];
  let parent: Link | null = null;
  let calls: Did["calls"][number][] = [];
  let hostCalls = 0;
  let intent = 0;
  let begun = 0;
  for (const { block, payload } of entries) {
    const event = decodeEvent(block);
    const { type, turn, seq, about } = event;
    const done = did.get(turn);
    let link = event.payload;
    if (done !== undefined && payload !== null && type !== "message.received") {
      if (begun !== turn) [calls, hostCalls, begun] = [[...done.calls], 0, turn];
      const { salt, ...recorded } = decodePayload(type, payload);
      const fields: Record<string, unknown> = { ...recorded };
      if (type === "host.called" || type === "host.intended") {
        const call = calls.shift();
        if (call?.about !== about) throw new Error(`event ${seq}: ${call?.about}`);
        fields["args"] = call.args;
        if (call.outcome === undefined) hostCalls++;
        else [fields["outcome"], fields["result"]] = [call.outcome, call.result];
        if (type === "host.intended") fields["key"] = `${actor}/${turn}/${hostCalls}`;
        intent = seq;
      } else if (type === "host.returned") {
        fields["intent"] = intent;
      } else {
        Object.assign(fields, done.end.fields);
      }
      link = new Link("dag-cbor", encodePayload(type, fields as never, salt).digest);
    }
    const again: { digest: Uint8Array } = encodeEvent({ ...event, parent, payload: link });
    parent = new Link("dag-cbor", again.digest);
    cids.push(cidText(parent));
  }
  return cids;
}
