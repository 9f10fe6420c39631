// A replay's report as JSON: what agreed, and the first difference with both sides as people read them.

import type { Report } from "../chain/verify.ts";
import { Link, type Value } from "../chain/value.ts";
import { cidText } from "../chain/cid.ts";
import { toBase64 } from "../lib/bytes.ts";
import { toJson } from "../executor/wit-json.ts";
import { findFunction, type ComponentDescription, type WitFunction } from "../executor/wit-type.ts";
import { printType } from "../executor/wit-print.ts";
import type { Difference, Side } from "./verdict.ts";

export interface ReplayReport {
  actor: string;
  /**
   * verified: to the head or to `next`, all agreed. diverged: a guest did something else. broken: the
   * chain itself does not hold, and nothing behind `chain.firstBad` was run.
   */
  verdict: "verified" | "diverged" | "broken";
  turns: { agreed: number; cut: number; erased: number };
  difference: ReportedDifference | null;
  chain: Report;
  /** Where to go on; null at the head, or where there is nothing to go on for. */
  next: string | null;
}

export interface ReportedDifference {
  seq: number;
  turn: number;
  expected: ReportedSide | null;
  found: ReportedSide | null;
  likely: Likely;
}

export interface ReportedSide {
  type: string;
  about: string;
  /** The function's parameters and result as WIT, for a host call. */
  wit: string | null;
  fields: Record<string, unknown>;
}

/** What most often explains such a difference. */
export type Likely = "component-differs" | "non-deterministic-guest" | "tampered-chain";
