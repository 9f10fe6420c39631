// The runtime as the Worker holds it: finds actors, gives birth to them, and reads their chains for
// auditors. Keeps nothing of its own; every answer is a value.

import { cidText, digestText, parseCid } from "../chain/cid.ts";
import { Link } from "../chain/value.ts";
import type { ReplayReport } from "../replay/report.ts";
import type { TreeReport } from "../replay/tree-report.ts";
import type { Report } from "../chain/verify.ts";
import type { Executor } from "../executor/executor.ts";
import type { Registry } from "../handlers/registry.ts";
import { TheaterError } from "../lib/errors.ts";
import { R2Store } from "../store/r2-store.ts";
import { LabelledStores } from "../store/labels.ts";
import type { ContentStore } from "../store/store.ts";
import type {
  Actors,
  ActorListing,
  ChainQuery,
  ComponentSummary,
  Forked,
  ForkInput,
  Started,
  StartInput,
  TreeNode,
} from "./actors.ts";
import { answer, reached, settled } from "./answers.ts";
import { AuditReader } from "./record/audit-reader.ts";
import { componentDigest, summarize, type Components } from "./birth/components.ts";
import { blocksPrefix } from "./record/content.ts";
import { Directory } from "./directory.ts";
import { actorStub, pluginsOf, shardOf, type Environment } from "./environment.ts";
import { compare } from "./record/compare.ts";
import { replayActor } from "./record/replayer.ts";
import { replayActors } from "./record/tree-replayer.ts";
import { healthOf, type Health } from "./health.ts";
import type {
  ActorRpc,
  ActorSummary,
  Answer,
  Branch,
  ChainEntry,
  Comparison,
  Consistency,
  Erasure,
  ErasureInput,
  EventRef,
  HttpInput,
  HttpReply,
  LifecycleChange,
  MessageInput,
  SiteRef,
  PastState,
  Reverted,
  RevertInput,
  TilePlace,
  TurnPlace,
} from "./protocol.ts";
import { Births } from "./birth/births.ts";
import { Forker } from "./birth/forker.ts";
import type { Starter } from "./birth/starter.ts";
import { componentsOf, referencesOf, starterOf } from "./birth/starter-of.ts";
import {
  askUpgrade,
  type ChannelUpgrade,
  type Upgraded,
  type UpgradeInput,
} from "./sockets/upgrade-request.ts";
import { treeOf } from "./tree.ts";
import { findSite } from "./web/site-names.ts";
import {
  REHEARSAL_MS,
  Upgrades,
  type RehearsalRequest,
  type UpgradeReport,
  type UpgradeRequest,
} from "./upgrade/upgrades.ts";

export interface TheaterParts {
  environment: Environment;
  content: ContentStore;
  executor: Executor;
  registry: Registry;
  /** How long one call rehearses an upgrade, ms; REHEARSAL_MS by default. */
  rehearsalMs?: number;
}

export class Theater implements Actors {
  readonly #environment: Environment;
  readonly #content: ContentStore;
  readonly #executor: Executor;
  readonly #registry: Registry;
  readonly #stores: LabelledStores;
  readonly #directory: Directory;
  readonly #components: Components;
  readonly #starter: Starter;
  readonly #forker: Forker;
  readonly #audit: AuditReader;
  readonly #upgrades: Upgrades;

  constructor({ environment, content, executor, registry, rehearsalMs }: TheaterParts) {
    this.#registry = registry;
    const plugins = pluginsOf(environment);
    this.#environment = environment;
    this.#content = content;
    this.#executor = executor;
    this.#stores = new LabelledStores(environment.LEDGER, content);
    this.#directory = new Directory(environment.LEDGER);
    const given = { content, stores: this.#stores, executor, registry, plugins };
    this.#components = componentsOf(environment, given);
    this.#starter = starterOf(environment, given, this.#components);
    this.#forker = new Forker({
      starter: this.#starter,
      births: new Births(environment.LEDGER),
      content,
      actor: (id) => this.#actor(id),
    });
    this.#audit = new AuditReader(
      (shard) => shardOf(environment, shard).ledger,
      (id) => this.#actor(id),
    );
    this.#upgrades = new Upgrades({
      ...given,
      audit: this.#audit,
      runMs: rehearsalMs ?? REHEARSAL_MS,
      references: referencesOf(environment, given, this.#components),
      actor: (id) => this.#actor(id),
      blocksOf: (id) => new R2Store(environment.CONTENT, blocksPrefix(id)),
    });
  }

  upload(bytes: Uint8Array): Promise<Answer<ComponentSummary>> {
    return answer(async () => summarize(await this.#components.upload(bytes), this.#registry));
  }

  component(digest: string): Promise<Answer<ComponentSummary>> {
    return answer(async () =>
      summarize(await this.#components.get(componentDigest(digest)), this.#registry),
    );
  }

  componentWasm(digest: string): Promise<Answer<Uint8Array>> {
    return answer(async () => await this.#components.wasm(componentDigest(digest)));
  }

  componentWit(digest: string): Promise<Answer<string>> {
    return answer(async () => await this.#components.wit(componentDigest(digest)));
  }

  start(input: StartInput): Promise<Answer<Started>> {
    return answer(async () => await this.#starter.start(input));
  }

  list(query: {
    status: string | null;
    parent: string | null;
    cursor: string | null;
    limit: number;
  }): Promise<Answer<{ actors: ActorListing[]; cursor: string | null }>> {
    return answer(async () => {
      const { status, parent, cursor, limit } = query;
      const page = await this.#directory.list({
        limit,
        ...(status === null ? {} : { status }),
        ...(parent === null ? {} : { parent }),
        ...(cursor === null ? {} : { cursor }),
      });
      const actors = page.actors.map((entry) => ({
        id: entry.id,
        name: entry.name,
        component: digestText(entry.component),
        status: entry.status,
        parent: entry.parent,
        createdMs: entry.createdMs,
      }));
      return { actors, cursor: page.cursor ?? null };
    });
  }

  inspect(id: string): Promise<Answer<ActorSummary>> {
    return reached(() => this.#actor(id).inspect());
  }

  manifest(id: string): Promise<Answer<string>> {
    return answer(async () => {
      const { manifest } = settled(await reached(() => this.#actor(id).inspect()));
      return new TextDecoder().decode(await this.#contentOf(componentDigest(manifest)));
    });
  }

  tree(id: string, depth?: number): Promise<Answer<TreeNode>> {
    const ask = (one: string): Promise<Answer<Branch>> => reached(() => this.#actor(one).branch());
    return answer(async () => await treeOf(id, ask, depth));
  }

  state(id: string): Promise<Answer<Uint8Array | null>> {
    return reached(() => this.#actor(id).state());
  }

  stateAt(id: string, at: number): Promise<Answer<PastState>> {
    return reached(() => this.#actor(id).stateAt(at));
  }

  turn(id: string, turn: number): Promise<Answer<TurnPlace>> {
    return reached(() => this.#actor(id).turn(turn));
  }

  fork(id: string, input: ForkInput): Promise<Answer<Forked>> {
    return answer(async () => await this.#forker.fork(id, input));
  }

  revert(id: string, input: RevertInput): Promise<Answer<Reverted>> {
    return reached(() => this.#actor(id).revert(input));
  }

  send(id: string, message: MessageInput): Promise<Answer<{ event: EventRef }>> {
    return reached(() => this.#actor(id).send(message));
  }

  request(
    id: string,
    message: MessageInput,
  ): Promise<Answer<{ reply: Uint8Array; event: EventRef }>> {
    return reached(() => this.#actor(id).request(message));
  }

  http(id: string, input: HttpInput): Promise<Answer<HttpReply>> {
    return reached(() => this.#actor(id).http(input));
  }

  openSocket(id: string, input: UpgradeInput | ChannelUpgrade): Promise<Answer<Upgraded>> {
    return reached(() => askUpgrade(this.#actor(id) as unknown as Fetcher, input));
  }

  site(named: string, anew: boolean): Promise<Answer<SiteRef>> {
    return answer(async () => await findSite(this.#directory, named, anew));
  }

  lifecycle(
    id: string,
    change: LifecycleChange,
    principal: string,
    key: string | null,
  ): Promise<Answer<{ status: string; event: EventRef }>> {
    return reached(() => this.#actor(id).change(change, principal, key));
  }

  upgrade(id: string, asked: UpgradeRequest): Promise<Answer<UpgradeReport>> {
    return answer(async () => await this.#upgrades.upgrade(id, asked));
  }

  rehearse(id: string, asked: RehearsalRequest): Promise<Answer<ReplayReport>> {
    return answer(async () => await this.#upgrades.rehearse(id, asked));
  }

  head(id: string): Promise<Answer<EventRef>> {
    return answer(async () => await this.#audit.head(id));
  }

  chain(
    id: string,
    query: ChainQuery,
  ): Promise<Answer<{ entries: ChainEntry[]; next: number | null }>> {
    return answer(async () => await this.#audit.page(id, query));
  }

  verify(id: string): Promise<Answer<Report>> {
    return answer(async () => await this.#audit.verify(id));
  }

  replay(id: string, cursor: string | null): Promise<Answer<ReplayReport>> {
    const content = this.#content;
    const blocks = new R2Store(this.#environment.CONTENT, blocksPrefix(id));
    const [audit, executor, registry] = [this.#audit, this.#executor, this.#registry];
    const parts = { audit, executor, registry, content, blocks };
    return answer(async () => await replayActor(id, cursor, parts));
  }

  replayTree(id: string, cursor: string | null): Promise<Answer<TreeReport>> {
    const content = this.#content;
    const [audit, executor, registry] = [this.#audit, this.#executor, this.#registry];
    const blocksOf = (actor: string): ContentStore =>
      new R2Store(this.#environment.CONTENT, blocksPrefix(actor));
    const tree = async (root: string): Promise<TreeNode> => settled(await this.tree(root));
    const parts = { audit, executor, registry, content, blocksOf, tree };
    return answer(async () => await replayActors(id, cursor, parts));
  }

  check(id: string): Promise<Answer<Comparison>> {
    return answer(async () => {
      return await compare(id, this.#actor(id), (shard) => shardOf(this.#environment, shard));
    });
  }

  checkpoint(id: string): Promise<Answer<string>> {
    return reached(() => this.#actor(id).checkpoint());
  }

  receipt(id: string, seq: number): Promise<Answer<string>> {
    return reached(() => this.#actor(id).receipt(seq));
  }

  consistency(id: string, from: number, to: number): Promise<Answer<Consistency>> {
    return reached(() => this.#actor(id).consistency(from, to));
  }

  tile(id: string, place: TilePlace): Promise<Answer<Uint8Array>> {
    return reached(() => this.#actor(id).tile(place));
  }

  follow(id: string, after: number, waitMs: number): Promise<Answer<EventRef>> {
    return reached(() => this.#actor(id).follow(after, waitMs));
  }

  erase(id: string, input: ErasureInput): Promise<Answer<Erasure>> {
    return reached(() => this.#actor(id).erase(input));
  }

  block(id: string, cid: string): Promise<Answer<Uint8Array>> {
    return answer(async () => {
      const own = new R2Store(this.#environment.CONTENT, blocksPrefix(id));
      const bytes = await own.get(parseCid(cid).digest);
      if (bytes !== null) return bytes;
      const message = "The actor has no such block: it never had, or it was erased.";
      throw new TheaterError("not-found", message);
    });
  }

  content(cid: string): Promise<Answer<Uint8Array>> {
    return answer(async () => await this.#contentOf(parseCid(cid).digest));
  }

  async #contentOf(digest: Uint8Array): Promise<Uint8Array> {
    const bytes = await this.#content.get(digest);
    if (bytes === null) {
      throw new TheaterError("not-found", `There is no content ${digestText(digest)}.`);
    }
    return bytes;
  }

  putContent(
    store: string,
    bytes: Uint8Array,
    label: string | null,
  ): Promise<Answer<{ cid: string; digest: string }>> {
    return answer(async () => {
      if ((await this.#stores.owner(store)) === undefined) await this.#stores.create(store, "");
      const digest =
        label === null
          ? await this.#stores.put(store, bytes)
          : await this.#stores.putAtLabel(store, label, bytes);
      return named(digest);
    });
  }

  label(store: string, label: string): Promise<Answer<{ cid: string; digest: string } | null>> {
    return answer(async () => {
      const digest = await this.#stores.getByLabel(store, label);
      return digest === undefined ? null : named(digest);
    });
  }

  setLabel(store: string, label: string, digest: string): Promise<Answer<null>> {
    return answer(async () => {
      await this.#stores.label(store, label, componentDigest(digest));
      return null;
    });
  }

  labels(store: string): Promise<Answer<string[]>> {
    return answer(async () => await this.#stores.listLabels(store));
  }

  health(): Promise<Health> {
    return healthOf(this.#environment, this.#executor.bundled);
  }

  #actor(id: string): ActorRpc {
    return actorStub(this.#environment, id);
  }
}

function named(digest: Uint8Array): { cid: string; digest: string } {
  return { cid: cidText(new Link("raw", digest)), digest: digestText(digest) };
}
