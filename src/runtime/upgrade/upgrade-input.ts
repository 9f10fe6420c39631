// What an upgrade is asked with and answers: the values that cross between the Worker, which works out what is to
// run and rehearses it, and the actor's object, which alone puts it in force.

import type { Runtime } from "../../chain/event-types.ts";
import { readCursor } from "../../replay/place.ts";
import type { EventRef } from "../protocol.ts";
import type { MessageKey } from "../mail/idempotency.ts";
import type { Version } from "./version.ts";

export interface TurnCounts {
  agreed: number;
  cut: number;
  erased: number;
}

/** How far a rehearsal is. Kept in the object, so that nobody but us says what was compared. */
export interface RehearsalMark {
  /** Names what is rehearsed: another version, or another beginning, is another rehearsal. */
  plan: string;
  /** The first event of it. */
  from: number;
  /** The cursor of the place where it goes on; null: it has not begun, and begins at the genesis. */
  at: string | null;
  turns: TurnCounts;
}

/** How a rehearsal ended, as the chain keeps it. */
export interface Rehearsed {
  /** The first event and the last one that were compared; `to` is `from - 1` where there was none. */
  from: number;
  to: number;
  turns: TurnCounts;
  /** diverged: at an event that was accepted. */
  verdict: "agreed" | "diverged";
}

/** Somebody wants the new version although it would have done something else at event `seq`. */
export interface Acceptance {
  by: string;
  reason: string;
  seq: number;
}

export interface UpgradeInput {
  version: Omit<Version, "seq">;
  runtime: Runtime;
  /** The event of the version that it was worked out against: another one in force since, and nothing happens. */
  replaces: number;
  by: string;
  key: MessageKey | null;
  mark: RehearsalMark;
  /** Null: the rehearsal agreed as far as `mark` goes, and the object rehearses the rest. */
  accepted: Acceptance | null;
  /** Whether the version before comes back: then its `migrate` is not asked, and a state that was migrated is restored. */
  isRollback: boolean;
}

export interface Upgraded {
  /** The `actor.upgraded`. */
  event: EventRef;
  rehearsal: Rehearsed;
  accepted: Acceptance | null;
}

/** `behind`: more has happened than the object rehearses while its line stands still. Go on from the mark. */
export type UpgradeAnswer = { upgraded: Upgraded } | { behind: RehearsalMark };

/** Whoever only looks may look at any actor. */
export type UpgradePurpose = "upgrade" | "rollback" | "look";

/** What the next upgrade has to know of the actor. */
export interface UpgradeView {
  /** Blocks of the `actor.created` payload, and of the `actor.upgraded` in force; null: genesis is. */
  genesis: Uint8Array;
  upgrade: Uint8Array | null;
  /** The event of the version in force. */
  version: number;
  /** The seq of the newest event. */
  head: number;
  /** The newest `actor.migrated`; null: states have had one form all along. */
  migrated: number | null;
  /** The rehearsal that is under way. */
  mark: RehearsalMark | null;
  /** For a rollback: the state that it restores, null where it leaves the state as it is. */
  back: { state: Uint8Array | null } | null;
  /** What the same key did before, and the digest of the component. */
  done: (Upgraded & { component: Uint8Array }) | null;
}

export function addTurns(one: TurnCounts, other: TurnCounts): TurnCounts {
  return {
    agreed: one.agreed + other.agreed,
    cut: one.cut + other.cut,
    erased: one.erased + other.erased,
  };
}

/** What a rehearsal compared that ended at its mark, or at the event that was accepted. */
export function rehearsedBy(
  { from, at, turns }: RehearsalMark,
  accepted: Acceptance | null,
): Rehearsed {
  const next = at === null ? from : readCursor(at).seq;
  const to = accepted === null ? next - 1 : accepted.seq;
  return { from, to, turns, verdict: accepted === null ? "agreed" : "diverged" };
}
