// One turn as people and programs read it: the message, the calls with what the guest saw, what became of the
// state, the answer, and what was sent. Everything is decoded here, from the bytes that are hashed.

import { decodeEvent, type Event } from "../chain/event.ts";
import { toJson, type Json } from "../chain/ndjson.ts";
import { decodePayload } from "../chain/payload.ts";
import type { Value } from "../chain/value.ts";
import { TheaterError } from "../lib/errors.ts";
import { actorPath } from "./actors.ts";
import { linesOfServer } from "./chain-source.ts";
import { asCount, askJson, type Connection } from "./client.ts";
import { ServerRefusal } from "./client.ts";
import { printable, timeText } from "./output.ts";
import { fetchState } from "./state.ts";
import { diffStates, diffText, type StateDiff } from "./state-diff.ts";
import { cut, valueText, type TextLimits } from "./value-text.ts";

/** An event with its payload; null where that was erased. */
interface Read {
  event: Event;
  fields: { readonly [name: string]: Value } | null;
}

interface Call {
  /** Of the call, and of its answer where that has an event of its own; null: none was recorded. */
  seq: number;
  answered: number | null;
  about: string;
  args: readonly Value[] | null;
  outcome: string | null;
  result: Value;
}

export interface TurnView {
  turn: number;
  from: number;
  to: number;
  message: Read | null;
  calls: Call[];
  /** Null while the turn is open. */
  end: Read | null;
  /** Null where the turn left the state as it was. */
  state: StateDiff | { kind: "erased"; seq: number } | null;
}

export async function fetchTurn(
  connection: Connection,
  id: string,
  turn: number,
): Promise<TurnView> {
  const place = await askJson(connection, "GET", `${actorPath(id)}/turns/${turn}`);
  const [from, to] = [asCount(place["from"], "from"), asCount(place["to"], "to")];
  const ahead = typeof place["message"] === "number" ? place["message"] : undefined;
  const view: TurnView = { turn, from, to, message: null, calls: [], end: null, state: null };
  if (ahead !== undefined && ahead < from) {
    for await (const read of readEvents(connection, id, { from: ahead, to: ahead })) {
      view.message = read;
    }
  }
  for await (const read of readEvents(connection, id, { from, to })) {
    if (read.event.turn === turn) take(view, read);
  }
  return { ...view, state: await changeOf(connection, id, view) };
}

async function* readEvents(
  connection: Connection,
  id: string,
  range: { from: number; to: number },
): AsyncGenerator<Read> {
  for await (const { line } of linesOfServer(connection, id, range)) {
    const event = decodeEvent(line.block);
    yield { event, fields: line.payload && decodePayload(event.type, line.payload) };
  }
}

const textIn = (value: Value | undefined): string | null =>
  typeof value === "string" ? value : null;

function take(view: TurnView, read: Read): void {
  const { event, fields } = read;
  const { seq, type, about } = event;
  if (type === "message.received") {
    view.message = read;
  } else if (type === "host.called" || type === "host.intended") {
    const { args = null, outcome = null, result = null } = fields ?? {};
    view.calls.push({
      seq,
      answered: null,
      about,
      args: args as Call["args"],
      outcome: outcome as Call["outcome"],
      result,
    });
  } else if (type === "host.returned") {
    const call = view.calls.at(-1); // a guest has one thread
    if (call === undefined) return;
    call.answered = seq;
    call.outcome = fields === null ? "erased" : textIn(fields["outcome"]);
    call.result = fields?.["result"] ?? null;
  } else if (type.startsWith("turn.")) {
    view.end = read;
  }
}

/** What the turn made of the state. */
async function changeOf(
  connection: Connection,
  id: string,
  { from, to, end }: TurnView,
): Promise<TurnView["state"]> {
  if (end?.event.type !== "turn.committed" || end.fields?.["state"] === null) return null;
  try {
    const before = await fetchState(connection, id, Math.max(0, from - 1));
    const after = await fetchState(connection, id, to);
    return diffStates(before.state, after.state);
  } catch (thrown) {
    if (!(thrown instanceof ServerRefusal) || thrown.code !== "erased") throw thrown;
    const { seq } = { ...(thrown.evidence as { seq?: unknown }) };
    return { kind: "erased", seq: Number(seq) };
  }
}

/** For programs; values as DAG-JSON. */
export function turnJson({ message, end, calls, ...view }: TurnView): Json {
  const side = (read: Read | null): Json =>
    read && {
      seq: read.event.seq,
      type: read.event.type,
      time: read.event.time,
      payload: read.fields && toJson(read.fields),
    };
  return {
    ...view,
    message: side(message),
    calls: calls.map(({ args, result, ...call }) => ({
      ...call,
      args: args && toJson(args as Value),
      result: toJson(result),
    })),
    end: side(end),
  } as Json;
}

const LIMITS: TextLimits = { textBytes: 2_000, hexBytes: 32, depth: 8 };
const LINE_CHARS_MAX = 2_000;
/** Calls that are shown one by one; `--json` has them all. */
const CALLS_MAX = 200;

const shown = (value: Value): string => cut(valueText(value, LIMITS), LINE_CHARS_MAX);

/** Lines for people. */
export function turnText(view: TurnView): string {
  const { turn, from, to, message, calls, end, state } = view;
  const time = end?.event.time ?? message?.event.time;
  const how = end === null ? "open" : end.event.type.replace("turn.", "");
  const head = [
    `turn ${turn}`,
    how,
    `events ${from}…${to}`,
    time === undefined ? "" : timeText(time),
  ];
  const more = calls.length > CALLS_MAX ? [`  … and ${calls.length - CALLS_MAX} more calls`] : [];
  return [
    head.filter((part) => part !== "").join("  "),
    ...messageLines(message),
    ...section("calls", [...calls.slice(0, CALLS_MAX).map(callLine), ...more]),
    ...section("state", state === null ? [] : stateLines(state)),
    ...endLines(end, message?.event.about === "request"),
  ].join("\n");
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [title, ...lines.map((line) => `  ${line}`)];
}

function messageLines(message: Read | null): string[] {
  if (message === null) return ["message  (not known: what says it was erased)"];
  const { event, fields } = message;
  const from = typeof fields?.["from"] === "string" ? ` from ${printable(fields["from"])}` : "";
  const params = fields === null ? "(erased)" : shown(fields["params"] ?? null);
  return [`message  event ${event.seq}, ${event.about}${from}`, `  ${params}`];
}

function callLine({ seq, answered, about, args, outcome, result }: Call): string {
  const where = answered === null ? String(seq) : `${seq}, ${answered}`;
  const given = args === null ? "(erased)" : args.map(shown).join(", ");
  const how = outcome === null ? "no answer recorded" : outcome === "returned" ? "" : `${outcome} `;
  const gave = outcome === null ? "" : shown(result);
  return cut(`${where}  ${printable(about)}(${given}) → ${how}${gave}`, LINE_CHARS_MAX);
}

function stateLines(state: NonNullable<TurnView["state"]>): string[] {
  if (state.kind === "erased") return [`(unknown: event ${state.seq} was erased)`];
  return diffText(state).split("\n");
}

function endLines(end: Read | null, isRequest: boolean): string[] {
  if (end === null) return [];
  const { fields, event } = end;
  if (fields === null) return [`end  event ${event.seq} was erased`];
  const { result = null, sends = [], error, kind, code } = fields;
  if (event.type === "turn.refused") return section("error", [shown(error ?? null)]);
  if (event.type === "turn.failed") {
    return section("failure", [`${shown(kind ?? null)}: ${shown(code ?? null)}`]);
  }
  return [
    ...(isRequest ? replyLines(result) : section("result", result === null ? [] : [shown(result)])),
    ...section("sends", (sends as readonly Value[]).map(shown)),
  ];
}

/** The answer, as `option<list<u8>>` in a tuple of one. */
function replyLines(result: Value): string[] {
  const [option = null] = Array.isArray(result) ? (result as readonly Value[]) : [];
  if (!Array.isArray(option)) return ["reply  none: the request stayed open"];
  return section("reply", [shown((option as readonly Value[])[0] ?? null)]);
}

/** Throws `not-found` for an actor without turns. */
export async function lastTurn(connection: Connection, id: string): Promise<number> {
  const turns = asCount((await askJson(connection, "GET", actorPath(id)))["turns"], "turns");
  if (turns > 0) return turns;
  throw new TheaterError("not-found", "The actor has not had a turn yet.");
}
