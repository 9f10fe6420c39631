// A handler is one value: what it is called in the manifest, which WIT interfaces it provides and drives,
// how it may be configured, and the functions themselves. Built-ins and plug-ins have the same shape.
//
// Rule: a handler never records. The recorder does, from the function's WIT types.

import type { z } from "zod";
import type { Value } from "../chain/value.ts";
import type { HostCall } from "../executor/executor.ts";
import type { PureFunctions } from "../executor/recorder.ts";
import type { LabelledStores } from "../store/labels.ts";
import type { Files } from "./filesystem.ts";
import type { Site } from "./http-site.ts";
import type { Visitor } from "./http-stream.ts";
import type { Secrets } from "./secrets.ts";
import type { Sent } from "./sent.ts";
import type { Sockets } from "./websockets.ts";

/**
 * What a call does to the world, and so what may be done about it after a crash.
 * `local`: reads, or writes that only the commit makes real; nothing is journalled before it.
 * The others are journalled before they happen. Cut off in between, a `safe` call may run again, a
 * `by-id` call may run again under the same id, and an `unsafe` one is reported as of unknown outcome.
 */
export type Effect = "local" | "safe" | "by-id" | "unsafe";

export interface HandlerAnswer {
  outcome: HostCall["outcome"];
  /** By the function's WIT type: what the guest sees. */
  result: Value;
  /** What the chain keeps instead, where it must not hold the result by value. */
  recorded?: Value;
}

export interface HostFunction {
  /** Where it depends on the call, a pure function of the grant and the arguments. */
  effect: Effect | ((grant: Value, args: readonly Value[]) => Effect);
  call(context: CallContext, args: readonly Value[]): Promise<HandlerAnswer>;
  /** What an answered call sends with the commit, if it sends. */
  sends?(args: readonly Value[]): Sent | undefined;
  /**
   * For an answered call of an interrupted turn that goes on: leaves for the commit what else the call
   * left. The guest gets the recorded answer.
   */
  again?(context: CallContext, args: readonly Value[], recorded: HandlerAnswer): Promise<void>;
  /** The result, from what the chain keeps instead: `recorded` of the call's answer. */
  recall?(chainAgain: Services["chainAgain"], recorded: Value): Promise<Value>;
}

/** What a function gets besides its arguments. */
export interface CallContext {
  actor: string;
  /** `<actor>/<turn>/<call>`: the same for a repetition of the same call. */
  callId: string;
  /** The effective configuration of the handler, from genesis. */
  grant: Value;
  services: Services;
  /** Aborts when the turn has ended: nobody waits for the answer any more. */
  turnOver(): AbortSignal;
}

/** What a call of the function with these arguments does to the world. */
export function effectOf({ effect }: HostFunction, grant: Value, args: readonly Value[]): Effect {
  return typeof effect === "function" ? effect(grant, args) : effect;
}

/** What the runtime does for handlers. */
export interface Services {
  stores: LabelledStores;
  /** What the operator set for actors to read, by name. */
  variables: ReadonlyMap<string, string>;
  secrets: Secrets;
  /** The way out. Follows no redirect, and rejects when `signal` aborts. */
  fetch(url: string, init: OutgoingInit, signal: AbortSignal): Promise<Response>;
  /** The actor's own; what is changed becomes real with the commit. */
  readonly files: Files;
  /** What the actor serves over HTTP; what is changed becomes real with the commit. */
  readonly site: Site;
  /** The actor's WebSockets; what is said leaves with the commit. */
  readonly sockets: Sockets;
  /** Who waits for the response of this turn, where it may leave while the turn runs. */
  readonly visitor: Visitor | undefined;
  /** Leaves with the commit. */
  send(to: string, body: Uint8Array): Promise<HandlerAnswer>;
  channels: {
    /** Waits for the decision of the other actor's turn. */
    open(to: string, body: Uint8Array, callId: string): Promise<HandlerAnswer>;
    /** What the turn that goes on was told of an opening. */
    openAgain(to: string, callId: string, isAccepted: boolean): void;
    send(id: string, body: Uint8Array): HandlerAnswer;
    close(id: string): HandlerAnswer;
  };
  /** Waits for the answer of another actor's turn. */
  request(to: string, body: Uint8Array, callId: string): Promise<HandlerAnswer>;
  /** Requests that earlier turns, or this one, left without an answer. What is done to them leaves with the commit. */
  requests: {
    list(): HandlerAnswer;
    respond(id: string, reply: Uint8Array): HandlerAnswer;
    cancel(id: string): HandlerAnswer;
    /** Leaves again what `respond` or, with null, `cancel` left in the turn that goes on. */
    again(id: string, reply: Uint8Array | null): void;
  };
  /** The actor's own children. Every answer is of the WIT type of the function of `theater:simple/supervisor`. */
  children: {
    spawn(manifest: string, initState: Uint8Array | null, callId: string): Promise<HandlerAnswer>;
    resume(manifest: string, state: Uint8Array | null, callId: string): Promise<HandlerAnswer>;
    list(): HandlerAnswer;
    stop(id: string, callId: string): Promise<HandlerAnswer>;
    restart(id: string, callId: string): Promise<HandlerAnswer>;
    state(id: string): Promise<HandlerAnswer>;
    /** See `shownEvents`. */
    events(id: string): Promise<HandlerAnswer>;
  };
  /** The chain up to now, oldest first, at most `limit` events. */
  chain(limit: number): Promise<ChainView>;
  /** The view that was recorded so, once more; of another actor's chain where it names one. */
  chainAgain: (recorded: Value) => Promise<ChainView>;
  /** What the turn sets and takes back is real with its commit. By the WIT types of `theater:edge/timers`. */
  timers: {
    schedule(name: string, plan: Value, body: Uint8Array): HandlerAnswer;
    cancel(name: string): HandlerAnswer;
    list(): HandlerAnswer;
  };
  /** The turn's clock, ms since the epoch. `waitUntil` answers with an err where the turn ends before. */
  clock: { nowMs(): number; waitUntil(ms: number): Promise<HandlerAnswer> };
}

export interface OutgoingInit {
  method: string;
  headers: Headers;
  body: Uint8Array | null;
}

export interface ChainView {
  /** Position and digest of the newest event that is shown, with the first seq shown and, if not its own, whose. */
  recorded: Value;
  events: readonly {
    digest: Uint8Array;
    parent: Uint8Array | null;
    type: string;
    payload: Uint8Array;
    /** Milliseconds since the epoch. */
    time: number;
  }[];
}

/** See docs/plugins.md for one that is made from scratch. */
export interface Handler {
  /** `[[handler]] type = "…"`. */
  type: string;
  /** What an actor with it may do, as the end of "It may …". */
  may?: string;
  /** Interfaces it provides to the guest. */
  imports: readonly string[];
  /**
   * Of a plug-in: the text of the interfaces that it provides, one WIT package without worlds. Its functions
   * all give `result<…, string>`. Built-in handlers have theirs in wit/.
   */
  wit?: string;
  /** Interfaces through which it calls the guest. */
  exports: readonly string[];
  /** Keys of its `[[handler]]` table besides `type`, in snake_case; the parsed form, in camelCase, is the grant. */
  config: z.ZodType<Value>;
  /**
   * Where a manifest may have several tables of the type: what genesis calls each one's grant,
   * `<type>:<something>`. Otherwise the grant is called as the type is.
   */
  grantName?: (grant: Value) => string;
  /**
   * What two grants both allow, as a child may have what its parent holds and its manifest asks for. Never
   * more than either, idempotent, and in meaning commutative. `narrow.ts` has what most need.
   */
  narrow: (held: Value, asked: Value) => Value;
  /** Functions that the isolate answers. */
  pure: PureFunctions;
  /** Functions that the host answers, by `interface#function`. */
  functions: Readonly<Record<string, HostFunction>>;
}

export const returned = (result: Value): HandlerAnswer => ({ outcome: "returned", result });
export const ok = (value: Value): HandlerAnswer => ({ outcome: "returned", result: { ok: value } });
/** Whether the guest was told that it is done. */
export const isOk = ({ outcome, result }: HandlerAnswer): boolean =>
  outcome === "returned" && typeof result === "object" && result !== null && "ok" in result;
/** An error that the function itself gives: the call did happen. */
export const err = (reason: string): HandlerAnswer => ({
  outcome: "returned",
  result: { err: reason },
});
export const denied = (reason: string): HandlerAnswer => ({
  outcome: "denied",
  result: { err: `Permission denied: ${reason}` },
});
/** A function that can only say why it does nothing. */
export function impossible(reason: string): HostFunction {
  return { effect: "local", call: () => Promise.resolve(failed(reason)) };
}

/** The call did not come to an end of its own. */
export const failed = (reason: string): HandlerAnswer => ({
  outcome: "failed",
  result: { err: reason },
});
