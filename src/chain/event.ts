// Events: the entries of a chain. An event commits to its place (actor, seq, parent) and, by digest
// only, to its payload, so that erasing a payload leaves every proof valid.

import { TheaterError } from "../lib/errors.ts";
import { isActorId } from "./actor-id.ts";
import { decode, encode } from "./cbor.ts";
import { isAbout, isEventType, type EventType } from "./event-types.ts";
import { sha256 } from "./hash.ts";
import { isMap } from "./payload-fields.ts";
import { Link, type Value } from "./value.ts";

export const EVENT_BYTES_MAX = 512;
const ABOUT_BYTES_MAX = 128;

export interface Event {
  readonly v: 1;
  readonly seq: number;
  /** Milliseconds since the epoch, never less than the parent's; the operator's claim, not evidence. */
  readonly time: number;
  /** 0 outside turns. */
  readonly turn: number;
  readonly type: EventType;
  /** See `isAbout`. */
  readonly about: string;
  readonly actor: string;
  /** Null exactly where seq is 0. */
  readonly parent: Link | null;
  readonly payload: Link;
}

/** The block of an event and its digest. Throws `bad-block` where a reader would refuse it. */
export function encodeEvent(event: Event): { block: Uint8Array; digest: Uint8Array } {
  const { v, seq, time, turn, type, about, actor, parent, payload } = event;
  // In the canonical order of the keys, so that the encoder need not sort.
  const map = { v, seq, time, turn, type, about, actor, parent, payload };
  const problem = problemOf(map);
  if (problem !== undefined) throw malformed(problem);
  const block = encode(map);
  return { block, digest: sha256(block) };
}

/** Reads an event block strictly. Throws `bad-block` for anything that is not an event of version 1. */
export function decodeEvent(block: Uint8Array): Event {
  if (block.length > EVENT_BYTES_MAX) throw malformed(`it is above ${EVENT_BYTES_MAX} bytes`);
  const map = decode(block);
  if (!isMap(map)) throw malformed("it is not a map");
  if (Object.keys(map).length !== 9) throw malformed("it does not have nine keys");
  const problem = problemOf(map);
  if (problem !== undefined) throw malformed(problem);
  return map as unknown as Event; // problemOf has just checked exactly this
}

/** With nine keys in the map and all nine checked here, there is no room for an unknown one. */
function problemOf(map: { readonly [key: string]: Value }): string | undefined {
  const { v, seq, time, turn, type, about, actor, parent, payload } = map;
  if (v !== 1) return "its version is not 1";
  if (!isCount(seq)) return "its seq is not a count";
  if (!isCount(time)) return "its time is not a count of milliseconds";
  if (!isCount(turn)) return "its turn is not a count";
  if (typeof type !== "string" || !isEventType(type)) return "its type is unknown";
  if ((type === "actor.created") !== (seq === 0)) return "actor.created is not exactly at seq 0";
  if (typeof about !== "string" || about.length > ABOUT_BYTES_MAX || !isAbout(type, about)) {
    return "its about is not in the vocabulary of its type";
  }
  if (typeof actor !== "string" || !isActorId(actor)) return "its actor is not an id";
  if (!(seq === 0 ? parent === null : isBlockLink(parent))) {
    return "its parent is not null exactly at seq 0, and a dag-cbor link elsewhere";
  }
  return isBlockLink(payload) ? undefined : "its payload is not a dag-cbor link";
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isBlockLink(value: unknown): value is Link {
  return value instanceof Link && value.codec === "dag-cbor";
}

function malformed(problem: string): TheaterError {
  return new TheaterError("bad-block", `Send an event of chain format 1: ${problem}.`, { problem });
}
