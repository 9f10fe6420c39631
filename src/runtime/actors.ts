// The runtime as the front door sees it: everything the server may ask, and nothing of how it is done.

import type {
  ChainEntry,
  Comparison,
  Consistency,
  Erasure,
  ErasureInput,
  ActorSummary,
  Answer,
  EventRef,
  HttpInput,
  HttpReply,
  IdempotencyKey,
  LifecycleChange,
  MessageInput,
  SiteRef,
  PastState,
  Reverted,
  RevertInput,
  TilePlace,
  TurnPlace,
} from "./protocol.ts";
import type { ReplayReport } from "../replay/report.ts";
import type { TreeReport } from "../replay/tree-report.ts";
import type { Report } from "../chain/verify.ts";
import type { ChannelUpgrade, Upgraded, UpgradeInput } from "./sockets/upgrade-request.ts";
import type { Health } from "./health.ts";
import type { RehearsalRequest, UpgradeReport, UpgradeRequest } from "./upgrade/upgrades.ts";

export interface StartInput {
  /** TOML text, or the same as a JSON object. */
  manifest: string | Record<string, unknown>;
  /** Overrides the manifest's `init_state`. */
  initState: Uint8Array | null;
  /** What `{{…}}` in the manifest names, besides the keys of an initial state that is a JSON object. */
  variables?: Record<string, unknown>;
  parent: string | null;
  principal: string;
  idempotency?: IdempotencyKey;
}

export interface Started {
  id: string;
  name: string;
  /** "sha256:<hex>". */
  component: string;
  /** The event that ended the first turn. */
  head: EventRef;
}

export interface ForkInput {
  /** The event after which the fork goes on: between two turns. */
  at: number;
  /** "sha256:<hex>" of another component; null: the one that ran then. */
  component: string | null;
  /** Null: the origin's. */
  name: string | null;
  idempotency?: IdempotencyKey;
}

/** `head` is the event that records the state with which the fork begins. */
export interface Forked extends Started {
  origin: { actor: string; seq: number };
}

export interface ComponentSummary {
  component: string;
  bytes: number;
  imports: string[];
  exports: string[];
  /** Whether it can run as an actor, and if not, what it lacks: full sentences. */
  actor: { ready: boolean; lacks: string[] };
  /** CID-free name of the transpiled form: "sha256:<hex>". */
  modules: string;
}

export interface ChainQuery {
  from: number;
  /** Inclusive; null = to the head. */
  to: number | null;
  /** Event types to keep; empty = all. */
  types: string[];
  /** Keeps what is about exactly this, or about a function of this interface. */
  about?: string | undefined;
  /** Keeps what is not before this time, ms… */
  since?: number | undefined;
  /** …and before this one. */
  until?: number | undefined;
  limit: number;
}

export interface Actors {
  upload(bytes: Uint8Array): Promise<Answer<ComponentSummary>>;
  component(digest: string): Promise<Answer<ComponentSummary>>;
  componentWasm(digest: string): Promise<Answer<Uint8Array>>;
  componentWit(digest: string): Promise<Answer<string>>;

  start(input: StartInput): Promise<Answer<Started>>;
  list(query: {
    status: string | null;
    parent: string | null;
    cursor: string | null;
    limit: number;
  }): Promise<Answer<{ actors: ActorListing[]; cursor: string | null }>>;
  inspect(id: string): Promise<Answer<ActorSummary>>;
  manifest(id: string): Promise<Answer<string>>;
  /** `depth`: levels below the actor; as many as fit by default. */
  tree(id: string, depth?: number): Promise<Answer<TreeNode>>;
  state(id: string): Promise<Answer<Uint8Array | null>>;
  /** The state after event `at`. Throws `erased` where what held it is gone. */
  stateAt(id: string, at: number): Promise<Answer<PastState>>;
  turn(id: string, turn: number): Promise<Answer<TurnPlace>>;
  /** Gives birth to an actor that goes on from an event of this one's chain. */
  fork(id: string, input: ForkInput): Promise<Answer<Forked>>;
  /** Restores an earlier state, as a new event, between two turns. */
  revert(id: string, input: RevertInput): Promise<Answer<Reverted>>;

  send(id: string, message: MessageInput): Promise<Answer<{ event: EventRef }>>;
  request(
    id: string,
    message: MessageInput,
  ): Promise<Answer<{ reply: Uint8Array; event: EventRef }>>;
  /** Asks the actor's own HTTP routes. */
  http(id: string, input: HttpInput): Promise<Answer<HttpReply>>;
  /** Opens a WebSocket on one of the actor's paths, or one for a channel. */
  openSocket(id: string, input: UpgradeInput | ChannelUpgrade): Promise<Answer<Upgraded>>;
  /** The actor that has this public name, or id. It may be some seconds ago, unless it is asked `anew`. */
  site(named: string, anew: boolean): Promise<Answer<SiteRef>>;
  lifecycle(
    id: string,
    change: LifecycleChange,
    principal: string,
    /** Idempotency-Key: a repetition changes nothing and gets the same answer. */
    key: string | null,
  ): Promise<Answer<{ status: string; event: EventRef }>>;

  /** Rehearses another version and puts it in force; part by part, where the history is long. */
  upgrade(id: string, asked: UpgradeRequest): Promise<Answer<UpgradeReport>>;
  /** What such an upgrade would compare, and nothing else: a part of it. */
  rehearse(id: string, asked: RehearsalRequest): Promise<Answer<ReplayReport>>;

  head(id: string): Promise<Answer<EventRef>>;
  /** Pages oldest first; includes everything acknowledged at the time of the call. `next` = seq to go on from. */
  chain(
    id: string,
    query: ChainQuery,
  ): Promise<Answer<{ entries: ChainEntry[]; next: number | null }>>;
  /** Deletes payloads for good and records that; all of them or, where one is refused, none. */
  erase(id: string, input: ErasureInput): Promise<Answer<Erasure>>;
  /** A raw block of the actor's own, to which its payloads link. */
  block(id: string, cid: string): Promise<Answer<Uint8Array>>;
  /** Walks ledger, archive and journal, and says where they disagree. */
  check(id: string): Promise<Answer<Comparison>>;
  /** Checks what the ledger holds (not the journal), from genesis to head. */
  verify(id: string): Promise<Answer<Report>>;
  /** Runs the recorded turns again, from genesis or from where an earlier report says `next`. */
  replay(id: string, cursor: string | null): Promise<Answer<ReplayReport>>;
  /** As `replay`, the actor and all below it together: what they said to one another is matched. */
  replayTree(id: string, cursor: string | null): Promise<Answer<TreeReport>>;

  /** The signed note over what the ledger holds. `unsupported` where the log does not sign. */
  checkpoint(id: string): Promise<Answer<string>>;
  /** The proof that event `seq` is in the signed chain, with the event: C2SP tlog-proof. */
  receipt(id: string, seq: number): Promise<Answer<string>>;
  consistency(id: string, from: number, to: number): Promise<Answer<Consistency>>;
  /** The first `width` hashes of a tile of the Merkle tree, 32 bytes each. */
  tile(id: string, tile: TilePlace): Promise<Answer<Uint8Array>>;
  /** The head, as soon as it is behind `after`, or after `waitMs` at the latest. */
  follow(id: string, after: number, waitMs: number): Promise<Answer<EventRef>>;

  /** Content of stores, components and manifests by its CID. */
  content(cid: string): Promise<Answer<Uint8Array>>;
  putContent(
    store: string,
    bytes: Uint8Array,
    label: string | null,
  ): Promise<Answer<{ cid: string; digest: string }>>;
  label(store: string, label: string): Promise<Answer<{ cid: string; digest: string } | null>>;
  setLabel(store: string, label: string, digest: string): Promise<Answer<null>>;
  labels(store: string): Promise<Answer<string[]>>;

  health(): Promise<Health>;
}

/** An actor in the tree of its supervisors. `incarnation`, `starts` and `lastExit` as its supervisor knows them. */
export interface TreeNode {
  /** Null for a child that was not born yet. */
  id: string | null;
  name: string;
  /** Its name under its supervisor; null at the root. */
  child: string | null;
  status: string;
  incarnation: number | null;
  starts: number;
  lastExit: string | null;
  /** Null for an actor that supervises nothing. */
  strategy: string | null;
  /** Whether it has children that are not here: the tree is deeper or larger than one answer. */
  more: boolean;
  children: TreeNode[];
}

export interface ActorListing {
  id: string;
  name: string;
  component: string;
  status: string;
  parent: string | null;
  createdMs: number;
}
