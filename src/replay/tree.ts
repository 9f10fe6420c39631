// The actors of a tree, and what is between them, while they are replayed together.

import type { ChainReplayParts } from "./replay-chain.ts";
import type { ReplaySource } from "./source.ts";
import { Member, type MemberContent } from "./tree-member.ts";
import { MISMATCHES_MAX, type LinkCounts, type Mismatch } from "./tree-report.ts";
import { Wire, type WireContent } from "./tree-wire.ts";
import type { TurnEvents } from "./turns.ts";
import type { Did } from "./verdict.ts";

/** Actors of one replay: of each a page of its chain and its state are in memory. */
const TREE_ACTORS_MAX = 100;

export interface TreeParts extends Pick<ChainReplayParts, "executor" | "functions"> {
  /** Where an actor's chain is; undefined for one that is not there. */
  source: (actor: string) => Promise<ReplaySource | undefined>;
  /** The seq of an actor's head by now: it may have gone on since its source was made. */
  newest: (actor: string) => Promise<number>;
}

/** What goes into a cursor. */
export interface TreeContent {
  members: MemberContent[];
  wire: WireContent;
  more: boolean;
}

export interface EndedTurn {
  turn: TurnEvents;
  did: Did | undefined;
}

export class Tree {
  readonly #parts: TreeParts;
  readonly members = new Map<string, Member>();
  readonly wire: Wire;
  readonly links: LinkCounts = { matched: 0, outside: 0, erased: 0, unchecked: 0 };
  readonly mismatches: Mismatch[] = [];
  /** How many there are, those that are not named included. */
  mismatched = 0;
  more: boolean;
  /** How often a chain came to a place between two turns. */
  settled = 0;
  /** The turn that ended with the event that was taken last. */
  endedTurn: EndedTurn | undefined;

  constructor(parts: TreeParts, content?: TreeContent) {
    this.#parts = parts;
    this.wire = new Wire(content?.wire);
    this.more = content?.more ?? false;
  }

  async open(content: readonly MemberContent[]): Promise<void> {
    for (const each of content) await this.#open(each);
  }

  /** One more actor; those that are there already, and those that are nowhere, change nothing. */
  async add(actor: string): Promise<void> {
    if (this.members.has(actor)) return;
    if (this.members.size >= TREE_ACTORS_MAX) {
      this.more = true;
      return;
    }
    const maps = { channels: [], timers: [], open: [] };
    await this.#open({ actor, cursor: null, status: "live", hasErased: false, ...maps });
  }

  async newest(actor: string): Promise<number> {
    return await this.#parts.newest(actor);
  }

  /** Counts a link of the member's, until it goes back to before it. */
  count(member: Member, what: keyof LinkCounts): void {
    this.links[what]++;
    member.undo.push(() => this.links[what]--);
  }

  report(member: Member, mismatch: Mismatch): void {
    this.mismatched++;
    if (this.mismatches.length < MISMATCHES_MAX) this.mismatches.push(mismatch);
    member.undo.push(() => {
      this.mismatched--;
      const at = this.mismatches.indexOf(mismatch);
      if (at >= 0) this.mismatches.splice(at, 1);
    });
  }

  content(): TreeContent {
    const members = [...this.members.values()].map((member) => member.content());
    return { members, wire: this.wire.content, more: this.more };
  }

  async #open(content: MemberContent): Promise<void> {
    const source = await this.#parts.source(content.actor);
    if (source === undefined) return;
    const { executor, functions } = this.#parts;
    const onTurn = (turn: TurnEvents, did: Did | undefined): void => {
      this.endedTurn = { turn, did };
    };
    const member = await Member.at({ source, executor, functions, onTurn }, content);
    this.members.set(content.actor, member);
  }
}
