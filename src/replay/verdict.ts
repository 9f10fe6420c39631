// What a replay says of one turn.

import type { Value } from "../chain/value.ts";
import type { Sent } from "../handlers/sent.ts";
import type { FoundCall } from "./transcript.ts";

/**
 * agreed: the guest did again exactly what is on record.
 * cut: the turn was ended by something that is in no guest: a clock, an operator, a crash. Up to there it
 * agreed. erased: what it takes to run it was erased, so it was not run. foreign: it was shown what is in another
 * chain, and the source has only its own, so it was not run.
 */
export type TurnVerdict =
  | { verdict: "agreed"; did: Did }
  | { verdict: "cut" | Unrun }
  | { verdict: "diverged"; difference: Difference };

/** Why a turn could not be run. */
export type Unrun = "erased" | "foreign";

/** What the guest did as it ran again. */
export interface Did {
  /** In their order; of one that the host answered, without the answer, which is the recorded one. */
  calls: readonly FoundCall[];
  sends: readonly Sent[];
  end: Side;
}

/** One side of a difference. Values as in the payload: `theater:simple/…#fn` has them by its WIT types. */
export interface Side {
  /** Of the event. */
  type: string;
  about: string;
  fields: { readonly [name: string]: Value };
}

export interface Difference {
  /** The recorded event at which the histories part. */
  seq: number;
  turn: number;
  /** Null: nothing further is on record, or the guest did nothing further. */
  expected: Side | null;
  found: Side | null;
  /** One sentence: the rule of every chain that the event breaks, where no guest has to be asked. */
  rule?: string;
}
