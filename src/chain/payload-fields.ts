// What each payload field must look like: the run-time side of `Payloads`, checked by writer and reader
// alike, so that a decoded payload really has the type it is given.

import { fromUtf8 } from "../lib/bytes.ts";
import { isActorId } from "./actor-id.ts";
import {
  CLOSERS,
  FAILURES,
  MESSAGE_KINDS,
  OUTCOMES,
  SETTLEMENTS,
  type Cause,
  type EventType,
  type Origin,
  type Payloads,
  type Runtime,
} from "./event-types.ts";
import { Link, type Value } from "./value.ts";

/** Bytes and texts above this are links to raw blocks, so that a page of payloads stays readable. */
export const INLINE_BYTES_MAX = 64 * 1024;

export type Guard<X> = (value: unknown) => value is X;

const any: Guard<Value> = (value): value is Value => value !== undefined;
const text: Guard<string> = (value): value is string =>
  typeof value === "string" &&
  (value.length * 3 <= INLINE_BYTES_MAX || fromUtf8(value).length <= INLINE_BYTES_MAX);
const count: Guard<number> = (value): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 0;
const link: Guard<Link> = (value): value is Link => value instanceof Link;
const actor: Guard<string> = (value): value is string =>
  typeof value === "string" && isActorId(value);
const bytes32: Guard<Uint8Array> = (value): value is Uint8Array =>
  value instanceof Uint8Array && value.length === 32;
const seed: Guard<Uint8Array> = (value): value is Uint8Array =>
  value instanceof Uint8Array && value.length > 0 && value.length <= 64;
const list: Guard<readonly Value[]> = (value): value is readonly Value[] => Array.isArray(value);

const cause = record<Cause>({ actor, seq: count, event: link });
const origin = record<Origin>({
  actor,
  seq: count,
  event: link,
  size: count,
  root: nullOr(bytes32),
});
const runtime = record<Runtime>({ host: text, transpiler: text, wit: text });

/** The guard of every field of every type. */
export const PAYLOAD_FIELDS: {
  readonly [T in EventType]: { readonly [K in keyof Payloads[T]]: Guard<Payloads[T][K]> };
} = {
  "actor.created": {
    log: text,
    key: nullOr(bytes32),
    name: text,
    manifest: link,
    component: link,
    modules: link,
    runtime,
    grants: any,
    limits: any,
    shard: count,
    parent: nullOr(cause),
    origin: nullOr(origin),
    supervision: nullOr(text),
  },
  "actor.started": { reason: text, attempt: count, by: nullOr(text), state: nullOr(list) },
  "actor.paused": { by: text },
  "actor.resumed": { by: text },
  "actor.stopped": { reason: text, by: nullOr(text), data: any },
  "actor.upgraded": {
    by: text,
    component: link,
    modules: link,
    manifest: link,
    grants: any,
    limits: any,
    runtime,
    rehearsal: any,
    accepted: any,
  },
  "actor.migrated": { state: list },
  "actor.reverted": { toSeq: count, by: text, reason: text, state: list },
  "actor.recovered": { reason: text, lostFrom: nullOr(count), evidence: any },
  "message.received": {
    id: text,
    kind: oneOf(MESSAGE_KINDS),
    from: any,
    cause: nullOr(cause),
    params: any,
    seed: nullOr(seed),
  },
  "instance.created": { reason: text },
  "host.called": { args: list, outcome: oneOf(OUTCOMES), result: any },
  "host.intended": { args: list, key: nullOr(text) },
  "host.returned": { intent: count, outcome: oneOf(OUTCOMES), result: any },
  "turn.committed": { message: count, state: nullOr(list), result: any, sends: list },
  "turn.refused": { message: count, error: any },
  "turn.failed": { message: count, kind: oneOf(FAILURES), code: text },
  "send.failed": { turn: count, index: count, reason: text },
  "request.settled": {
    message: count,
    turn: count,
    outcome: oneOf(SETTLEMENTS),
    reply: nullOr(list),
  },
  "channel.closed": { channel: text, peer: text, by: oneOf(CLOSERS), reason: text },
  "child.exited": {
    child: actor,
    head: nullOr(link),
    size: count,
    root: nullOr(bytes32),
    reason: text,
  },
  "supervision.decided": {
    decision: count,
    cause: any,
    strategy: text,
    action: text,
    reason: text,
    children: listOf(actor),
    steps: any,
    window: listOf(count),
  },
  "payload.erased": { seqs: listOf(count), reason: text, by: text },
  "log.rekeyed": { old: bytes32, new: bytes32 },
  "admin.acted": { who: text, action: text, target: nullOr(text), outcome: any },
};

/** What is wrong with the value as a map of exactly these fields; undefined when nothing is. */
export function problemOfFields(
  map: Readonly<Record<string, unknown>>,
  guards: Readonly<Record<string, Guard<unknown>>>,
): string | undefined {
  for (const key of Object.keys(guards)) {
    if (!Object.hasOwn(map, key)) return `the field ${key} is missing`;
    if (guards[key]?.(map[key]) !== true) return `the field ${key} has the wrong form`;
  }
  const extra = Object.keys(map).find((key) => !Object.hasOwn(guards, key));
  return extra === undefined ? undefined : `there is no field ${JSON.stringify(extra)}`;
}

/** Maps, as opposed to everything else that typeof calls an object. */
export function isMap(value: unknown): value is { readonly [key: string]: Value } {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Uint8Array) &&
    !(value instanceof Link)
  );
}

function nullOr<X>(guard: Guard<X>): Guard<X | null> {
  return (value): value is X | null => value === null || guard(value);
}

function oneOf<const X extends string>(names: readonly X[]): Guard<X> {
  return (value): value is X => names.some((name) => name === value);
}

function listOf<X>(guard: Guard<X>): Guard<readonly X[]> {
  return (value): value is readonly X[] => Array.isArray(value) && value.every(guard);
}

function record<X>(guards: { readonly [K in keyof X]: Guard<X[K]> }): Guard<X> {
  return (value): value is X => isMap(value) && problemOfFields(value, guards) === undefined;
}
