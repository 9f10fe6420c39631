// What is under way between the actors of a tree while their chains are replayed together: what one has sent and the
// other has not taken yet, what was asked and not answered, what was answered and not heard. Bodies are kept as
// their hashes.
//
// Every change can be taken back: a chain that stops in the middle of a turn goes back to the turn's beginning, and
// the wire with it.

import { TheaterError } from "../lib/errors.ts";

/** Messages and answers that are under way at one time: some 200 bytes each. */
const WIRE_MAX = 100_000;

/** A message as its sender's replayed turn made it. */
export interface Offer {
  /** The event that the message must name as its cause. */
  seq: number;
  /** CID of that event. */
  event: string;
  kind: string;
  /** Of the body, sha2-256 in base64; null for a message without one. */
  body: string | null;
  channel: string | null;
  /** Its turn and its place among the turn's sends: how a failure names it. */
  turn: number;
  index: number;
  /** Whether it may never have arrived: it could not be delivered, or it is a close that nobody was told of. */
  isOptional: boolean;
}

/** What became of a question, by the replayed turn of the one who was asked. */
export interface Reply {
  /** Of the event that says it. */
  seq: number;
  /** unknown: it cannot be said, because something was erased. */
  how: "ok" | "err" | "failed" | "unknown";
  /** Of the answer's bytes or text, sha2-256 in base64. */
  body: string | null;
}

export interface WireContent {
  queues: [pair: string, offers: Offer[]][];
  asked: [key: string, offer: Offer][];
  replies: [key: string, reply: Reply][];
}

export type Undo = (() => void)[];

export class Wire {
  readonly #queues: Map<string, Offer[]>;
  readonly #asked: Map<string, Offer>;
  readonly #replies: Map<string, Reply>;
  #size: number;

  constructor({ queues, asked, replies }: WireContent = { queues: [], asked: [], replies: [] }) {
    this.#queues = new Map(queues);
    this.#asked = new Map(asked);
    this.#replies = new Map(replies);
    const waiting = queues.reduce((sum, [, offers]) => sum + offers.length, 0);
    this.#size = waiting + asked.length + replies.length;
  }

  get content(): WireContent {
    return {
      queues: [...this.#queues].filter(([, offers]) => offers.length > 0),
      asked: [...this.#asked],
      replies: [...this.#replies],
    };
  }

  /** Messages that nobody has taken. */
  get pending(): number {
    const counts = [...this.#queues.values()].map(
      (offers) => offers.filter(({ isOptional }) => !isOptional).length,
    );
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** What one actor has sent another and that one has not taken, oldest first. */
  queue(from: string, to: string): readonly Offer[] {
    return this.#queues.get(`${from}>${to}`) ?? [];
  }

  send(undo: Undo, [from, to]: readonly [string, string], offer: Offer): void {
    this.#grow();
    this.#change(`${from}>${to}`, (offers) => [...offers, offer]);
    undo.push(() => {
      this.#change(`${from}>${to}`, (offers) => offers.filter((one) => one !== offer));
      this.#size--;
    });
  }

  /** Takes the offer, and forgets those before it. */
  take(undo: Undo, [from, to]: readonly [string, string], offer: Offer): void {
    const pair = `${from}>${to}`;
    const offers = this.#queues.get(pair) ?? [];
    const taken = offers.slice(0, offers.indexOf(offer) + 1);
    this.#size -= taken.length;
    this.#queues.set(pair, offers.slice(taken.length));
    undo.push(() => {
      this.#size += taken.length;
      this.#change(pair, (since) => [...taken, ...since]);
    });
  }

  /** A send that its sender gave up. */
  giveUp(undo: Undo, from: string, { turn, index }: { turn: number; index: number }): void {
    const mark = (isOptional: boolean): void => {
      for (const [pair, offers] of this.#queues) {
        const at = offers.findIndex((one) => one.turn === turn && one.index === index);
        const offer = offers[at];
        if (!pair.startsWith(`${from}>`) || offer === undefined) continue;
        this.#queues.set(pair, offers.with(at, { ...offer, isOptional }));
      }
    };
    mark(true);
    undo.push(() => mark(false));
  }

  #change(pair: string, change: (offers: Offer[]) => Offer[]): void {
    this.#queues.set(pair, change(this.#queues.get(pair) ?? []));
  }

  /** A question; not again where the answer is there already. */
  ask(undo: Undo, key: string, offer: Offer): void {
    if (!this.#replies.has(key)) this.#set(undo, this.#asked, key, offer);
  }

  /** The question, which is asked no longer. */
  hear(undo: Undo, key: string): Offer | undefined {
    return this.#remove(undo, this.#asked, key);
  }

  isAsked(key: string): boolean {
    return this.#asked.has(key);
  }

  reply(undo: Undo, key: string, reply: Reply): void {
    this.#set(undo, this.#replies, key, reply);
  }

  replyTo(key: string): Reply | undefined {
    return this.#replies.get(key);
  }

  settle(undo: Undo, key: string): void {
    this.#remove(undo, this.#replies, key);
  }

  #set<V>(undo: Undo, map: Map<string, V>, key: string, value: V): void {
    const before = map.get(key);
    if (before === undefined) this.#grow();
    map.set(key, value);
    undo.push(() => {
      if (before === undefined && map.delete(key)) this.#size--;
      if (before !== undefined) map.set(key, before);
    });
  }

  #remove<V>(undo: Undo, map: Map<string, V>, key: string): V | undefined {
    const before = map.get(key);
    if (before === undefined) return undefined;
    map.delete(key);
    this.#size--;
    undo.push(() => {
      if (!map.has(key)) this.#size++;
      map.set(key, before);
    });
    return before;
  }

  #grow(): void {
    if (++this.#size <= WIRE_MAX) return;
    const message = `More than ${WIRE_MAX} messages are under way at one time: replay the actors one by one.`;
    throw new TheaterError("too-large", message);
  }
}
