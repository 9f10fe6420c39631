// The vocabulary of the chain: which types of event exist and what the payload of each holds. Every
// payload also has a salt. No field is optional: what is absent is null. `docs/chain-format.md` says
// what each type means.

import type { Link, Value } from "./value.ts";

export const EVENT_TYPES = [
  "actor.created",
  "actor.started",
  "actor.paused",
  "actor.resumed",
  "actor.stopped",
  "actor.upgraded",
  "actor.migrated",
  "actor.reverted",
  "actor.recovered",
  "message.received",
  "instance.created",
  "host.called",
  "host.intended",
  "host.returned",
  "turn.committed",
  "turn.refused",
  "turn.failed",
  "send.failed",
  "request.settled",
  "channel.closed",
  "child.exited",
  "supervision.decided",
  "payload.erased",
  "log.rekeyed",
  "admin.acted",
] as const;

export type EventType = (typeof EVENT_TYPES)[number];

/** What can start a turn. Also the `about` of a `message.received`. */
export const MESSAGE_KINDS = [
  "send",
  "request",
  "channel",
  "channel-open",
  "channel-close",
  "http",
  "http-middleware",
  "http-read",
  "http-stream",
  "websocket",
  "websocket-open",
  "websocket-close",
  "timer",
  "child-notice",
  "call",
  "lifecycle",
] as const;

export type MessageKind = (typeof MESSAGE_KINDS)[number];

export const OUTCOMES = ["returned", "denied", "failed"] as const;
/** How a host call ended: with a result of the function, with a refusal of the grant, or not at all. */
type Outcome = (typeof OUTCOMES)[number];

export const FAILURES = ["trap", "limit", "cut", "host", "lost"] as const;
/** Why a turn failed: trap and limit are deterministic; cut, host and lost are not. */
export type Failure = (typeof FAILURES)[number];

export const CLOSERS = ["self", "peer"] as const;
/** Which end closed a channel: the one whose chain this is, or the other. */
export type Closer = (typeof CLOSERS)[number];

export const SETTLEMENTS = ["answered", "cancelled", "expired", "stopped"] as const;
/** How a request ended whose own turn gave no answer. */
export type Settlement = (typeof SETTLEMENTS)[number];

/** An event of another chain: rewriting one chain means rewriting every chain it spoke to. */
export type Cause = { readonly actor: string; readonly seq: number; readonly event: Link };
/** Where a fork left another chain, whose tree then had `size` leaves and this root (null: not signed). */
export type Origin = Cause & { readonly size: number; readonly root: Uint8Array | null };
/** Versions of what runs the component. */
export type Runtime = { readonly host: string; readonly transpiler: string; readonly wit: string };

/** The payload fields of each type, without the salt. `by` and `who` name a principal. */
export interface Payloads {
  "actor.created": {
    readonly log: string;
    /** The log's Ed25519 public key, 32 bytes. */
    readonly key: Uint8Array | null;
    readonly name: string;
    readonly manifest: Link;
    readonly component: Link;
    readonly modules: Link;
    readonly runtime: Runtime;
    readonly grants: Value;
    readonly limits: Value;
    readonly shard: number;
    readonly parent: Cause | null;
    readonly origin: Origin | null;
    /** JSON, because a policy has fractions and a chain has none; null: it supervises nothing. */
    readonly supervision: string | null;
  };
  /**
   * `by` is a principal or the parent, null at a birth. `state` is the state that it begins with, without
   * init: a list of none or one, null where it goes on with what it had.
   */
  "actor.started": {
    readonly reason: string;
    readonly attempt: number;
    readonly by: string | null;
    readonly state: readonly Value[] | null;
  };
  "actor.paused": { readonly by: string };
  "actor.resumed": { readonly by: string };
  "actor.stopped": { readonly reason: string; readonly by: string | null; readonly data: Value };
  /** Never erased, so it holds nothing that the actor was told. */
  "actor.upgraded": {
    readonly by: string;
    readonly component: Link;
    readonly modules: Link;
    readonly manifest: Link;
    readonly grants: Value;
    readonly limits: Value;
    readonly runtime: Runtime;
    readonly rehearsal: Value;
    readonly accepted: Value;
  };
  /** Right behind an upgrade: what the new component's `migrate` made of the state, a list of none or one. */
  "actor.migrated": { readonly state: readonly Value[] };
  /** The actor has the state again that it had after `toSeq`: `state` is a list of none or one. */
  "actor.reverted": {
    readonly toSeq: number;
    readonly by: string;
    readonly reason: string;
    readonly state: readonly Value[];
  };
  "actor.recovered": {
    readonly reason: string;
    readonly lostFrom: number | null;
    readonly evidence: Value;
  };
  "message.received": {
    readonly id: string;
    readonly kind: MessageKind;
    readonly from: Value;
    readonly cause: Cause | null;
    readonly params: Value;
    readonly seed: Uint8Array | null;
  };
  "instance.created": { readonly reason: string };
  "host.called": {
    readonly args: readonly Value[];
    readonly outcome: Outcome;
    readonly result: Value;
  };
  "host.intended": { readonly args: readonly Value[]; readonly key: string | null };
  /** `intent` is the seq of the `host.intended`; `result` is what the guest saw. */
  "host.returned": { readonly intent: number; readonly outcome: Outcome; readonly result: Value };
  /**
   * `message` is the seq of the `message.received`. `state` is the new state as a list of none or one,
   * null where the turn left it as it was.
   */
  "turn.committed": {
    readonly message: number;
    readonly state: readonly Value[] | null;
    readonly result: Value;
    readonly sends: readonly Value[];
  };
  "turn.refused": { readonly message: number; readonly error: Value };
  "turn.failed": { readonly message: number; readonly kind: Failure; readonly code: string };
  "send.failed": { readonly turn: number; readonly index: number; readonly reason: string };
  /**
   * `message` is the seq of the request's `message.received`, `turn` the turn that settled it, 0 where none
   * did. `reply` is an option: a list of the one value, or null.
   */
  "request.settled": {
    readonly message: number;
    readonly turn: number;
    readonly outcome: Settlement;
    readonly reply: readonly Value[] | null;
  };
  /** `peer` is the actor at the other end, or `external`. `reason` is a word of ours: "closed" where the guest asked for it. */
  "channel.closed": {
    readonly channel: string;
    readonly peer: string;
    readonly by: Closer;
    readonly reason: string;
  };
  "child.exited": {
    readonly child: string;
    readonly head: Link | null;
    readonly size: number;
    readonly root: Uint8Array | null;
    readonly reason: string;
  };
  "supervision.decided": {
    /** 1, 2, 3… of this supervisor. */
    readonly decision: number;
    /** What it follows from: `on`, the child by name, and what is known of it. */
    readonly cause: Value;
    readonly strategy: string;
    readonly action: string;
    /** One sentence. */
    readonly reason: string;
    /** The actors that the steps are about, and the steps by the children's names. */
    readonly children: readonly string[];
    readonly steps: Value;
    /** The restarts that count against the limit, ms since the epoch, oldest first. */
    readonly window: readonly number[];
  };
  "payload.erased": {
    readonly seqs: readonly number[];
    readonly reason: string;
    readonly by: string;
  };
  "log.rekeyed": { readonly old: Uint8Array; readonly new: Uint8Array };
  "admin.acted": {
    readonly who: string;
    readonly action: string;
    readonly target: string | null;
    readonly outcome: Value;
  };
}

/** Payloads without which a chain cannot be checked, or run again at all; they stay. */
const UNERASABLE: ReadonlySet<EventType> = new Set([
  "actor.created",
  "actor.upgraded",
  "payload.erased",
  "log.rekeyed",
]);

const TYPES: ReadonlySet<string> = new Set(EVENT_TYPES);
const KINDS: ReadonlySet<string> = new Set(MESSAGE_KINDS);
// `wasi:http/types@0.2.0#[method]fields.get`: what WIT can spell, and nothing else.
const WIT_FUNCTION = /^[A-Za-z0-9:/@.+_-]+#[A-Za-z0-9.[\]_-]+$/;

export function isEventType(text: string): text is EventType {
  return TYPES.has(text);
}

export function isErasable(type: EventType): boolean {
  return !UNERASABLE.has(type);
}

/**
 * The closed vocabulary of `about`, which stays readable after an erasure and so never holds user data:
 * `host.*` names the WIT `interface#function`, `message.received` the message kind, all others are empty.
 */
export function isAbout(type: EventType, about: string): boolean {
  if (type === "message.received") return KINDS.has(about);
  if (type.startsWith("host.")) return WIT_FUNCTION.test(about);
  return about === "";
}
