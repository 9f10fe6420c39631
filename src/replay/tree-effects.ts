// What an event that was taken puts on the wire: what its turn sent and answered, as the guest did it when it ran
// again.

import type { Payloads } from "../chain/event-types.ts";
import { decodePayload } from "../chain/payload.ts";
import type { Value } from "../chain/value.ts";
import { acceptance, greetingOf } from "../handlers/sent.ts";
import { hashOf } from "./body-hash.ts";
import { recordedCalls } from "./recorded-turn.ts";
import type { Current, Member } from "./tree-member.ts";
import type { Tree } from "./tree.ts";
import type { Reply } from "./tree-wire.ts";
import type { TurnEvents } from "./turns.ts";
import type { Did } from "./verdict.ts";

const HOST = "theater:simple/message-server-host";
const OPEN = `${HOST}#open-channel`;
const ASKING: ReadonlySet<string> = new Set([`${HOST}#request`, OPEN]);
const BIRTHS: ReadonlySet<string> = new Set([
  "theater:simple/supervisor#spawn",
  "theater:simple/supervisor#resume",
]);
const SCHEDULE = "theater:edge/timers#schedule";
/** What an asker is told of a request that was given up. */
const GIVEN_UP = "The actor gave up the request.";

type Message = Payloads["message.received"];

export async function follow(tree: Tree, member: Member, current: Current): Promise<void> {
  const { type, payload } = current.event;
  if (payload === null) return;
  switch (type) {
    case "message.received":
      return received(member, decodePayload(type, payload));
    case "host.intended":
      return intended(tree, member, current, decodePayload(type, payload));
    case "host.returned":
      return await returned(tree, member, decodePayload(type, payload));
    case "request.settled":
      return settled(tree, member, current, decodePayload(type, payload));
    case "channel.closed":
      return closed(tree, member, current, decodePayload(type, payload));
    case "send.failed":
      return tree.wire.giveUp(member.undo, member.actor, decodePayload(type, payload));
    case "supervision.decided": {
      const { children } = decodePayload(type, payload);
      for (const child of children) await tree.add(child);
    }
  }
}

/** The end of a turn. `did`: undefined where it was cut off or not run. */
export function ended(
  tree: Tree,
  member: Member,
  { entry, event }: Current,
  { turn, did }: { turn: TurnEvents; did: Did | undefined },
): void {
  const message = turn.message?.payload;
  if (did === undefined && event.payload === null) member.hasErased = true;
  if (message == null || turn.message === undefined) return;
  const received = decodePayload("message.received", message);
  const fields: Readonly<Record<string, Value>> =
    did?.end.fields ??
    ((event.payload && decodePayload(event.type as "turn.failed", event.payload)) as never);
  answer(tree, member, { message: received, seq: turn.message.seq, end: event, fields });
  if (did === undefined || event.type !== "turn.committed") return;
  const { kind, params } = received;
  const greeting = greetingOf(kind, params as readonly Value[], fields["result"] ?? null);
  for (const [index, sent] of [...did.sends, ...greeting].entries()) {
    const made = { seq: event.seq, event: entry.cid, turn: turn.turn, index };
    const to = "to" in sent ? sent.to : member.channels.get(sent.channel);
    if (to === undefined || !tree.members.has(to)) continue;
    const isClose = "close" in sent && sent.close;
    const words = "to" in sent ? "send" : isClose ? "channel-close" : "channel";
    tree.wire.send(member.undo, [member.actor, to], {
      ...made,
      kind: words,
      body: isClose ? null : hashOf(sent.body),
      channel: "to" in sent ? null : sent.channel,
      isOptional: isClose,
    });
  }
  for (const { about, args, answer: told } of recordedCalls(turn.calls).calls) {
    const [name, , body] = args;
    if (about !== SCHEDULE || !("ok" in Object(told?.result)) || typeof name !== "string") continue;
    member.note(member.timers, name, { seq: event.seq, body: hashOf(body ?? null) });
  }
}

function received(member: Member, { kind, from, params }: Message): void {
  const [channel] = params as readonly Value[];
  if (kind !== "channel-open" || typeof channel !== "string" || typeof from !== "string") return;
  member.note(member.channels, channel, from);
}

function intended(
  tree: Tree,
  member: Member,
  { entry, event }: Current,
  { args }: Payloads["host.intended"],
): void {
  const { seq, about, turn } = event;
  const [to, body] = args;
  const isAsking = ASKING.has(about) && typeof to === "string";
  member.intent = { seq, event: entry.cid, about, to: isAsking ? to : null };
  if (!isAsking || !tree.members.has(to)) return;
  tree.wire.ask(member.undo, `${member.actor}:${seq}`, {
    seq,
    event: entry.cid,
    kind: about === OPEN ? "channel-open" : "request",
    body: hashOf(body ?? null),
    channel: null,
    turn,
    index: 0,
    isOptional: true,
  });
}

async function returned(
  tree: Tree,
  member: Member,
  { result }: Payloads["host.returned"],
): Promise<void> {
  const { intent } = member;
  const { ok } = Object(result) as { ok?: Value };
  member.intent = undefined;
  if (intent === undefined || typeof ok !== "string") return;
  if (intent.about === OPEN && intent.to !== null) member.note(member.channels, ok, intent.to);
  if (BIRTHS.has(intent.about)) await tree.add(ok);
}

/** What whoever asked for this turn is told. */
function answer(
  tree: Tree,
  member: Member,
  {
    message: { cause, kind, params },
    seq,
    end,
    fields,
  }: {
    message: Message;
    seq: number;
    end: Current["event"];
    fields: Readonly<Record<string, Value>> | null;
  },
): void {
  const isAsked = kind === "request" || kind === "channel-open";
  if (!isAsked || cause === null || !tree.members.has(cause.actor)) return;
  const key = `${cause.actor}:${cause.seq}`;
  const say = (how: Reply["how"], body: Value | undefined): void =>
    tree.wire.reply(member.undo, key, {
      seq: end.seq,
      how,
      body: body === undefined ? null : hashOf(body),
    });
  if (fields === null) return say("unknown", undefined);
  if (end.type === "turn.refused") return say("err", fields["error"] ?? null);
  if (end.type !== "turn.committed") return say("failed", undefined);
  const result = fields["result"] ?? null;
  if (kind === "channel-open") {
    const [channel] = params as readonly Value[];
    return acceptance(kind, result) === undefined ? say("err", undefined) : say("ok", channel);
  }
  const [reply] = (result ?? []) as readonly (readonly Value[] | null)[];
  if (reply == null) member.note(member.open, seq, key);
  else say("ok", reply[0]);
}

function settled(
  tree: Tree,
  member: Member,
  { event }: Current,
  { message, outcome, reply }: Payloads["request.settled"],
): void {
  const key = member.open.get(message);
  if (key === undefined) return;
  member.open.delete(message);
  member.undo.push(() => member.open.set(message, key));
  const how = outcome === "answered" ? "ok" : outcome === "cancelled" ? "err" : "failed";
  const body = outcome === "answered" ? (reply?.[0] ?? null) : GIVEN_UP;
  tree.wire.reply(member.undo, key, { seq: event.seq, how, body: hashOf(body) });
}

/** Its other end is told in the order of all else, or never: its own may have been first. */
function closed(
  tree: Tree,
  member: Member,
  { entry, event }: Current,
  { channel, peer, by }: Payloads["channel.closed"],
): void {
  if (by !== "self" || !tree.members.has(peer)) return;
  tree.wire.send(member.undo, [member.actor, peer], {
    seq: event.seq,
    event: entry.cid,
    kind: "channel-close",
    body: null,
    channel,
    turn: 0,
    index: 0,
    isOptional: true,
  });
}
