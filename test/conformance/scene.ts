// The actors of the conformance suite, and a turn of them: calls by a real guest, each with what the guest got
// and what the chain has of it.

import { expect, inject } from "vitest";
import { findSignature } from "../../src/handlers/signatures.ts";
import type { WitFunction, WitType } from "../../src/executor/wit-type.ts";
import { toJson } from "../../src/executor/wit-json.ts";
import type { Value } from "../../src/chain/value.ts";
import { sha256 } from "../../src/chain/hash.ts";
import { fromUtf8, toHex } from "../../src/lib/bytes.ts";
import { until, type Ended, type Probe, type Told } from "../runtime/stage.ts";
import { childManifest, gave, tools } from "../runtime/tools.ts";
import { openSockets } from "./socket-rows.ts";
import { STREAM_PATH } from "./stream-rows.ts";
import { fromGuest, toGuest } from "./guest-values.ts";

/** A call as a row has it: arguments and result as JSON by the WIT types, the result as a matcher too. */
export interface Call {
  about: string;
  args: readonly unknown[];
  gives: unknown;
}

/** How the chain has a call. */
interface Recorded {
  about: string;
  /** Types of its events. */
  events: string;
  outcome: string;
  args: readonly Value[];
  result: Value;
}

export interface Observed {
  call: Call;
  gave: unknown;
  recorded: Recorded;
}

export interface Scene {
  /** Has every handler with all that the rows need. */
  actor: Probe;
  /** Takes messages of every kind. */
  called: Probe;
  /** Has every handler, and of each as little as can be granted. */
  narrow: Probe;
  peer: Probe;
  /** A store of the actor, one of the peer, and one that is granted and was never made. */
  store: string;
  foreign: string;
  ghost: string;
  /** The digests of two contents of the store. */
  one: string;
  two: string;
  /** An origin that the actors may ask, and one that they may not. */
  origin: string;
  elsewhere: string;
  /** Open requests to the actor, by the event that began them, and how each ends. */
  requests: readonly string[];
  asked: readonly Promise<Ended>[];
  /** Channels from the actor to `called`: one to speak on, and one to close. */
  channels: readonly [string, string];
  /** A manifest that the actors may give to their children, and one that asks for more than they have. */
  manifest: string;
  greedy: string;
  /** Children of the actor: one to stop, and one to start again. */
  children: readonly [string, string];
  /** Children of the peer: one for each way in which a child can end. */
  ends: readonly [error: string, exit: string, stop: string];
}

interface Ok {
  ok: string;
}

const HOST = "theater:simple/message-server-host";
const GHOST = "f".repeat(32);

const digestOf = (text: string): string => toHex(sha256(fromUtf8(text)));

export async function openScene(): Promise<Scene> {
  const { first: origin, second: elsewhere } = inject("origins");
  const files = { read: true, write: true };
  const [actor, narrow, peer, called] = await Promise.all([
    tools({
      store: { stores: [GHOST] },
      environment: { allowed_vars: ["REGION"], allow_list_all: true },
      filesystem: { ...files, allowed_paths: ["."] },
      "http-client": { allowed_hosts: [origin] },
      "http-framework": { stream: [STREAM_PATH] },
    }),
    tools({
      random: { max_bytes: 4, max_int: 10 },
      timing: { max_sleep_duration: 1 },
      filesystem: { ...files, allowed_paths: ["granted"] },
      "http-client": { allowed_hosts: [origin] },
    }),
    tools(),
    tools(),
  ]);
  const [store] = (await gave(actor, ["store-new"], ["write", "a", "hello"], ["mkdir", "d"])) as [
    string,
  ];
  await gave(actor, ["store-put-at", store, "kept", "one"], ["store-put", store, "two"]);
  const [foreign] = (await gave(peer, ["store-new"])) as [string];
  const asked = [actor.ask([["defer"]]), actor.ask([["defer"]])];
  const outstanding = async () =>
    (await actor.sql("SELECT id FROM deferred ORDER BY message")) as { id: string }[];
  await until(async () => (await outstanding()).length === asked.length);
  const requests = (await outstanding()).map(({ id }) => id);
  const made = async (by: Probe, call: Call, count: number): Promise<string[]> =>
    (await turn(by, Array(count).fill(call))).map(({ gave: answer }) => (answer as Ok).ok);
  const open = { about: `${HOST}#open-channel`, args: [called.id, btoa("[]")], gives: null };
  const channels = await made(actor, open, 2);
  await openSockets(actor, 3);
  const route = [1, STREAM_PATH, "POST", 2];
  await gave(actor, ["call", "theater:simple/http-framework#add-route", ...route]);
  const manifest = await childManifest();
  const spawn = { about: "theater:simple/supervisor#spawn", args: [manifest, null], gives: null };
  const [children, ends] = [await made(actor, spawn, 2), await made(peer, spawn, 3)];
  return {
    actor,
    called,
    narrow,
    peer,
    store,
    foreign,
    ghost: GHOST,
    one: digestOf("one"),
    two: digestOf("two"),
    origin,
    elsewhere,
    requests,
    asked,
    channels: [channels[0] ?? "", channels[1] ?? ""],
    manifest,
    greedy: manifest.replace('"http-client"', `"http-client"\nallowed_hosts = ["${elsewhere}"]`),
    children: [children[0] ?? "", children[1] ?? ""],
    ends: [ends[0] ?? "", ends[1] ?? "", ends[2] ?? ""],
  };
}

/** Makes the calls in one turn. `ask`: how the guest is told. */
export async function turn(
  actor: Probe,
  calls: readonly Call[],
  ask: (actor: Probe, ...steps: (readonly [string, ...unknown[]])[]) => Promise<unknown[]> = gave,
): Promise<Observed[]> {
  if (calls.length === 0) return [];
  const from = await actor.nextSeq();
  const answers = await ask(
    actor,
    ...calls.map(({ about, args }) => ["call", about, ...guestArguments(about, args)] as const),
  );
  const events = await actor.events(from);
  const [first] = events.filter(({ type }) => type.startsWith("host."));
  const recorded = recordedCalls(events.filter((event) => event.turn === first?.turn));
  expect(recorded.map(({ about }) => about)).toEqual(calls.map(({ about }) => about));
  return recorded.map((one, at) => {
    const call = calls[at] ?? { about: "", args: [], gives: null };
    return { call, gave: guestAnswer(call.about, answers[at]), recorded: one };
  });
}

export function signatureOf(about: string): WitFunction {
  const signature = findSignature(about);
  if (signature === undefined) throw new Error(`wit/ has no ${about}`);
  return signature;
}

function guestArguments(about: string, args: readonly unknown[]): unknown[] {
  const { params } = signatureOf(about);
  return args.map((arg, at) => toGuest(params[at]?.[1] ?? "bool", arg));
}

/** The guest library's exceptions are the errors of results. */
function guestAnswer(about: string, answer: unknown): unknown {
  const { result } = signatureOf(about);
  const { err, gave: value } = answer as { err?: string; gave?: unknown };
  const outcome = isResult(result) ? result.result : { ok: result };
  if (err !== undefined) return { err };
  const json = outcome.ok === null ? null : fromGuest(outcome.ok, value);
  return isResult(result) ? { ok: json } : json;
}

type ResultType = Extract<WitType, { readonly result: unknown }>;
const isResult = (type: WitType | null): type is ResultType =>
  type !== null && typeof type === "object" && "result" in type;

/** Every host call of these events, in the order in which the guest got the results. */
function recordedCalls(events: readonly Told[]): Recorded[] {
  const intents = new Map<unknown, Told>();
  return events.flatMap((event) => {
    const { type, about, seq, fields } = event;
    if (type === "host.intended") intents.set(seq, event);
    if (type !== "host.called" && type !== "host.returned") return [];
    const intent = intents.get(fields["intent"]);
    return [
      {
        about,
        events: intent === undefined ? type : `${intent.type}, ${type}`,
        outcome: String(fields["outcome"]),
        args: (intent?.fields ?? fields)["args"] as Value[],
        result: fields["result"] as Value,
      },
    ];
  });
}

/** What the chain has, as JSON by the WIT types: to be compared with what the guest said and got. */
export function spoken({ about, args, result }: Recorded): { args: unknown[]; result: unknown } {
  const { params, result: type } = signatureOf(about);
  return {
    args: args.map((arg, at) => toJson(params[at]?.[1] ?? "bool", arg)),
    result: type === null ? null : isRange(result) ? RANGE : toJson(type, result),
  };
}

/** Instead of events that a guest was shown, the chain keeps which they were. */
export const RANGE = "events of a chain";

/** Whether the chain keeps the result so. */
export function isRange(result: Value): boolean {
  const { ok = result } = (result ?? {}) as { ok?: Value };
  return typeof ok === "object" && ok !== null && "head" in ok && "from" in ok && "to" in ok;
}
