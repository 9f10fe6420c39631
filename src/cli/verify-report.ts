// The verdict on a chain, for people, for programs, and as an exit code.

import type { Beginning, Report } from "../chain/verify.ts";
import type { EventRef } from "./chain-source.ts";
import { fields, printable } from "./output.ts";
import type { Context } from "./context.ts";
import type { Signing } from "./signing.ts";
import type { OriginVerdict } from "./verify-origin.ts";

export const VERIFIED = 0;
export const DIFFERENCE = 3;

export interface VerifyOptions {
  /** An event that is known for sure: the last one of the chain, or the one that a receipt is about. */
  head?: EventRef;
  /** The event before the first one of a file that begins in the middle, verified before. */
  after?: EventRef;
  /** A file with a signed checkpoint. */
  checkpoint?: string;
  /** Of a fork: looks at the chain that it comes from too, at the server's or in these files. */
  withOrigin?: true | string[];
}

/** A chain as it was read, with what the signatures say. */
export interface Verified {
  report: Report;
  beginning: Beginning;
  /** What the first bad event claims to be, if it can be read at all. */
  type: string | null;
  /** Undefined where the chain was not read from its first event. */
  signing: Signing | undefined;
  /** How many events, from the first, a checkpoint confirms, and the pinned keys that signed for them. */
  signed: { to: number; by: readonly string[] };
  /** CIDs of blocks behind the chain that are not what these say. */
  badContent: readonly string[];
  /** Besides the chain, for programs. */
  more?: Readonly<Record<string, unknown>>;
  /** For people: asides. */
  notes: readonly string[];
}

/** Whether nothing is broken and nothing withheld. */
export function holds({ report, badContent }: Verified): boolean {
  const { verdict, withheld, events } = report;
  const isWhole = withheld.length === 0 && badContent.length === 0 && events > 0;
  return verdict === "verified" && isWhole;
}

/** Prints the verdict and returns the exit code. */
export function show(
  { output }: Context,
  verified: Verified,
  origins: readonly OriginVerdict[],
): number {
  const { report, type, more, notes } = verified;
  const isGood = holds(verified) && origins.every(({ problem }) => problem === null);
  for (const note of notes) output.note(note);
  const advice = adviceOn(verified);
  if (isGood && advice !== undefined) output.note(advice);
  const { green, red } = output.colors;
  const signed = signedJson(verified);
  output.show({ ...report, firstBadType: type, ...more, signed, origins }, () =>
    (isGood ? green : red)([describe(verified), ...origins.map(originText)].join("\n")),
  );
  return isGood ? VERIFIED : DIFFERENCE;
}

function originText({ actor, seq, event, size, checked, ...found }: OriginVerdict): string {
  const { problem, stateAgrees, root } = found;
  const place = `fork of ${actor} from event ${seq}:${event}`;
  if (problem !== null) return `${place}: ${problem.code}: ${printable(problem.sentence)}`;
  if (!checked) return `${place}, which was not looked at (--with-origin)`;
  const state = stateAgrees === null ? "whose state was erased" : "and began with its state";
  const signed = root === null ? "" : " with the root that it names";
  return `${place}, which stands there among ${size} events${signed}, ${state}`;
}

/** `to` is the last event that a pinned key signed for, null where there is none. */
export function signedJson({ signing, signed: { to, by } }: Verified): unknown {
  if (signing === undefined) return null;
  const { origin, status } = signing;
  return { status, origin, to: by.length === 0 ? null : to - 1, by };
}

export function adviceOn({ report, signing, signed }: Verified): string | undefined {
  if (signing === undefined || signed.by.length > 0) return undefined;
  const known = signing.remembered?.checkpoint.size ?? 0;
  if (known > report.events) {
    return (
      `older than what you remember of this chain (${known} events, signed): these ${report.events} fit each other, ` +
      "and only a checkpoint of their time (--checkpoint) can show that they were signed"
    );
  }
  switch (signing.status) {
    case "untrusted":
      return `not signed by a key you trust (theater trust --from ${report.actor} shows the log's key)`;
    case "none":
      return "not signed: there is no checkpoint to hold it against";
    case "trusted":
      return undefined;
  }
}

/** The names of keys, as people pinned them. */
export function namesOf(keys: readonly string[]): string {
  return printable(keys.map((key) => key.slice(0, key.indexOf("+"))).join(", "));
}

export function describe({ report, type, signed: { to, by }, badContent }: Verified): string {
  const { firstBad, head, erased, withheld, events } = report;
  const good = head === null ? "nothing" : `${head.seq - events + 1}…${head.seq}`;
  const signed = by.length === 0 ? "" : `signed to ${to - 1} by ${namesOf(by)}, `;
  const counts = `${signed}${erased.length} erased, ${withheld.length} withheld`;
  if (firstBad === null) {
    if (head === null) return "nothing to verify: there is no event";
    const lists = [
      ...(withheld.length === 0 ? [] : [`\nwithheld  ${withheld.join(", ")}`]),
      ...badContent.map((cid) => `\nbroken content  ${cid}`),
    ];
    return `verified ${good}, ${counts}\nhead ${head.seq}:${head.cid}${lists.join("")}`;
  }
  const { seq, problem, sentence, expected, found } = firstBad;
  const evidence: [string, string][] = [
    ["expected", printable(expected ?? "-")],
    ["found", printable(found ?? "-")],
    ["verified", events === 0 ? "nothing" : `${good}, ${counts}`],
  ];
  const ofType = type === null ? "" : ` ${type}`;
  return `broken at ${seq}${ofType}: ${problem}: ${printable(sentence)}\n${fields(evidence)}`;
}
