// Makes a recorded turn ready to run again, and says of what its guest did then whether it is what is on record.

import { hasLinks } from "../chain/links.ts";
import { encodePayload } from "../chain/payload.ts";
import type { Value } from "../chain/value.ts";
import { HOST_CALLS_MAX, type HostAnswer, type TurnOutcome } from "../executor/executor.ts";
import type { ScriptedAnswer, ScriptedOutput, ScriptedTurn } from "../executor/script.ts";
import { withoutLinks, type LinkReader } from "../executor/wit-links.ts";
import { findFunction } from "../executor/wit-type.ts";
import { exportFor, INIT, isReadOnly, isStreamed } from "../handlers/exports.ts";
import type { Services } from "../handlers/handler.ts";
import { describeSent, greetingOf, type Sent } from "../handlers/sent.ts";
import { parametersType } from "../handlers/signatures.ts";
import { equalBytes } from "../lib/bytes.ts";
import { TheaterError } from "../lib/errors.ts";
import { fieldsOf } from "./fields.ts";
import { follow, type FollowParts, type FunctionsOf } from "./followed.ts";
import type { InForce } from "./in-force.ts";
import { recordedCalls, type RecordedCall, type RecordedEvent } from "./recorded-turn.ts";
import { NotHeld } from "./source.ts";
import { isSame, type Divergence, type FoundCall } from "./transcript.ts";
import { isEnd, type TurnEvents } from "./turns.ts";
import type { Difference, Side, TurnVerdict, Unrun } from "./verdict.ts";

/** What a replay can know of the actor besides its events. */
export interface ReplayParts {
  read: LinkReader;
  functions: FunctionsOf;
  chainAgain: Services["chainAgain"];
}

/** A turn with all that it takes to run it. */
export interface ReadyTurn {
  readonly events: TurnEvents;
  readonly message: RecordedEvent;
  readonly inForce: InForce;
  readonly state: Uint8Array | null;
  readonly calls: readonly RecordedCall[];
  readonly scripted: ScriptedTurn;
}

/** Ends that no guest decides: what ran after them elsewhere is unknown. */
const CUTS: ReadonlySet<string> = new Set(["cut", "host", "lost"]);

/**
 * `state` is what the turn began with, null for none; undefined where it was erased. Gives a verdict for what cannot
 * be run. Throws `chain-broken` for events that are no turn.
 */
export async function readyTurn(
  parts: ReplayParts,
  inForce: InForce,
  events: TurnEvents,
  state: Uint8Array | null | undefined,
): Promise<ReadyTurn | Unrun> {
  const { message, calls: own, end, turn } = events;
  const isErased = [message, end, ...own].some((event) => event?.payload == null);
  if (isErased || state === undefined || message === undefined) return "erased";
  const { calls, time } = recordedCalls([...own, end]);
  const { kind, params, seed } = fieldsOf(message, "message.received");
  const about = exportFor(kind, params);
  if (about === undefined || seed === null) {
    const problem = `This version cannot replay a message of kind ${kind}.`;
    throw new TheaterError("unsupported", problem, { seq: message.seq });
  }
  const type = about === INIT ? undefined : parametersType(about);
  const given = await withoutLinks(type, params, parts.read);
  const args =
    about === INIT ? (given as readonly Value[]) : [state === null ? null : [state], given];
  try {
    const answers: (ScriptedAnswer | null)[] = [];
    for (const call of calls) {
      // No `await` for what is whole already: a turn may have ten thousand calls.
      answers.push(plainAnswer(parts, call) ?? (await answerTo(parts, inForce, call)));
    }
    const { grants } = inForce;
    const limits = {
      hostCallsMax: HOST_CALLS_MAX,
      readOnly: isReadOnly(kind),
      streams: isStreamed(kind),
    };
    const input = { about, params: args, turn, time, seed, grants, ...limits };
    return { events, message, inForce, state, calls, scripted: { input, answers } };
  } catch (thrown) {
    if (thrown instanceof NotHeld) return "foreign";
    throw thrown;
  }
}

/** What the guest was answered, where the record has it whole; undefined for all else. */
function plainAnswer(
  { functions }: ReplayParts,
  { about, answer }: RecordedCall,
): ScriptedAnswer | undefined {
  if (answer === null || functions(about)?.recall !== undefined) return undefined;
  return hasLinks(answer.result) ? undefined : answered(about, answer, answer.result);
}

function answered(
  about: string,
  { outcome, time }: NonNullable<RecordedCall["answer"]>,
  result: Value,
): ScriptedAnswer {
  return { about, answer: { outcome, result, ...(time === null ? {} : { time }) } };
}

/** What the guest was answered, whole again. */
async function answerTo(
  { read, functions, chainAgain }: ReplayParts,
  { description }: InForce,
  { about, answer }: RecordedCall,
): Promise<ScriptedAnswer | null> {
  if (answer === null) return null;
  const [name = "", fn = ""] = about.split("#");
  const type = findFunction(description.imports, { interface: name, function: fn })?.result;
  const whole = await withoutLinks(type, answer.result, read);
  const result = (await functions(about)?.recall?.(chainAgain, whole)) ?? whole;
  return answered(about, answer, result);
}

/** Whether something that is in no guest ended the turn. */
export function isCut({ end }: TurnEvents): boolean {
  if (end.type !== "turn.failed" || end.payload === null) return false;
  return CUTS.has(fieldsOf(end, "turn.failed").kind);
}

/** Whether the guest did again what is on record. */
export function judge(
  parts: FollowParts,
  ready: ReadyTurn,
  { outcome, calls: found }: ScriptedOutput,
): TurnVerdict {
  const { events, calls, scripted } = ready;
  const { end, turn } = events;
  const answers = scripted.answers.map((one): HostAnswer | null => one && one.answer);
  const wasCut = isCut(events);
  const followed = follow(parts, { turn, calls, answers, isCut: wasCut }, found);
  const { divergence, further, sends, did } = followed;
  if (divergence !== undefined) return diverged(events, atCall(divergence));
  if (wasCut) return { verdict: "cut" };
  const expected = { type: end.type, about: "", fields: recordedFields(end) };
  if (further !== undefined) {
    return diverged(events, { seq: end.seq, expected, found: callSide(further) });
  }
  const side = endSide(ready, sends, outcome);
  const isAgreed = side.type === expected.type && isSame(expected.fields, side.fields);
  if (isAgreed) return { verdict: "agreed", did: { calls: did, sends, end: side } };
  return diverged(events, { seq: end.seq, expected, found: side });
}

function diverged({ turn }: TurnEvents, difference: Omit<Difference, "turn">): TurnVerdict {
  return { verdict: "diverged", difference: { ...difference, turn } };
}

function atCall({ seq, expected, found, rule }: Divergence): Omit<Difference, "turn"> {
  const { about, args, answer, key } = expected;
  const type = key === null ? "host.called" : "host.intended";
  const fields = {
    args,
    ...(rule === undefined ? {} : { key }),
    ...(answer === null ? {} : { outcome: answer.outcome, result: answer.result }),
  };
  const sides = {
    expected: { type, about, fields },
    found: found === null ? null : callSide(found),
  };
  return { seq, ...sides, ...(rule === undefined ? {} : { rule }) };
}

function callSide({ about, args, outcome, result }: FoundCall): Side {
  const fields = { args, ...(outcome === undefined ? {} : { outcome, result: result ?? null }) };
  return { type: "host.called", about, fields };
}

/** What the end of a turn says besides which message it was. */
function recordedFields(end: RecordedEvent): Side["fields"] {
  if (!isEnd(end.type)) throw new TheaterError("internal", "a turn ends with an end");
  const { salt: _, message: __, ...fields } = fieldsOf(end, end.type);
  return fields;
}

/** The end as the runtime would record it. */
function endSide(ready: ReadyTurn, sends: readonly Sent[], outcome: TurnOutcome): Side {
  if (outcome.kind === "failed") {
    const { failure: kind, code } = outcome;
    return { type: "turn.failed", about: "", fields: { kind, code } };
  }
  const side =
    outcome.kind === "refused"
      ? { type: "turn.refused", about: "", fields: { error: outcome.error } }
      : committed(ready, sends, outcome.value);
  return fits(ready.events.end.type, side) ? side : limit("recorded-bytes");
}

function committed(
  { inForce, message, state: before }: ReadyTurn,
  sends: readonly Sent[],
  value: Value,
): Side {
  const [after = null, result = null] = value as readonly Value[];
  const state = after === null ? null : (after as readonly [Uint8Array])[0];
  if ((state?.length ?? 0) > inForce.stateBytesMax) return limit("state-bytes");
  const { kind, params } = fieldsOf(message, "message.received");
  const greeting = greetingOf(kind, params as readonly Value[], result);
  const fields = {
    state: isSameState(before, state) ? null : state === null ? [] : [state],
    result,
    sends: [...sends, ...greeting].map(describeSent),
  };
  return { type: "turn.committed", about: "", fields };
}

function isSameState(before: Uint8Array | null, after: Uint8Array | null): boolean {
  return before === null || after === null ? before === after : equalBytes(before, after);
}

const limit = (code: string): Side => ({
  type: "turn.failed",
  about: "",
  fields: { kind: "limit", code },
});

/** Whether the runtime could have recorded this end. Looked at only where it recorded another. */
function fits(recorded: string, { type, fields }: Side): boolean {
  if (recorded === type || !isEnd(type)) return true;
  try {
    encodePayload(type, { message: 0, ...fields } as never, new Uint8Array(16));
    return true;
  } catch (thrown) {
    if (thrown instanceof TheaterError) return false;
    throw thrown;
  }
}
