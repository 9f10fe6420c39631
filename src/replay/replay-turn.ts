// Runs one recorded turn again and says whether its guest does what it did.

import type { EventType, Payloads } from "../chain/event-types.ts";
import { decodePayload, encodePayload } from "../chain/payload.ts";
import type { Value } from "../chain/value.ts";
import { HOST_CALLS_MAX, type Executor, type TurnOutcome } from "../executor/executor.ts";
import { withoutLinks } from "../executor/wit-links.ts";
import { exportFor, INIT } from "../handlers/exports.ts";
import { equalBytes } from "../lib/bytes.ts";
import { describeSent, greetingOf } from "../handlers/sent.ts";
import { TheaterError } from "../lib/errors.ts";
import type { InForce } from "./in-force.ts";
import { recordedCalls, type RecordedEvent } from "./recorded-turn.ts";
import { ReplayHost, type ReplayHostParts } from "./replay-host.ts";
import { isSame, type Divergence, type FoundCall } from "./transcript.ts";
import { isEnd, type TurnEvents } from "./turns.ts";
import type { Difference, Side, TurnVerdict } from "./verdict.ts";

export interface ReplayParts extends Omit<ReplayHostParts, "description" | "turn"> {
  executor: Executor;
}

/** Ends that no guest decides: what ran after them elsewhere is unknown. */
const CUTS: ReadonlySet<string> = new Set(["cut", "host", "lost"]);

/**
 * `state` is what the turn began with, null for none; undefined where it was erased. Throws
 * `chain-broken` for events that are no turn.
 */
export async function replayTurn(
  parts: ReplayParts,
  inForce: InForce,
  events: TurnEvents,
  state: Uint8Array | null | undefined,
): Promise<TurnVerdict> {
  const { message, calls, end } = events;
  const isErased = [message, end, ...calls].some((event) => event?.payload == null);
  if (isErased || state === undefined || message === undefined) return { verdict: "erased" };
  const recorded = recordedCalls([...calls, end]);
  const { turn } = events;
  const host = new ReplayHost({ ...parts, ...inForce, turn }, recorded.calls);
  const outcome = await run(parts, inForce, host, { message, turn, time: recorded.time, state });
  return judge(inForce, { events, host, outcome, state });
}

async function run(
  { executor, read }: ReplayParts,
  { modules, grants }: InForce,
  host: ReplayHost,
  {
    message,
    turn,
    time,
    state,
  }: {
    message: RecordedEvent;
    turn: number;
    time: number;
    state: Uint8Array | null;
  },
): Promise<TurnOutcome> {
  const { kind, params, seed } = payloadOf(message, "message.received");
  const about = exportFor(kind, params);
  if (about === undefined || seed === null) {
    const problem = `This version cannot replay a message of kind ${kind}.`;
    throw new TheaterError("unsupported", problem, { seq: message.seq });
  }
  // By their WIT types all parameters are bytes where they are long.
  const given = await withoutLinks(undefined, params, read);
  const args =
    about === INIT ? (given as readonly Value[]) : [state === null ? null : [state], given];
  const input = { about, params: args, turn, time, seed, grants, hostCallsMax: HOST_CALLS_MAX };
  const { outcome, answered } = await executor.run(modules, input, host);
  host.took(answered);
  return outcome;
}

interface Replayed {
  events: TurnEvents;
  host: ReplayHost;
  outcome: TurnOutcome;
  state: Uint8Array | null;
}

function judge(inForce: InForce, replayed: Replayed): TurnVerdict {
  const { events, host, outcome } = replayed;
  const { end } = events;
  const isCut = end.type === "turn.failed" && CUTS.has(payloadOf(end, "turn.failed").kind);
  if (!isCut && host.further === undefined) host.finish();
  const { divergence, further } = host;
  if (divergence !== undefined) return diverged(events, atCall(divergence));
  if (isCut) return { verdict: "cut" };
  const expected = { type: end.type, about: "", fields: recordedFields(end) };
  if (further !== undefined) {
    return diverged(events, { seq: end.seq, expected, found: callSide(further) });
  }
  const found = endSide(inForce, replayed, outcome);
  const isAgreed = found.type === expected.type && isSame(expected.fields, found.fields);
  if (isAgreed) {
    return { verdict: "agreed", did: { calls: host.calls, sends: host.sends, end: found } };
  }
  return diverged(events, { seq: end.seq, expected, found });
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
  const { salt: _, message: __, ...fields } = payloadOf(end, end.type);
  return fields;
}

/** The end as the runtime would record it. */
function endSide(
  { stateBytesMax }: InForce,
  { host, state, events }: Replayed,
  outcome: TurnOutcome,
): Side {
  if (outcome.kind === "failed") {
    const { failure: kind, code } = outcome;
    return { type: "turn.failed", about: "", fields: { kind, code } };
  }
  const side =
    outcome.kind === "refused"
      ? { type: "turn.refused", about: "", fields: { error: outcome.error } }
      : committed(host, {
          before: state,
          message: events.message,
          value: outcome.value,
          stateBytesMax,
        });
  return fits(events.end.type, side) ? side : limit("recorded-bytes");
}

function committed(
  host: ReplayHost,
  {
    before,
    message,
    value,
    stateBytesMax,
  }: {
    before: Uint8Array | null;
    message: RecordedEvent | undefined;
    value: Value;
    stateBytesMax: number;
  },
): Side {
  const [after = null, result = null] = value as readonly Value[];
  const state = after === null ? null : (after as readonly [Uint8Array])[0];
  if ((state?.length ?? 0) > stateBytesMax) return limit("state-bytes");
  const { kind, params } =
    message === undefined ? NO_MESSAGE : payloadOf(message, "message.received");
  const greeting = greetingOf(kind, params as readonly Value[], result);
  const fields = {
    state: isSameState(before, state) ? null : state === null ? [] : [state],
    result,
    sends: [...host.sends, ...greeting].map(describeSent),
  };
  return { type: "turn.committed", about: "", fields };
}

const NO_MESSAGE = { kind: "send", params: [] } as const;

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

function payloadOf<T extends EventType>(
  { seq, payload }: RecordedEvent,
  type: T,
): Payloads[T] & { salt: Uint8Array } {
  if (payload !== null) return decodePayload(type, payload);
  throw new TheaterError("wrong-state", `Event ${seq} was erased.`, { seq });
}
