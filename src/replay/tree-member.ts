// One chain among those that are replayed together: read event by event, so that it can wait for another at any of
// them; and put back to the last place between two turns where a part of the work ends.

import { Link } from "../chain/value.ts";
import { ChainVerifier } from "../chain/verify.ts";
import { cursorOf, readCursor } from "./place.ts";
import type { RecordedEvent } from "./recorded-turn.ts";
import { decoded, readEvent, report } from "./replay.ts";
import { ChainReplay, type ChainReplayParts } from "./replay-chain.ts";
import type { ReplaySource, SourceEntry } from "./source.ts";
import type { MemberReport } from "./tree-report.ts";
import type { Undo } from "./tree-wire.ts";

export type Status = "live" | "over" | "stopped";

/** What goes into a cursor. */
export interface MemberContent {
  actor: string;
  cursor: string | null;
  status: Status;
  /** Whether a payload was missing up to there. */
  hasErased: boolean;
  /** The other ends of its channels. */
  channels: [channel: string, peer: string][];
  /** The timers that its turns set: the seq of the turn's end, and the body's hash. */
  timers: [name: string, set: { seq: number; body: string }][];
  /** Requests of others that it has not answered yet: the question's key, by the message's seq. */
  open: [message: number, key: string][];
}

export interface MemberParts extends Pick<ChainReplayParts, "executor" | "functions" | "onTurn"> {
  source: ReplaySource;
}

export interface Current {
  entry: SourceEntry;
  event: RecordedEvent;
}

export class Member {
  readonly actor: string;
  readonly source: ReplaySource;
  readonly channels: Map<string, string>;
  readonly timers: Map<string, { seq: number; body: string }>;
  readonly open: Map<number, string>;
  hasErased: boolean;
  status: Status;
  /** The effect under way: its event, and the actor whose turn it asks. */
  intent: { seq: number; event: string; about: string; to: string | null } | undefined;
  /** What was changed since the last place between two turns. */
  readonly undo: Undo = [];
  readonly #run: ChainReplay;
  readonly #verifier: ChainVerifier;
  /** Of the newest place between two turns. */
  #cursor: string | null;
  #pages: AsyncIterator<readonly SourceEntry[]> | undefined;
  #page: SourceEntry[] = [];
  #current: Current | undefined;
  /** The first event that has not been taken. */
  #next: number;

  private constructor(parts: MemberParts, content: MemberContent) {
    const { source } = parts;
    this.actor = source.actor;
    this.source = source;
    this.status = content.status;
    this.hasErased = content.hasErased;
    this.channels = new Map(content.channels);
    this.timers = new Map(content.timers);
    this.open = new Map(content.open);
    this.#cursor = content.cursor;
    const earlier = async (seq: number): Promise<RecordedEvent | undefined> => {
      const entry = await source.entry(seq);
      return entry && decoded(entry);
    };
    this.#run = new ChainReplay({ ...parts, source, earlier });
    const place = content.cursor === null ? null : readCursor(content.cursor);
    const from = place === null ? {} : { from: place };
    this.#verifier = new ChainVerifier({ actor: source.actor, ...from });
    this.#next = place?.seq ?? 0;
  }

  static async at(parts: MemberParts, content: MemberContent): Promise<Member> {
    const member = new Member(parts, content);
    if (content.cursor !== null && content.status === "live") {
      const place = readCursor(content.cursor);
      await member.#run.begin({ ...place, parent: new Link("dag-cbor", place.parent) });
    }
    return member;
  }

  /** The first event that has not been taken. */
  get next(): number {
    return this.#next;
  }

  /** The event that comes next; undefined where there is none, or none that can be believed. */
  async current(): Promise<Current | undefined> {
    if (this.#current !== undefined || this.status !== "live") return this.#current;
    const entry = await this.#read();
    if (entry === undefined) {
      this.status = "over";
      return undefined;
    }
    const event = readEvent(this.#verifier, entry);
    if (event === undefined) {
      this.status = "stopped";
      return undefined;
    }
    this.#current = { entry, event };
    return this.#current;
  }

  /** Takes the event that comes next. False where the guest did something else. */
  async take({ entry, event }: Current): Promise<boolean> {
    // Turn by turn, and not many together: what each did has to be known to the others.
    const agrees = await this.#run.next(event, entry.link ?? entry.cid);
    if (!agrees || !(await this.#run.finish())) {
      this.status = "stopped";
      return false;
    }
    this.#current = undefined;
    this.#next = entry.seq + 1;
    if (event.payload === null) this.hasErased = true;
    // Now and not at the next look: whoever goes on from here would find nothing to confirm the head by.
    if (entry.seq >= this.source.head.seq) this.status = "over";
    return true;
  }

  /** After all that follows from an event was noted. Whether this is a place to go on from. */
  settle({ entry }: Current): boolean {
    if (this.#run.place.seq !== entry.seq + 1) return false;
    this.#cursor = cursorOf(this.#run.place);
    this.undo.length = 0;
    return true;
  }

  /** Sets an entry of one of its maps, in a way that can be taken back. */
  note<K, V>(map: Map<K, V>, key: K, value: V): void {
    const [had, before] = [map.has(key), map.get(key)];
    map.set(key, value);
    this.undo.push(() => {
      if (had) map.set(key, before as V);
      else map.delete(key);
    });
  }

  /** Forgets what was done since the last place between two turns. */
  rewind(): void {
    for (const back of this.undo.splice(0).toReversed()) back();
  }

  /** Once nothing more is read in this part. */
  content(): MemberContent {
    const { actor, status, hasErased } = this;
    const cursor = this.#cursor;
    const maps = {
      channels: [...this.channels],
      timers: [...this.timers],
      open: [...this.open],
    };
    return { actor, status, hasErased, cursor, ...maps };
  }

  async report(): Promise<MemberReport> {
    const { head } = this.source;
    const isOver = this.status === "over";
    const told = await report(this.#run, this.#verifier, { head, isOver });
    const { next: _, ...rest } = told;
    return { actor: this.actor, ...rest };
  }

  async #read(): Promise<SourceEntry | undefined> {
    const known = this.#page.shift();
    if (known !== undefined) return known;
    const { head } = this.source;
    this.#pages ??= this.source.pages(this.#next, head.seq)[Symbol.asyncIterator]();
    const { done, value } = await this.#pages.next();
    if (done === true) return undefined;
    this.#page = [...(value as readonly SourceEntry[])];
    return await this.#read();
  }
}
