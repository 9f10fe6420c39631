// Gives one order to one child and waits for the answer, but not for ever.

import { cidText } from "../../chain/cid.ts";
import { Link, type Value } from "../../chain/value.ts";
import { ensureTheaterError, TheaterError } from "../../lib/errors.ts";
import type { Action, Observation } from "../../supervision/execute.ts";
import type { ExitKind } from "../../supervision/spec.ts";
import { reached, RecordedError, settled } from "../answers.ts";
import type { ActorRpc } from "../protocol.ts";
import type { ChildRow } from "./child-rows.ts";
import type { HeadMark, Obeyed } from "./orders.ts";
import type { OwedKill } from "./owed-kills.ts";

/** A child that does not answer for so long is asked again later. */
const ANSWER_MS_MAX = 30_000;
/** For a question that an object answers whatever its guest does. */
const ALIVE_MS_MAX = 2_000;
/**
 * A child whose object answers nothing for so long is given up: whoever ends, or begins, does not wait for an
 * object that may never come back. See Performer.
 */
export const UNREACHABLE_MS_MAX = 30_000;

interface Given<A = Exclude<Action, { do: "end" }>> {
  action: A;
  row: ChildRow;
  peer: (id: string) => ActorRpc;
  /** Who gives it. */
  parent: string;
  /** How long to wait for the child, ms. */
  patienceMs: number;
}

/** Throws the child's refusal, and `outcome-unknown` where it does not answer. */
export async function give({ action, ...given }: Given): Promise<Obeyed> {
  return await inTime(
    Math.min(ANSWER_MS_MAX, given.patienceMs),
    action.do === "start" && !given.row.born
      ? giveBirth({ action, ...given })
      : giveOrder({ action, ...given }),
  );
}

/**
 * A birth that is on record happened, however its first turn ended; and it may have been another start's, whose
 * answer was lost. Then it is as with any child: this start is an order.
 */
async function giveBirth(given: Given<Extract<Action, { do: "start" }>>): Promise<Obeyed> {
  const { row, action, peer } = given;
  const { actor, genesis, initState, asIs } = row;
  const { incarnation } = action;
  const birth = { genesis, initState, asIs, incarnation, createdMs: Date.now() };
  const answer = await reached(() => peer(actor).create(birth));
  if (!answer.ok && answer.error.event === undefined) throw new RecordedError(answer.error);
  const obeyed = await giveOrder(given);
  if (answer.ok || obeyed.saw !== "start-failed") return obeyed;
  const { code, message } = answer.error;
  return { ...obeyed, kind: kindOf(code), detail: `${code}: ${message}` };
}

async function giveOrder({ action, row, peer, parent }: Given): Promise<Obeyed> {
  const { operation, incarnation } = action;
  const { from, by } = action.do === "start" ? action : STOP;
  const genesis = row.born ? null : row.genesis;
  const order = { parent, operation, incarnation, what: action.do, from, by, genesis };
  return settled(await reached(() => peer(row.actor).obey(order)));
}

const STOP = { from: "last-state", by: null } as const;

/** Where a child's chain is, as a decision names it. The policy keeps it as JSON until it decides. */
export function evidenceOf({ seq, digest }: HeadMark): Value {
  return { seq, event: cidText(new Link("dag-cbor", digest)) };
}

/** What the policy is told of an answer. */
export function observed(of: { child: string; incarnation: number }, obeyed: Obeyed): Observation {
  if (obeyed.saw === "unborn") return { saw: "stopped", ...of };
  if (obeyed.saw !== "start-failed") return { saw: obeyed.saw, ...of };
  const { saw, kind, detail, head } = obeyed;
  return { saw, kind, detail, evidence: evidenceOf(head), ...of };
}

/** The kill that is owed to a child which was given up. */
export async function settleKill({
  kill: { actor, incarnation, genesis },
  operation,
  peer,
  parent,
}: Pick<Given, "peer" | "parent"> & { kill: OwedKill; operation: string }): Promise<Obeyed> {
  const order = { ...STOP, parent, operation, incarnation, what: "kill" as const, genesis };
  return settled(
    await inTime(
      ANSWER_MS_MAX,
      reached(() => peer(actor).obey(order)),
    ),
  );
}

/** Whether the child's object is there, whatever it does. */
export async function answersAtAll(child: ActorRpc, patienceMs: number): Promise<boolean> {
  try {
    return (await inTime(Math.min(ALIVE_MS_MAX, patienceMs), child.isBorn())).ok;
  } catch {
    return false;
  }
}

/** Refusals that asking again will not change. */
export function isFinal(thrown: unknown): boolean {
  const { code } = ensureTheaterError(thrown);
  return !["outcome-unknown", "unavailable", "internal"].includes(code);
}

/** Why a child could not begin, by what its birth was answered with. */
export function kindOf(code: string): ExitKind {
  if (code === "guest-error" || code === "guest-trap") return "trap";
  if (code === "limit-exceeded") return "limit";
  if (code === "too-slow") return "cut";
  return code === "not-found" ? "component-missing" : "host";
}

async function inTime<T>(ms: number, answer: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const late = new TheaterError("outcome-unknown", "The child does not answer.");
  const timer = setTimeout(() => reject(late), ms);
  try {
    return await Promise.race([answer, promise]);
  } finally {
    clearTimeout(timer);
  }
}
