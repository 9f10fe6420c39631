// The verifier: reads a chain entry by entry, in constant memory but for the lists of missing payloads,
// and trusts nobody. Shares only the format with the writer. Invariants:
// - What is hashed are the received bytes, never a re-encoding.
// - An event counts only once another voice confirms its hash: the listed CID, the successor's parent
//   link or the expected head. So an altered event is named itself, and not the innocent one after it.
// - Bad bytes never throw: they become the report. After the first bad event nothing more is read.

import { equalBytes } from "../lib/bytes.ts";
import { TheaterError } from "../lib/errors.ts";
import { actorId } from "./actor-id.ts";
import { cidText } from "./cid.ts";
import { isErasable, type Origin } from "./event-types.ts";
import { decodeEvent, type Event } from "./event.ts";
import { sha256 } from "./hash.ts";
import { decodePayload } from "./payload.ts";
import { checkPayload, type CheckedPayload } from "./payload-check.ts";
import { stateSaid } from "./recorded-state.ts";
import { Link } from "./value.ts";

/** What is wrong with the first bad event. */
export type Problem =
  | "not-an-event" // the block is not a canonical event of this version
  | "not-a-payload" // the payload is not a canonical payload of the event's type, or contradicts it
  | "event-hash" // the block's hash is not the one that the listing, the next event or the head names
  | "payload-hash" // the payload's hash is not the one that the event names
  | "missing" // another event stands where this one should
  | "twice" // two events claim this position
  | "wrong-seq" // the block claims another position than the listing
  | "wrong-parent" // its parent link does not name the event before it
  | "wrong-actor" // the event belongs to another actor, or the id is not derived from the genesis
  | "time-backwards" // its time is less than its parent's
  | "cut-off" // the chain ends before the expected head, or before the size that was signed
  | "beyond-head" // the chain goes on after the expected head
  | "not-as-signed"; // from here on, but before a signed size, an event is not the signed one

export interface BadEvent {
  readonly seq: number;
  readonly problem: Problem;
  /** One sentence for people. */
  readonly sentence: string;
  readonly expected: string | null;
  readonly found: string | null;
}

export interface Report {
  /** `verified` says nothing about missing payloads: look at `erased` and `withheld`. */
  readonly verdict: "verified" | "broken";
  /** Null when not even one event could be read. */
  readonly actor: string | null;
  /** How many events, from the first given one, are good. */
  readonly events: number;
  /** The last good event. */
  readonly head: { readonly seq: number; readonly cid: string } | null;
  /** Positions whose payload is missing, and a `payload.erased` event says so. */
  readonly erased: readonly number[];
  /** Positions whose payload is missing without such an event. */
  readonly withheld: readonly number[];
  readonly firstBad: BadEvent | null;
}

/** One event as a listing gives it. */
export interface Entry {
  /** The position in the listing, not what the block claims. */
  readonly seq: number;
  readonly block: Uint8Array;
  /** Null where erased or withheld. */
  readonly payload: Uint8Array | null;
  /** The event's CID, where the listing gives one: as text, or bare, which is cheaper to compare. */
  readonly cid?: string | Link | undefined;
  /** The payload's CID, where the listing gives one of its own. */
  readonly payloadCid?: Link | undefined;
}

/** What is known beforehand. `from`: begin in the middle, at `seq`, whose parent has this digest. */
export interface Expectation {
  readonly actor?: string | undefined;
  readonly from?: { readonly seq: number; readonly parent: Uint8Array } | undefined;
}

/** An event whose block is sound in itself. */
interface Sound {
  readonly event: Event;
  readonly digest: Uint8Array;
  /** Whether the listing gave its CID, and gave the right one. */
  readonly listed: boolean;
  readonly payload: Uint8Array | null;
  readonly payloadCid: Link | undefined;
}

/** An event that is good as far as anything before it can tell. Its hash awaits another voice. */
interface Held {
  readonly event: Event;
  readonly digest: Uint8Array;
  readonly listed: boolean;
  readonly hasPayload: boolean;
  readonly erases: readonly number[];
}

/** What the first two events say of where the chain comes from; true if the chain is verified from its first event. */
export interface Beginning {
  /** Where it left another chain; null for one that is no fork. */
  origin: Origin | null;
  /** The state with which it begins: see `stateSaid`. */
  state: ReturnType<typeof stateSaid>;
}

/** An event with the fields of its payload, null where that is missing. */
export interface Seen {
  readonly event: Event;
  readonly fields: CheckedPayload["fields"] | null;
}

export class ChainVerifier {
  readonly #first: number;
  readonly #parent: Uint8Array | undefined;
  readonly #expectedActor: string | undefined;
  #actor: string | null;
  #held: Held | undefined;
  /** An event that contradicts `#held`: one of the two is bad, and the next voice says which. */
  #rival: Sound | undefined;
  #good: Held | undefined;
  #events = 0;
  readonly #missing = new Set<number>();
  readonly #erased = new Set<number>();
  readonly #withheld = new Set<number>();
  #firstBad: BadEvent | null = null;
  readonly #beginning: Beginning = { origin: null, state: undefined };
  #seen: Seen | undefined;

  constructor(expect: Expectation = {}) {
    this.#first = expect.from?.seq ?? 0;
    this.#parent = expect.from?.parent;
    this.#expectedActor = expect.actor;
    this.#actor = expect.actor ?? null;
  }

  /** To be believed with the verdict, and not before. */
  get beginning(): Beginning {
    return this.#beginning;
  }

  /** Whether a bad event has been found: nothing that is read from there on counts. */
  get isBroken(): boolean {
    return this.#firstBad !== null;
  }

  /** The entry that was taken last, as it was decoded; undefined where something is wrong with it. */
  get seen(): Seen | undefined {
    return this.#seen;
  }

  /** Takes the next entry, oldest first. Never throws on bad bytes. */
  next(entry: Entry): void {
    this.#seen = undefined;
    if (this.#firstBad !== null) return;
    const [held, rival] = [this.#held, this.#rival];
    if (held !== undefined && rival !== undefined) {
      const event = attempt(() => decodeEvent(entry.block));
      const confirmed = typeof event !== "string" && names(event.parent, rival.digest);
      this.#decide({ held, rival, confirmed });
      return;
    }
    const current = this.#readBlock(entry);
    if (current === undefined) return;
    if (held === undefined) {
      this.#begin(current);
    } else if (names(current.event.parent, held.digest)) {
      this.#confirm(held);
      this.#follow(held.event, current);
    } else {
      this.#rival = current;
    }
  }

  /** The verdict. `head` is the last event as known from elsewhere (a receipt, an earlier visit). */
  finish(head?: { readonly seq: number; readonly cid: string }): Report {
    if (this.#firstBad === null) this.#finish(head);
    const ascending = (a: number, b: number): number => a - b;
    const good = this.#good;
    return {
      verdict: this.#firstBad === null ? "verified" : "broken",
      actor: this.#actor,
      events: this.#events,
      head: good ? { seq: good.event.seq, cid: eventCid(good.digest) } : null,
      erased: [...this.#erased].toSorted(ascending),
      withheld: [...this.#withheld, ...this.#missing].toSorted(ascending),
      firstBad: this.#firstBad,
    };
  }

  #finish(head: { readonly seq: number; readonly cid: string } | undefined): void {
    const [held, rival] = [this.#held, this.#rival];
    if (held !== undefined && rival !== undefined) {
      // Where nobody speaks for either, the link counts: most bytes of a block are not its link.
      const silent = head?.seq !== rival.event.seq;
      this.#decide({ held, rival, confirmed: silent || head.cid === eventCid(rival.digest) });
      return;
    }
    const seq = held?.event.seq ?? this.#first - 1;
    const cid = held ? eventCid(held.digest) : null;
    if (head !== undefined && head.seq > seq) {
      const sentence = "The chain ends before the expected head.";
      this.#fail(seq + 1, "cut-off", sentence, `${head.seq}:${head.cid}`, cid && `${seq}:${cid}`);
    } else if (head !== undefined && head.seq < seq) {
      const sentence = "The chain goes on after the expected head.";
      this.#fail(head.seq + 1, "beyond-head", sentence, `${head.seq}:${head.cid}`, `${seq}:${cid}`);
    } else if (head !== undefined && head.cid !== cid) {
      const sentence = "The event's bytes do not have the hash of the expected head.";
      this.#fail(seq, "event-hash", sentence, head.cid, cid);
    } else if (held !== undefined) {
      this.#confirm(held);
    }
  }

  /** What can be said about a block by itself, by its position and by what was expected. */
  #readBlock(entry: Entry): Sound | undefined {
    const seq = this.#held ? this.#held.event.seq + 1 : this.#first;
    if (entry.seq !== seq) return this.#misplaced(seq, entry.seq);
    const digest = sha256(entry.block);
    const { cid } = entry;
    if (cid !== undefined && !isCidOf(cid, digest)) {
      const sentence = "The event's bytes do not have the hash that the listing gives.";
      return this.#fail(seq, "event-hash", sentence, textOf(cid), eventCid(digest));
    }
    const event = attempt(() => decodeEvent(entry.block));
    if (typeof event === "string") return this.#fail(seq, "not-an-event", event, null, null);
    if (event.seq !== seq) {
      const sentence = "The event claims another position than the one where it stands.";
      return this.#fail(seq, "wrong-seq", sentence, String(seq), String(event.seq));
    }
    if (this.#expectedActor !== undefined && event.actor !== this.#expectedActor) {
      return this.#wrongActor(event, this.#expectedActor);
    }
    const { payload, payloadCid } = entry;
    return { event, digest, listed: cid !== undefined, payload, payloadCid };
  }

  #begin(current: Sound): void {
    const { event } = current;
    if (this.#parent !== undefined && !names(event.parent, this.#parent)) {
      const sentence = "The event's parent is not the event that was verified before.";
      const found = event.parent && cidText(event.parent);
      this.#fail(event.seq, "wrong-parent", sentence, eventCid(this.#parent), found);
      return;
    }
    this.#actor ??= event.actor;
    this.#readPayload(current);
  }

  /** The checks that need the predecessor. */
  #follow(before: Event, current: Sound): void {
    const { event } = current;
    if (event.actor !== before.actor) {
      this.#wrongActor(event, before.actor);
    } else if (event.time < before.time) {
      const sentence = "The event's time is less than its parent's.";
      this.#fail(event.seq, "time-backwards", sentence, `≥ ${before.time}`, String(event.time));
    } else {
      this.#readPayload(current);
    }
  }

  #readPayload({ event, digest, listed, payload, payloadCid }: Sound): void {
    let read: CheckedPayload | string | null = null;
    if (payloadCid !== undefined && !isCidOf(payloadCid, event.payload.digest)) {
      const sentence = "The listing gives the payload another CID than the event does.";
      const [expected, found] = [cidText(event.payload), cidText(payloadCid)];
      this.#fail(event.seq, "payload-hash", sentence, expected, found);
      return;
    }
    if (payload !== null) {
      const found = sha256(payload);
      if (!names(event.payload, found)) {
        const sentence = "The payload's bytes do not have the hash that the event gives.";
        this.#fail(event.seq, "payload-hash", sentence, cidText(event.payload), eventCid(found));
        return;
      }
      read = attempt(() => checkPayload(event, payload));
      if (typeof read === "string") {
        this.#fail(event.seq, "not-a-payload", read, null, null);
        return;
      }
      if (event.seq === 0 && actorId(payload) !== event.actor) {
        this.#wrongActor(event, actorId(payload));
        return;
      }
    }
    if (event.seq <= 1) this.#noteBeginning(event, payload);
    const { erases = [], fields = null } = read ?? {};
    this.#held = { event, digest, listed, hasPayload: payload !== null, erases };
    this.#seen = { event, fields };
  }

  #noteBeginning({ seq, type }: Event, payload: Uint8Array | null): void {
    if (seq === 1) {
      this.#beginning.state = stateSaid({ type, payload });
    } else if (payload !== null) {
      this.#beginning.origin = decodePayload("actor.created", payload).origin;
    }
  }

  /**
   * `rival` names another parent than `held`. Where the rival's own hash is confirmed its link is
   * authentic, and the block before it is not what it was appended to. Else the rival was altered.
   */
  #decide(between: { held: Held; rival: Sound; confirmed: boolean }): void {
    const { held, rival, confirmed } = between;
    const found = eventCid(held.digest);
    const link = rival.event.parent && cidText(rival.event.parent);
    if (confirmed) {
      const sentence =
        "The event's bytes do not have the hash that the next event names as its parent.";
      this.#fail(held.event.seq, "event-hash", sentence, link, found);
    } else {
      const sentence =
        "The event names another parent than the event before it, and nothing confirms it.";
      this.#fail(rival.event.seq, "wrong-parent", sentence, found, link);
    }
  }

  #confirm(held: Held): void {
    const { seq, type } = held.event;
    this.#held = undefined;
    this.#good = held;
    this.#events++;
    if (!held.hasPayload) (isErasable(type) ? this.#missing : this.#withheld).add(seq);
    for (const position of held.erases) {
      if (this.#missing.delete(position)) this.#erased.add(position);
    }
  }

  #misplaced(expected: number, found: number): undefined {
    const twice = found === this.#held?.event.seq;
    const sentence = twice ? "Two events claim this position." : "The event is missing.";
    const seq = twice ? found : expected;
    return this.#fail(seq, twice ? "twice" : "missing", sentence, String(expected), String(found));
  }

  #wrongActor(event: Event, expected: string): undefined {
    const sentence = "The event belongs to another actor than this chain.";
    return this.#fail(event.seq, "wrong-actor", sentence, expected, event.actor);
  }

  #fail(
    seq: number,
    problem: Problem,
    sentence: string,
    expected: string | null,
    found: string | null,
  ): undefined {
    this.#firstBad ??= { seq, problem, sentence, expected, found };
    // What stood before the bad event and has the hash that the listing gave is still good.
    if (this.#held?.listed && this.#held.event.seq < seq) this.#confirm(this.#held);
  }
}

/** The result, or the sentence of the refusal. */
function attempt<X>(read: () => X): X | string {
  try {
    return read();
  } catch (error) {
    if (error instanceof TheaterError) return error.message;
    throw error;
  }
}

function names(link: Link | null, digest: Uint8Array): boolean {
  return link !== null && equalBytes(link.digest, digest);
}

/** Whether `cid` names the canonical block with this digest. */
function isCidOf(cid: string | Link, digest: Uint8Array): boolean {
  if (typeof cid === "string") return cid === eventCid(digest);
  return cid.codec === "dag-cbor" && equalBytes(cid.digest, digest);
}

function textOf(cid: string | Link): string {
  return typeof cid === "string" ? cid : cidText(cid);
}

function eventCid(digest: Uint8Array): string {
  return cidText(new Link("dag-cbor", digest));
}
