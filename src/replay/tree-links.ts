// What an event claims of another chain of the tree, held against what that one's replay has shown. Nothing here
// changes a chain; what is matched leaves the wire.

import { cidText } from "../chain/cid.ts";
import { decodeEvent } from "../chain/event.ts";
import type { Payloads } from "../chain/event-types.ts";
import { toJson, type Json } from "../chain/ndjson.ts";
import { decodePayload } from "../chain/payload.ts";
import type { Link, Value } from "../chain/value.ts";
import { hashOf } from "./body-hash.ts";
import type { Current, Member } from "./tree-member.ts";
import type { LinkKind } from "./tree-report.ts";
import type { Tree } from "./tree.ts";
import type { Offer } from "./tree-wire.ts";

/**
 * go: nothing stands in the way of the event. wait: another chain has to be read further first. soft: as wait, but
 * where that never comes, nothing is wrong.
 */
export type Check = "go" | "wait" | "soft";

type Message = Payloads["message.received"];
type Cause = NonNullable<Message["cause"]>;

const BY_QUESTION: ReadonlySet<string> = new Set(["request", "channel-open"]);
const BY_OUTBOX: ReadonlySet<string> = new Set(["send", "channel", "channel-close"]);
const BIRTHS = /^theater:simple\/supervisor#(spawn|resume)$/;
/** Between an intent and its outcome a chain has only what came from outside meanwhile. */
const OUTCOME_WITHIN = 10_000;

/** Before an event is taken. `force`: what it waits for will not come. */
export async function check(
  tree: Tree,
  member: Member,
  current: Current,
  force: boolean,
): Promise<Check> {
  const { type, payload } = current.event;
  const at = { tree, member, current, force };
  if (payload === null) {
    if (type === "message.received" || type === "host.returned") tree.count(member, "erased");
    return "go";
  }
  switch (type) {
    case "actor.created":
      return await checkBirth(at, decodePayload(type, payload));
    case "message.received":
      return await checkMessage(at, decodePayload(type, payload));
    case "host.returned":
      return await checkReply(at, decodePayload(type, payload));
    case "child.exited":
      return await checkExit(at, decodePayload(type, payload));
    default:
      return "go";
  }
}

interface At {
  tree: Tree;
  member: Member;
  current: Current;
  force: boolean;
}

/** Whether the other chain has been read behind `seq`; else what has to be said or done instead. */
async function reach(
  at: At,
  kind: LinkKind,
  other: Member,
  seq: number,
): Promise<"there" | "wait" | "go"> {
  if (other.next > seq) return "there";
  if (other.status === "live" && !at.force) return "wait";
  if (other.status === "stopped" || (await isUnread(at.tree, other, seq))) {
    at.tree.count(at.member, "unchecked");
    return "go";
  }
  const rule =
    other.status === "live"
      ? "The two chains wait for one another: each names what the other has only later."
      : "The other chain ends before the event that it names.";
  await mismatch(at, kind, rule, { actor: other.actor, seq: null });
  return "go";
}

/** Whether the other chain has gone on since it was read, up to `seq` at least: an actor that lives does. */
async function isUnread(tree: Tree, other: Member, seq = other.next): Promise<boolean> {
  return other.status === "over" && (await tree.newest(other.actor)) >= seq;
}

async function checkMessage(at: At, message: Message): Promise<Check> {
  const { tree, member } = at;
  const { cause, kind, from } = message;
  if (cause === null) return "go";
  const other = tree.members.get(cause.actor);
  if (other === undefined) {
    tree.count(member, "outside");
    return "go";
  }
  if (other === member) return await checkOwn(at, message, cause);
  if (!BY_QUESTION.has(kind) && !BY_OUTBOX.has(kind)) return await checkNamed(at, "birth", cause);
  const reached = await reach(at, "message", other, cause.seq);
  if (reached !== "there") return reached;
  if (from !== cause.actor) {
    await mismatch(at, "message", "It names another sender than its cause does.", cause);
    return "go";
  }
  return BY_QUESTION.has(kind)
    ? await checkQuestion(at, message, cause)
    : await checkSent(at, message, cause, other);
}

async function checkQuestion(at: At, message: Message, cause: Cause): Promise<Check> {
  const { tree, member } = at;
  const key = `${cause.actor}:${cause.seq}`;
  const offer = tree.wire.isAsked(key) ? tree.wire.hear(member.undo, key) : undefined;
  if (offer === undefined) {
    const rule = "The other one asked no such question, or had its answer already.";
    await mismatch(at, "message", rule, cause);
  } else {
    await compare(at, message, cause, offer);
  }
  return "go";
}

async function checkSent(at: At, message: Message, cause: Cause, other: Member): Promise<Check> {
  const { tree, member, force } = at;
  const pair = [cause.actor, member.actor] as const;
  const offers = tree.wire.queue(...pair);
  const channel = channelOf(message);
  const fits = (offer: Offer): boolean =>
    offer.seq === cause.seq && offer.kind === message.kind && offer.channel === channel;
  const body = bodyOf(message);
  // One turn may have sent several: this is the one that says the same, where there is one.
  const offer = offers.find((one) => fits(one) && one.body === body) ?? offers.find(fits);
  if (offer === undefined) {
    if (other.hasErased) tree.count(member, "erased");
    else await mismatch(at, "message", "No turn of the other one sent it there.", cause);
    return "go";
  }
  const skipped = offers.slice(0, offers.indexOf(offer)).find(({ isOptional }) => !isOptional);
  if (skipped !== undefined) {
    if (other.status === "live" && !force) return "wait"; // it may still say that it gave that one up
    const isOpen = other.status === "stopped" || (await isUnread(tree, other));
    if (isOpen) tree.count(member, "unchecked");
    else if (!member.hasErased) {
      const rule = "What the other one sent before it is not in this chain.";
      await mismatch(at, "message", rule, { actor: cause.actor, seq: skipped.seq });
    }
  }
  tree.wire.take(member.undo, pair, offer);
  await compare(at, message, cause, offer);
  return "go";
}

async function compare(at: At, message: Message, cause: Cause, offer: Offer): Promise<void> {
  const { kind } = message;
  if (cidText(cause.event) !== offer.event) {
    await mismatch(at, "message", "The event that it names has another hash.", cause);
  } else if (kind !== offer.kind || bodyOf(message) !== offer.body) {
    await mismatch(at, "message", "The other one's turn sent something else.", cause);
  } else {
    at.tree.count(at.member, "matched");
  }
}

/** A timer, or what the runtime told the guest of itself. */
async function checkOwn(at: At, message: Message, cause: Cause): Promise<Check> {
  const { tree, member } = at;
  if (message.kind !== "timer") return await checkNamed(at, "message", cause);
  const [name, body] = message.params as readonly [string, Value];
  const set = member.timers.get(name);
  if (set?.seq === cause.seq && set.body === hashOf(body)) {
    return await checkNamed(at, "timer", cause);
  }
  if (member.hasErased) tree.count(member, "erased");
  else await mismatch(at, "timer", "The turn that it names set no such timer.", cause);
  return "go";
}

/** Only that the event is there. */
async function checkNamed(at: At, kind: LinkKind, cause: Cause): Promise<Check> {
  const other = at.tree.members.get(cause.actor);
  if (other === undefined) return "go";
  const reached = other === at.member ? "there" : await reach(at, kind, other, cause.seq);
  if (reached !== "there") return reached;
  const entry = await other.source.entry(cause.seq);
  if (entry?.cid === cidText(cause.event)) at.tree.count(at.member, "matched");
  else await mismatch(at, kind, "The event that it names has another hash.", cause);
  return "go";
}

async function checkBirth(at: At, { parent }: Payloads["actor.created"]): Promise<Check> {
  const { tree, member } = at;
  if (parent === null) return "go";
  const other = tree.members.get(parent.actor);
  if (other === undefined) {
    tree.count(member, "outside");
    return "go";
  }
  const reached = await reach(at, "birth", other, parent.seq);
  if (reached !== "there") return reached;
  const named = await other.source.entry(parent.seq);
  if (named?.cid !== cidText(parent.event)) {
    await mismatch(at, "birth", "The event that it names has another hash.", parent);
    return "go";
  }
  const { type, about } = decodeEvent(named.block);
  const child =
    type === "host.intended" && BIRTHS.test(about) ? await bornBy(other, parent.seq) : null;
  if (child === null || child === member.actor) tree.count(member, "matched");
  else await mismatch(at, "birth", "The call that it names gave birth to another.", parent);
  return "go";
}

/** The actor that the call gave; null where it says none: it was cut off. */
async function bornBy(other: Member, intent: number): Promise<string | null> {
  const until = Math.min(other.source.head.seq, intent + OUTCOME_WITHIN);
  for await (const page of other.source.pages(intent + 1, until)) {
    for (const { block, payload } of page) {
      if (decodeEvent(block).type !== "host.returned" || payload === null) continue;
      const { intent: own, result } = decodePayload("host.returned", payload);
      if (own !== intent) return null;
      const { ok } = Object(result) as { ok?: Value };
      return typeof ok === "string" ? ok : null;
    }
  }
  return null;
}

async function checkExit(at: At, exit: Payloads["child.exited"]): Promise<Check> {
  const { child, head, size } = exit;
  if (head === null || size === 0) return "go";
  const other = at.tree.members.get(child);
  if (other === undefined) {
    at.tree.count(at.member, "outside");
    return "go";
  }
  return await checkNamed(at, "exit", { actor: child, seq: size - 1, event: head });
}

async function checkReply(at: At, returned: Payloads["host.returned"]): Promise<Check> {
  const { tree, member, force } = at;
  const { intent } = member;
  if (intent?.seq !== returned.intent || intent.to === null) return "go";
  const other = tree.members.get(intent.to);
  if (other === undefined) {
    tree.count(member, "outside");
    return "go";
  }
  const key = `${member.actor}:${intent.seq}`;
  const reply = tree.wire.replyTo(key);
  const { ok, err } = Object(returned.result) as { ok?: Value; err?: Value };
  const place = { actor: other.actor, seq: reply?.seq ?? null };
  if (reply === undefined) {
    if (other.status === "live" && !force) return ok === undefined ? "soft" : "wait";
    if (ok === undefined) return "go"; // it may never have come there
    const isOpen = other.status === "stopped" || (await isUnread(tree, other));
    if (isOpen) tree.count(member, "unchecked");
    else if (other.hasErased) tree.count(member, "erased");
    else await mismatch(at, "reply", "The other one gave no answer.", place);
    return "go";
  }
  tree.wire.settle(member.undo, key);
  if (reply.how === "unknown") tree.count(member, "erased");
  else if (ok !== undefined && (reply.how !== "ok" || reply.body !== hashOf(ok))) {
    await mismatch(at, "reply", "The other one's turn gave another answer.", place);
  } else if (returned.outcome === "returned" && err !== undefined && !isError(reply, err)) {
    await mismatch(at, "reply", "The other one's turn gave no such error.", place);
  } else {
    tree.count(member, "matched");
  }
  return "go";
}

function isError({ how, body }: { how: string; body: string | null }, err: Value): boolean {
  return how === "err" && (body === null || body === hashOf(err));
}

/** As an offer has it. */
function bodyOf({ kind, params }: Message): string | null {
  return kind === "channel-close" ? null : hashOf((params as readonly Value[]).at(-1) ?? null);
}

function channelOf({ kind, params }: Message): string | null {
  const [channel] = params as readonly Value[];
  return kind === "send" || typeof channel !== "string" ? null : channel;
}

async function mismatch(
  { tree, current, member }: At,
  kind: LinkKind,
  rule: string,
  { actor, seq }: { actor: string; seq: number | null; event?: Link },
): Promise<void> {
  const { event } = current;
  const entry = seq === null ? undefined : await tree.members.get(actor)?.source.entry(seq);
  const other = { actor, seq, said: entry === undefined ? null : said(entry) };
  const claim = { kind, actor: member.actor, seq: event.seq, rule };
  tree.report(member, { ...claim, found: said(current.entry), other });
}

/** An event as people read it. */
function said({ block, payload }: { block: Uint8Array; payload: Uint8Array | null }): Json {
  const { type, about } = decodeEvent(block);
  if (payload === null) return { type, about, fields: null };
  const { salt: _, ...fields } = decodePayload(type, payload);
  return { type, about, fields: toJson(fields as Value) };
}
