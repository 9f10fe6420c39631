// What a replay of a whole tree says, as JSON: a report for each actor, how its messages fit the others', and where
// they do not.

import type { Json } from "../chain/ndjson.ts";
import type { ReplayReport } from "./report.ts";

/**
 * What two chains say of one another. message: a message and the turn that sent it. reply: an answer as it was
 * heard and as it was given. birth: a genesis and the parent's event that it names, which names the child. exit:
 * the head that a supervisor recorded and the child's chain. timer: a message and the turn that set it.
 */
export type LinkKind = "message" | "reply" | "birth" | "exit" | "timer";

export interface LinkCounts {
  matched: number;
  /** The other end is no actor of the tree. */
  outside: number;
  /** What it takes to compare was erased. */
  erased: number;
  /** The other end is behind the place where its own chain was found wrong. */
  unchecked: number;
}

export interface Mismatch {
  kind: LinkKind;
  /** The event that claims something of another chain. */
  actor: string;
  seq: number;
  /** One sentence: what does not fit. */
  rule: string;
  /** What that event says. */
  found: Json;
  /** What the other chain has there, by its replayed turn where one made it. */
  other: { actor: string; seq: number | null; said: Json };
}

/** Mismatches that a report names one by one. */
export const MISMATCHES_MAX = 100;

/** Of one actor; `next` of the whole says where to go on. */
export type MemberReport = Omit<ReplayReport, "next">;

export interface TreeReport {
  root: string;
  /** The worst of all: broken, diverged, mismatched (the chains contradict one another), verified. */
  verdict: "verified" | "mismatched" | "diverged" | "broken";
  actors: readonly MemberReport[];
  links: LinkCounts & {
    /** Sent, and not received up to where the receiver's chain was read. */
    pending: number;
  };
  /** In the order in which they were found: causes before effects. At most 100. */
  mismatches: readonly Mismatch[];
  /** Whether actors of the tree were left out, because there are more than one replay takes. */
  more: boolean;
  /** Where another call goes on; null where there is nothing to go on with. */
  next: string | null;
}
