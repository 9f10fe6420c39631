// A chain in the hands of somebody who rewrites it: events with their payloads decoded, put together again with
// every hash, parent link and position fitting. Only what was signed before tells such a chain from the real one.

import { Link, type Value } from "../../src/chain/value.ts";
import { cidText } from "../../src/chain/cid.ts";
import { decodeEvent, encodeEvent, type Event } from "../../src/chain/event.ts";
import { decodePayload, encodePayload } from "../../src/chain/payload.ts";
import type { SourceEntry } from "../../src/replay/source.ts";

export interface CopiedEvent {
  readonly was: number;
  readonly time: number;
  readonly turn: number;
  readonly type: Event["type"];
  readonly about: string;
  readonly salt: Uint8Array;
  readonly fields: Readonly<Record<string, Value>>;
}

/** Fields that are positions in the same chain. */
const POSITIONS = ["message", "intent"];

export class ChainCopy {
  readonly actor: string;
  readonly events: readonly CopiedEvent[];

  constructor(actor: string, events: readonly CopiedEvent[]) {
    this.actor = actor;
    this.events = events;
  }

  static of(actor: string, entries: readonly SourceEntry[]): ChainCopy {
    const events = entries.map(({ seq: was, block, payload }) => {
      const { time, turn, type, about } = decodeEvent(block);
      if (payload === null) throw new Error("an erased payload cannot be copied");
      const { salt, ...fields } = decodePayload(type, payload);
      return { was, time, turn, type, about, salt, fields: fields as CopiedEvent["fields"] };
    });
    return new ChainCopy(actor, events);
  }

  at(was: number): CopiedEvent {
    const event = this.events[was];
    if (event === undefined) throw new Error(`no event ${was}`);
    return event;
  }

  /** With other fields in one event. */
  changed(was: number, change: (event: CopiedEvent) => Partial<CopiedEvent>): ChainCopy {
    const events = this.events.map((event) =>
      event.was === was ? { ...event, ...change(event) } : event,
    );
    return new ChainCopy(this.actor, events);
  }

  /** Everything fits: positions that point back are moved along, and so are links to events of this chain. */
  entries(): SourceEntry[] {
    const moved = new Map(this.events.map(({ was }, at) => [was, at]));
    const made: SourceEntry[] = [];
    let parent: Link | null = null;
    for (const [seq, { time, turn, type, about, salt, fields }] of this.events.entries()) {
      const there = (was: Value | undefined): number => moved.get(Number(was)) ?? Number(was);
      const rebased: Record<string, Value> = { ...fields };
      for (const name of POSITIONS) {
        if (name in rebased) rebased[name] = Math.min(there(rebased[name]), seq - 1);
      }
      const { cause } = fields as { cause?: { actor: string; seq: number } };
      if (cause?.actor === this.actor) {
        const at = there(cause.seq);
        const digest = digestOf(made[at]);
        if (digest !== undefined) {
          rebased["cause"] = { ...cause, seq: at, event: new Link("dag-cbor", digest) };
        }
      }
      const payload = encodePayload(type, rebased as never, salt);
      const { block, digest }: { block: Uint8Array; digest: Uint8Array } = encodeEvent({
        v: 1,
        seq,
        time,
        turn,
        type,
        about,
        actor: this.actor,
        parent,
        payload: new Link("dag-cbor", payload.digest),
      });
      parent = new Link("dag-cbor", digest);
      made.push({ seq, cid: cidText(parent), block, payload: payload.block });
      digests.set(block, digest);
    }
    return made;
  }
}

const digests = new WeakMap<Uint8Array, Uint8Array>();
const digestOf = (entry: SourceEntry | undefined): Uint8Array | undefined =>
  entry && digests.get(entry.block);
