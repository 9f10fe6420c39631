// What a turn is given: its message, and the parts of its actor that it works on.

import type { Cause, Failure, MessageKind } from "../../chain/event-types.ts";
import type { Value } from "../../chain/value.ts";
import type { Executor, ModuleSetRef } from "../../executor/executor.ts";
import type { Files } from "../../handlers/filesystem.ts";
import type { Site, SiteTable } from "../../handlers/http-site.ts";
import type { HandlerAnswer, Services } from "../../handlers/handler.ts";
import type { Registry } from "../../handlers/registry.ts";
import type { RecordedCalls } from "../../replay/recorded-turn.ts";
import type { Cell } from "../record/cell.ts";
import type { Blocks } from "../record/content.ts";
import type { MessageKey } from "../mail/idempotency.ts";
import type { TurnMail } from "../mail/turn-mail.ts";
import type { Change, FileTree } from "../files/file-tree.ts";
import type { Journal } from "../record/journal.ts";
import type { Limits } from "../../manifest/limits.ts";
import type { PendingTimers, TimerChange } from "../timers/pending-timers.ts";
import type { SiteRows } from "../web/site-rows.ts";
import type { StreamVisitor } from "../web/stream-visitor.ts";

export interface Message {
  id: string;
  kind: MessageKind;
  /** The export that takes it, `interface#function`. */
  about: string;
  from: Value;
  cause: Cause | null;
  /** The function's arguments behind the state. For `actor#init`: the given state, then the arguments. */
  params: readonly Value[];
  seed: Uint8Array;
  /** Its place in the chain, if it was appended at admission; null: the turn appends it. */
  seq: number | null;
  /** The actors whose turns wait for the answer. */
  waiting: readonly string[];
  /** When the sender stops waiting, ms since the epoch. */
  deadlineMs?: number;
  /** Who waits for its response, where that leaves while the turn runs. Not of a turn that goes on: she has left. */
  visitor?: StreamVisitor;
  /** Under which a repetition finds the end of its turn. */
  key: MessageKey | null;
}

/** What a turn runs on, from its beginning to its end. */
export interface TurnVersion {
  registry: Registry;
  modules: ModuleSetRef;
  limits: Limits;
  grants: Readonly<Record<string, Value>>;
  /** Those of them that the isolate needs. */
  pureGrants: Readonly<Record<string, Value>>;
}

/** What a turn needs of its actor. */
export interface TurnParts extends TurnVersion {
  journal: Journal;
  cell: Cell;
  executor: Executor;
  content: Blocks;
  files: FileTree;
  site: SiteRows;
  mail: TurnMail;
  /** `waiting`: the actors whose turns wait for this one, besides its own. */
  services(turn: TurnActs, waiting: readonly string[]): Services;
  /** Written in the transaction that ends the turn, whatever the end is. */
  onEnd(end: TurnRecord): void;
}

/** What the calls of one turn leave for its commit, and what they may know of it. */
export interface TurnActs {
  readonly turn: number;
  addSend(send: PendingSend): HandlerAnswer;
  readonly timers: PendingTimers;
  readonly mail: TurnMail;
  readonly files: Files;
  /** What the actor serves over HTTP, as this turn sees it. */
  readonly site: Site;
  /** Of the effect that is under way. */
  readonly intent: Intent;
  readonly visitor: StreamVisitor | undefined;
  /** When the turn will be cut, ms since the epoch. */
  readonly endsMs: number;
  /** Whether the turn has still to end. */
  readonly isOpen: boolean;
}

/** An event of this chain, by position and CID. */
export interface Intent {
  seq: number;
  event: Uint8Array;
}

/** An interrupted turn that goes on: what of it is on disk. */
export interface Interrupted extends RecordedCalls {
  turn: number;
  /** How often it was begun again. */
  resumed: number;
}

export interface PendingSend {
  to: string;
  body: Uint8Array;
  /** It goes on this channel; with `close`, a reason, it closes the channel. */
  channel?: { id: string; close: string | null };
}

/** Told of the end of a turn, in its transaction. */
export type EndHook = (turn: number, end: Pick<TurnRecord, "committed" | "failure">) => void;

/** What the transaction that ends a turn has just recorded. */
export interface TurnRecord {
  turn: number;
  /** The event of the end. */
  seq: number;
  committed: boolean;
  /** Seq of the turn's message. */
  message: number;
  /** What the function returned besides the state; null where it did not commit. */
  result: Value;
  /** The turn's clock, ms since the epoch. */
  nowMs: number;
  sends: readonly PendingSend[];
  /** What becomes of the actor's files, by path; empty unless committed. */
  files: ReadonlyMap<string, Change>;
  timers: readonly TimerChange[];
  /** What the actor serves over HTTP from now on; null: as before. */
  site: SiteTable | null;
  /** Why the turn failed; null where it did not. */
  failure: { kind: Failure; code: string } | null;
  /** The argument of `runtime.shutdown` if the guest called it, an option; null: it did not. */
  data: Value;
}
