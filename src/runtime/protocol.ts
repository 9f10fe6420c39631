// What an actor's Durable Object answers over RPC. Rule: outcomes are values, never exceptions. The
// output gate holds RPC results until writes are on disk, but it does not hold exceptions (measured on
// workerd 1.20261102), so a throw can only mean "nothing was recorded".

import type { Segment } from "../chain/archive.ts";
import type { LedgerEntry } from "../chain/ledger.ts";
import type { Change, Status } from "../supervision/lifecycle.ts";
import type { MessageKey } from "./mail/idempotency.ts";
import type {
  RehearsalMark,
  UpgradeAnswer,
  UpgradeInput,
  UpgradePurpose,
  UpgradeView,
} from "./upgrade/upgrade-input.ts";
import type { Notice, Obeyed, Order } from "./children/orders.ts";
import type { ErrorCode } from "../lib/errors.ts";
import type { Wait } from "./mail/wait-cycle.ts";

/** A position in a chain: what the `Theater-Event` header says as `<seq>:<cid>`. */
export interface EventRef {
  seq: number;
  /** The text form, "b…". */
  cid: string;
}

/** A refusal or failure as a value. `event` is where the chain records it, if it does. */
export interface Refusal {
  code: ErrorCode;
  message: string;
  evidence?: Record<string, unknown>;
  event?: EventRef;
}

export type Answer<T> = { ok: true; value: T } | { ok: false; error: Refusal };

export type ActorStatus = Status;

/** What `GET /v1/actors/:id` shows. Times are ms since the epoch; digests are "sha256:<hex>". */
export interface ActorSummary {
  id: string;
  name: string;
  component: string;
  manifest: string;
  status: ActorStatus;
  parent: string | null;
  /** Types of the handlers that it is granted. */
  handlers: readonly string[];
  /** Of a fork: the actor and the event that it goes on from. */
  origin: { actor: string; seq: number } | null;
  head: EventRef;
  /** Highest seq that the ledger has acknowledged; -1 before the first. */
  ledgerSeq: number;
  turns: number;
  /** Messages accepted and not yet run. */
  mailbox: number;
  stateBytes: number | null;
  createdMs: number;
}

/** Retry protection for one message; the same key with another body is refused. */
export interface IdempotencyKey {
  principal: string;
  key: string;
}

export interface MessageInput {
  body: Uint8Array;
  /** Who sends it: "external" or an actor id. */
  from: string;
  idempotency?: IdempotencyKey;
  /** When the sender stops waiting, ms since the epoch. */
  deadlineMs?: number;
  /** The actors whose turns wait for the answer, the first sender first. */
  waiting?: readonly string[];
  /** For a message of an actor: the event of its chain that the message comes from. */
  cause?: { seq: number; event: Uint8Array };
}

/** An HTTP request for an actor's own routes. */
export interface HttpInput {
  /** In capitals. */
  method: string;
  /** As it stands in the URL, below where the actor's routes begin; with a slash in front. */
  path: string;
  /** With its question mark; empty without one. */
  query: string;
  headers: readonly (readonly [name: string, value: string])[];
  /** Where the visitor is: `prefix` stands in front of `path`, and has no slash at its end. */
  forwarded: { host: string; proto: string; prefix: string };
  body: Uint8Array;
  /** Whose token it came with; "public" without one. */
  principal: string;
  idempotency?: IdempotencyKey;
}

export interface WholeReply {
  status: number;
  headers: readonly (readonly [name: string, value: string])[];
  body: Uint8Array | null;
  /** Whether it is to leave in chunks. */
  isChunked: boolean;
  event: EventRef;
}

/** `body` is a stream where the turn goes on while the response leaves; `event` is then the one that began it. */
export type HttpReply = WholeReply | (Omit<WholeReply, "body"> & { body: ReadableStream });

/** An actor that serves HTTP, as the directory knows it. */
export interface SiteRef {
  id: string;
  /** Whether everybody may ask. The actor itself has the last word. */
  isPublic: boolean;
}

/** A disagreement between the ledger (D1), the archive (R2) and the journal (the object). */
export interface Finding {
  seq: number;
  where: "ledger" | "archive" | "journal";
  /** A sentence. */
  what: string;
}

export interface Comparison {
  actor: string;
  head: EventRef;
  /** How many events were compared. */
  events: number;
  findings: Finding[];
  /** Whether there are more findings than are listed. */
  more: boolean;
}

/** One event as the audit routes show it; `payload` is null where it was erased. */
export interface ChainEntry {
  seq: number;
  cid: string;
  block: Uint8Array;
  payload: Uint8Array | null;
}

/** What the object needs to be born. The id is derived from `genesis`, so a repetition is harmless. */
export interface BirthInput {
  /** The block of the `actor.created` payload. */
  genesis: Uint8Array;
  initState: Uint8Array | null;
  createdMs: number;
  /** Of a child: which start this is, by its supervisor's count. */
  incarnation?: number;
  /** Whether it begins with `initState` as it is, without init. */
  asIs?: boolean;
}

/** An operator, `by`, wants a child started again. */
export interface ChildRestart {
  child: string;
  by: string;
}

/** What an actor is as a parent: everything that limits its children. */
export interface Parentage {
  /** The block of its `actor.created` payload, from which its id is made. */
  genesis: Uint8Array;
  /** The payload of the `actor.upgraded` in force; null where genesis is. */
  upgrade: Uint8Array | null;
  head: { seq: number; digest: Uint8Array };
  status: ActorStatus;
}

/** An actor and its children, as its own object knows them. */
export interface Branch {
  name: string;
  status: ActorStatus;
  /** Null where it has no children that it would start again. */
  strategy: string | null;
  /** In start order. */
  children: BranchChild[];
}

export interface BranchChild {
  /** What its supervisor calls it. */
  name: string;
  /** Null before its first birth. */
  actor: string | null;
  /** `waiting` for its start; `restarting`: its start failed and is tried again. */
  status: "running" | "waiting" | "restarting" | "stopped";
  /** The number of the decision that started it; null before the first. */
  incarnation: number | null;
  /** Starts that were decided, births included. */
  starts: number;
  /** Why it last ended: a kind of exit; null where it never did. */
  lastExit: string | null;
}

/** A send as it travels between actors: `n` counts the messages of this pair, from 1. */
export interface Delivery {
  from: string;
  n: number;
  /** The event of the sender's chain that this message comes from. */
  cause: { seq: number; event: Uint8Array };
  body: Uint8Array;
  /** It is on this channel; with `close`, a reason, it closes the channel and has no body. */
  channel?: { id: string; close: string | null };
}

/** Somebody wants to open a channel, under an id of its own making that nobody else makes. */
export interface ChannelInput extends MessageInput {
  channel: string;
  idempotency: IdempotencyKey;
}

export interface ChannelAnswer {
  accepted: boolean;
  /** What the guest said with it. */
  message: Uint8Array | null;
  /** Where the chain records the decision. */
  event: EventRef;
}

/** A consistency proof of RFC 9162 as JSON. */
export interface Consistency {
  /** Sizes of the two trees. */
  from: number;
  to: number;
  /** Base64 of 32 bytes each. */
  hashes: string[];
}

/** A tile of C2SP tlog-tiles. */
export interface TilePlace {
  level: number;
  index: number;
  /** Hashes wanted, 1 to 256. */
  width: number;
}

/** Payloads of one erasure: each costs the actor a few statements, in one step. */
export const ERASED_MAX = 1_000;

/** Payloads to erase, 1 to ERASED_MAX. `reason` and `by`, a principal, are recorded and stay. */
export interface ErasureInput {
  seqs: readonly number[];
  reason: string;
  by: string;
}

export interface Erasure {
  /** The `payload.erased`. */
  event: EventRef;
  /** Whether the bytes are gone from D1 and R2 too; if not, the actor goes on until they are. */
  complete: boolean;
}

/** The state after an event, and the event that recorded it; null: it was none from the beginning on. */
export interface PastState {
  state: Uint8Array | null;
  event: EventRef | null;
}

/** All that a fork needs to know of its origin: what stands there, and what was then. */
export interface ForkPoint {
  /** The block of the origin's `actor.created` payload. */
  genesis: Uint8Array;
  /** The block of the newest `actor.upgraded` payload until then; null where there was none. */
  upgraded: Uint8Array | null;
  /** The digest of the event. */
  event: Uint8Array;
  /** Of a tree over the chain that has the event in it; the root is null where the log does not sign. */
  size: number;
  root: Uint8Array | null;
  state: Uint8Array | null;
}

/** Turns of one revert; further back, the event is to be named. */
export const REVERT_TURNS_MAX = 1_000;

/** Either `turns`, 1 to REVERT_TURNS_MAX, is given or `to`, an event. The reason is recorded. */
export type RevertInput = {
  reason: string;
  principal: string;
  /** Idempotency-Key. */
  key: string | null;
} & ({ turns: number; to: null } | { turns: null; to: number });

export interface Reverted {
  /** The `actor.reverted`. */
  event: EventRef;
  /** The event after which the actor had the state that it has again. */
  toSeq: number;
  /** Null: the state is none. */
  stateBytes: number | null;
}

/** Where a turn stands in the chain. Between `from` and `to` there may be events of no turn. */
export interface TurnPlace {
  turn: number;
  /** Seq of its message, which may have come long before; null where what says it was erased. */
  message: number | null;
  from: number;
  /** Its last event so far. */
  to: number;
  /** Null while it is open. */
  end: "turn.committed" | "turn.refused" | "turn.failed" | null;
}

/** Where a chain is, which shard of the ledger has it, and how far. */
export interface Mark {
  head: EventRef;
  ledgerSeq: number;
  shard: number;
}

/** The RPC methods of an actor's object. `not-found` where there was no birth. */
export interface ActorRpc {
  create(input: BirthInput): Promise<Answer<{ head: EventRef }>>;
  /** Gives birth to an actor that an operator starts under this one. Throws what `create` throws. */
  adopt(input: BirthInput): Promise<Answer<{ head: EventRef }>>;
  /** From its supervisor alone. */
  obey(order: Order): Promise<Answer<Obeyed>>;
  /** From a child of it. How many decisions it has made by then. */
  notice(notice: Notice): Promise<Answer<number>>;
  /** From a child of it, which is down; see `Commands`. */
  restartChild(restart: ChildRestart): Promise<Answer<boolean>>;
  /** Whether this actor, or one above it, means the child to run: it is going to be started if it does not. */
  expects(child: string): Promise<Answer<boolean>>;
  send(message: MessageInput): Promise<Answer<{ event: EventRef }>>;
  request(message: MessageInput): Promise<Answer<{ reply: Uint8Array; event: EventRef }>>;
  /** Waits for the turns of the request. */
  http(input: HttpInput): Promise<Answer<HttpReply>>;
  deliver(delivery: Delivery): Promise<Answer<null>>;
  /** For whom the actor's turn waits while it has the request `callId` of another; null where either is not so. */
  waits(callId: string): Promise<Answer<Wait | null>>;
  /** Waits for the decision of the guest. */
  openChannel(input: ChannelInput): Promise<Answer<ChannelAnswer>>;
  /** Whether there is an actor of this id, whatever became of it. Leaves nothing behind. */
  isBorn(): Promise<Answer<boolean>>;
  change(
    change: LifecycleChange,
    principal: string,
    key: string | null,
  ): Promise<Answer<{ status: ActorStatus; event: EventRef }>>;
  inspect(): Promise<Answer<ActorSummary>>;
  parentage(): Promise<Answer<Parentage>>;
  branch(): Promise<Answer<Branch>>;
  state(): Promise<Answer<Uint8Array | null>>;
  /** The state after event `at`: see Past. */
  stateAt(at: number): Promise<Answer<PastState>>;
  turn(turn: number): Promise<Answer<TurnPlace>>;
  revert(input: RevertInput): Promise<Answer<Reverted>>;
  /** What an upgrade is prepared from. `key`: where it is known, that upgrade has been made. */
  upgradeView(key: MessageKey | null, purpose: UpgradePurpose): Promise<Answer<UpgradeView>>;
  /** Where a rehearsal from event `from` on begins: between two turns. */
  rehearsalStart(from: number): Promise<Answer<Pick<RehearsalMark, "from" | "at">>>;
  noteRehearsal(mark: RehearsalMark): Promise<Answer<null>>;
  upgrade(input: UpgradeInput): Promise<Answer<UpgradeAnswer>>;
  /**
   * Throws `not-found` behind the head, `wrong-state` inside a turn or before the actor had begun, `erased` where the
   * state of then is gone.
   */
  forkPoint(at: number): Promise<Answer<ForkPoint>>;
  /**
   * Feeds the ledger up to the head, if it can, and says where head and ledger are. `recheck`: first asks
   * the ledger whether it still has what it acknowledged.
   */
  settle(recheck?: boolean): Promise<Answer<Mark>>;
  /** Does what the object's alarm does. */
  wake(): Promise<Answer<null>>;
  /** See `Actors`. */
  checkpoint(): Promise<Answer<string>>;
  receipt(seq: number): Promise<Answer<string>>;
  consistency(from: number, to: number): Promise<Answer<Consistency>>;
  tile(place: TilePlace): Promise<Answer<Uint8Array>>;
  follow(after: number, waitMs: number): Promise<Answer<EventRef>>;
  erase(input: ErasureInput): Promise<Answer<Erasure>>;
  /** The rows of the journal itself, for comparing: sealed ones are mostly gone. */
  kept(from: number, limit: number): Promise<Answer<LedgerEntry[]>>;
  /** The segments that D1 should know too, and where the run ends that is being sealed now. */
  segments(): Promise<Answer<{ segments: Segment[]; sealing: number | null }>>;
  /** Events of the object's own, sealed or not, oldest first. */
  journal(from: number, limit: number): Promise<Answer<ChainEntry[]>>;
}

export type LifecycleChange = Exclude<Change, "fail" | "end">;
