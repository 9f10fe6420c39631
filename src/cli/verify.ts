// `theater verify`: downloads a chain and checks it here. Nothing that a server says about it is believed:
// every hash is computed from the bytes that came.

import { isActorId } from "../chain/actor-id.ts";
import { decodeEvent } from "../chain/event.ts";
import { ChainVerifier, type Report } from "../chain/verify.ts";
import { TheaterError } from "../lib/errors.ts";
import {
  chainHead,
  linesOfFile,
  linesOfServer,
  type EventRef,
  type SourceLine,
} from "./chain-source.ts";
import { fields, printable } from "./output.ts";
import type { Context } from "./program.ts";

const VERIFIED = 0;
const DIFFERENCE = 3;
/** The exit code: 3 if the chain is broken or a payload is withheld. */
export async function verify(
  context: Context,
  chain: string,
  pinned: EventRef | undefined,
): Promise<number> {
  const source = isActorId(chain) ? serverSource(context, chain) : fileSource(chain);
  const head = pinned ?? (await source.head());
  if (head !== undefined) context.output.note(`checking ${head.seq + 1} events`);
  const report = await check(source, head);
  const type = report.firstBad && (await typeAt(source, report.firstBad.seq));
  const isGood = report.verdict === "verified" && report.withheld.length === 0 && report.events > 0;
  const { green, red } = context.output.colors;
  context.output.show({ ...report, firstBadType: type }, () =>
    (isGood ? green : red)(describe(report, type)),
  );
  return isGood ? VERIFIED : DIFFERENCE;
}

interface Source {
  actor: string | undefined;
  /** Undefined if only the events themselves can tell. */
  head(): Promise<EventRef | undefined>;
  lines(from: number, to: number | undefined): AsyncIterable<SourceLine>;
}

/** The head is asked for first, so that nobody can shorten the chain without contradicting it. */
function serverSource({ connection }: Context, id: string): Source {
  return {
    actor: id,
    head: async () => await chainHead(connection, id),
    lines: (from, to) => linesOfServer(connection, id, to === undefined ? { from } : { from, to }),
  };
}

function fileSource(path: string): Source {
  if (path.endsWith(".car")) {
    throw new TheaterError("unsupported", "this version reads no CAR files; export NDJSON instead");
  }
  return {
    actor: undefined,
    head: () => Promise.resolve(undefined),
    async *lines(from, to = Number.POSITIVE_INFINITY) {
      for await (const one of linesOfFile(path)) {
        if (one.line.seq > to) return;
        if (one.line.seq >= from) yield one;
      }
    },
  };
}

async function check(source: Source, head: EventRef | undefined): Promise<Report> {
  const verifier = new ChainVerifier({ actor: source.actor });
  let last = -1;
  let from: number;
  // A server may end a listing early: as long as each answer brings something, the rest is asked for.
  do {
    from = last + 1;
    for await (const { line } of source.lines(from, head?.seq)) {
      verifier.next(line);
      last = Math.max(last, line.seq);
    }
  } while (head !== undefined && from <= last && last < head.seq);
  return verifier.finish(head);
}

/** What the bad event claims to be, if it can be read at all. */
async function typeAt(source: Source, seq: number): Promise<string | null> {
  for await (const { line } of source.lines(seq, seq)) {
    try {
      return decodeEvent(line.block).type;
    } catch {
      return null;
    }
  }
  return null;
}

function describe(report: Report, typeOfBad: string | null): string {
  const { firstBad, head, erased, withheld, events } = report;
  const good = head === null ? "nothing" : `${head.seq - events + 1}…${head.seq}`;
  const missing = `${erased.length} erased, ${withheld.length} withheld`;
  if (firstBad === null) {
    if (head === null) return "nothing to verify: there is no event";
    const list = withheld.length === 0 ? "" : `\nwithheld  ${withheld.join(", ")}`;
    return `verified ${good}, ${missing}\nhead ${head.seq}:${head.cid}${list}`;
  }
  const { seq, problem, sentence, expected, found } = firstBad;
  const type = typeOfBad === null ? "" : ` ${typeOfBad}`;
  const evidence: [string, string][] = [
    ["expected", printable(expected ?? "-")],
    ["found", printable(found ?? "-")],
    ["verified", events === 0 ? "nothing" : `${good}, ${missing}`],
  ];
  return `broken at ${seq}${type}: ${problem}: ${printable(sentence)}\n${fields(evidence)}`;
}
