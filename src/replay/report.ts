// What a replay says in the end, as JSON: how many turns agreed, and the first difference with both sides.

import { digestText } from "../chain/cid.ts";
import { toJson, type Json } from "../chain/ndjson.ts";
import type { Report } from "../chain/verify.ts";
import { equalBytes, toHex } from "../lib/bytes.ts";
import { printFunction } from "../executor/wit-print.ts";
import { findFunction, type ComponentDescription } from "../executor/wit-type.ts";
import type { InForce } from "./in-force.ts";
import type { ChainReplay } from "./replay-chain.ts";
import type { Difference, Side } from "./verdict.ts";

export interface ReplayReport {
  actor: string;
  /**
   * verified: to the head, or to `next`, all turns agreed. diverged: a guest did something else.
   * broken: the chain itself does not hold, and nothing from `chain.firstBad` on was run.
   */
  verdict: "verified" | "diverged" | "broken";
  turns: TurnCounts;
  /** Numbers of the turns that could not be run again, because something they need was erased; at most 1,000. */
  erasedTurns: readonly number[];
  difference: ReportedDifference | null;
  /** What ran the newest of the turns, or the one that diverged; null where none came so far. */
  ran: Ran | null;
  chain: Report;
  /** Where another call goes on; null where there is nothing to go on with. */
  next: string | null;
}

/** Digests as `sha256:<hex>`. The same component is another module set where another transpiler made it. */
export interface Ran {
  component: string;
  modules: string;
  /** What the chain names. */
  recorded: { component: string; modules: string };
}

export function reportRan({ component, modules, recorded }: InForce): Ran {
  return {
    component: digestText(component),
    modules: `sha256:${modules.digest}`,
    recorded: {
      component: digestText(recorded.component),
      modules: digestText(recorded.modules),
    },
  };
}

/** See TurnVerdict. */
interface TurnCounts {
  agreed: number;
  cut: number;
  erased: number;
  foreign: number;
}

export interface ReportedDifference {
  /** The recorded event at which the histories part. */
  seq: number;
  turn: number;
  expected: ReportedSide | null;
  found: ReportedSide | null;
  likely: Likely;
  /** One sentence: the rule of every chain that the event breaks; null where the guest itself differs. */
  rule: string | null;
}

/** One side as people read it; the spelling of values is DAG-JSON's. */
interface ReportedSide {
  type: string;
  about: string;
  /** For a host call the function's type, as WIT. */
  wit: string | null;
  fields: Json;
}

/**
 * The usual reason. component-differs: another component than the recorded one ran. transpiler-differs: the
 * recorded one ran, made runnable by another version than then. host-result-missing: the guest went on where the record has no answer. non-deterministic-guest: two runs of the turn differ
 * from one another. tampered-record: the guest is sure of itself, and the record says something else.
 */
export type Likely =
  | "component-differs"
  | "transpiler-differs"
  | "host-result-missing"
  | "non-deterministic-guest"
  | "tampered-record";

/** Looks at what ran, and if it is what is on record, at the turn that diverged once more. */
export async function likelyReason(
  run: ChainReplay,
  { expected, found, rule }: Difference,
): Promise<Likely> {
  if (rule !== undefined) return "tampered-record";
  const { inForce } = run;
  if (inForce === undefined) return "tampered-record";
  const { recorded, component, modules } = inForce;
  if (!equalBytes(component, recorded.component)) return "component-differs";
  if (modules.digest !== toHex(recorded.modules)) return "transpiler-differs";
  if (expected?.type === "actor.migrated") return "tampered-record"; // it saw nothing but the state
  if (!(await run.divergesAgain())) return "non-deterministic-guest";
  const goesOn = found !== null && found.about !== "" && expected?.about === "";
  return goesOn ? "host-result-missing" : "tampered-record";
}

export function reportDifference(
  { seq, turn, expected, found, rule }: Difference,
  description: ComponentDescription | undefined,
  likely: Likely,
): ReportedDifference {
  const imports = description?.imports ?? [];
  const side = (one: Side | null): ReportedSide | null => one && reportSide(one, imports);
  return { seq, turn, expected: side(expected), found: side(found), likely, rule: rule ?? null };
}

function reportSide(
  { type, about, fields }: Side,
  imports: ComponentDescription["imports"],
): ReportedSide {
  const [name = "", fn = ""] = about.split("#");
  const signature = findFunction(imports, { interface: name, function: fn });
  const wit = signature === undefined ? null : `${fn}: ${printFunction(signature)}`;
  return { type, about, wit, fields: toJson(fields) };
}
