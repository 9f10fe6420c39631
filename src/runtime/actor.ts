// The Durable Object of an actor: a façade. It holds no policy; it finds out whether the actor was born
// and turns whatever happens inside into values.

import { DurableObject } from "cloudflare:workers";
import { actorId } from "../chain/actor-id.ts";
import type { Segment } from "../chain/archive.ts";
import type { LedgerEntry } from "../chain/ledger.ts";
import type { Executor } from "../executor/executor.ts";
import type { Registry } from "../handlers/registry.ts";
import { ensureTheaterError, TheaterError } from "../lib/errors.ts";
import { LabelledStores } from "../store/labels.ts";
import { R2Store } from "../store/r2-store.ts";
import { answer } from "./answers.ts";
import { bear } from "./birth/birth.ts";
import { Births } from "./birth/births.ts";
import { ENDS } from "./control.ts";
import { starterOf } from "./birth/starter-of.ts";
import { callOff } from "./birth/stillborn.ts";
import { Cell } from "./record/cell.ts";
import { Blocks, blocksPrefix } from "./record/content.ts";
import { Directory } from "./directory.ts";
import {
  actorStub,
  logOf,
  pluginsOf,
  sealEventsOf,
  unreachableMsOf,
  settingsOf,
  shardAtBirth,
  shardOf,
  type Environment,
} from "./environment.ts";
import { Life } from "./life.ts";
import type { Wait } from "./mail/wait-cycle.ts";
import { forkPointOf } from "./past/fork-point.ts";
import { branchOf } from "./summary.ts";
import type { MessageKey } from "./mail/idempotency.ts";
import type {
  RehearsalMark,
  UpgradeAnswer,
  UpgradeInput,
  UpgradePurpose,
  UpgradeView,
} from "./upgrade/upgrade-input.ts";
import { rehearsalStart, upgradeView } from "./upgrade/view.ts";
import { readUpgradeRequest, upgradeResponse } from "./sockets/upgrade-request.ts";
import type { Surroundings } from "./surroundings.ts";
import type { Notice, Obeyed, Order } from "./children/orders.ts";
import type {
  ActorRpc,
  ActorStatus,
  ActorSummary,
  Answer,
  BirthInput,
  Branch,
  ChainEntry,
  ChannelAnswer,
  ChannelInput,
  ChildRestart,
  Consistency,
  Delivery,
  Erasure,
  ErasureInput,
  EventRef,
  HttpInput,
  HttpReply,
  ForkPoint,
  LifecycleChange,
  Mark,
  MessageInput,
  Parentage,
  PastState,
  Reverted,
  RevertInput,
  TilePlace,
  TurnPlace,
} from "./protocol.ts";

/** Events of one `journal` answer; RPC carries 32 MiB, and a payload is 1 MiB at most. */
const JOURNAL_PAGE_MAX = 1_000;

export class Actor extends DurableObject<Environment> implements ActorRpc {
  readonly #around: Omit<Surroundings, "ledger" | "checkpoints" | "archive" | "segments">;
  #life: Life | undefined;

  constructor(
    state: DurableObjectState,
    environment: Environment,
    { registry, executor }: { registry: Registry; executor: Executor },
  ) {
    super(state, environment);
    const content = new R2Store(environment.CONTENT);
    const own = new R2Store(environment.CONTENT, blocksPrefix(state.id.name ?? ""));
    const stores = new LabelledStores(environment.LEDGER, content);
    const given = { content, stores, executor, registry, plugins: pluginsOf(environment) };
    this.#around = {
      ...given,
      directory: new Directory(environment.LEDGER),
      blocks: new Blocks(own),
      births: new Births(environment.LEDGER),
      starter: starterOf(environment, given),
      log: logOf(environment),
      sealEvents: sealEventsOf(environment),
      unreachableMs: unreachableMsOf(environment),
      // Every hop is the handler's to judge, and no shared cache may answer for a server.
      fetch: (url, init, signal) =>
        fetch(url, { ...init, signal, redirect: "manual", cache: "no-store" } as RequestInit),
      settings: settingsOf(environment),
      peer: (id) => actorStub(environment, id),
      sockets: state,
    };
    if (this.#isBorn()) this.#wake();
  }

  #isBorn(): boolean {
    const { sql } = this.ctx.storage;
    return sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'event'").toArray().length > 0;
  }

  #wake(): Life {
    const id = this.ctx.id.name;
    if (id === undefined) {
      throw new TheaterError("internal", "an actor's object is found by its name");
    }
    const shard = new Cell(this.ctx.storage.sql).get("shard") ?? 0;
    const { rows: ledger, ...others } = shardOf(this.env, shard);
    this.#life = new Life(this.ctx.storage, id, { ...this.#around, ...others, ledger });
    return this.#life;
  }

  async create(input: BirthInput): Promise<Answer<{ head: EventRef }>> {
    return await answer(async () => {
      const id = actorId(input.genesis);
      if (id !== this.ctx.id.name) {
        throw new TheaterError("internal", "the id is made from the genesis");
      }
      if (this.#life === undefined) {
        await bear(this.ctx.storage, id, input, {
          content: this.#around.blocks,
          shard: shardAtBirth(this.env, id),
        });
        if (this.#life === undefined) this.#wake();
      }
      const life = this.#alive();
      // Beside the first turn, so that a listing that follows the answer shows the actor.
      const listed = life.upkeep.list();
      try {
        return { head: await life.firstTurn() };
      } finally {
        await listed;
        await life.upkeep.list(); // as the first turn left it
      }
    });
  }

  async send(message: MessageInput): Promise<Answer<{ event: EventRef }>> {
    return await answer(async () => ({ event: await this.#alive().admission.send(message) }));
  }

  async request(message: MessageInput): Promise<Answer<{ reply: Uint8Array; event: EventRef }>> {
    return await answer(async () => await this.#alive().admission.request(message));
  }

  async http(input: HttpInput): Promise<Answer<HttpReply>> {
    return await answer(async () => await this.#alive().httpAdmission.take(input));
  }

  /** A WebSocket upgrade, from the front door. */
  override async fetch(request: Request): Promise<Response> {
    return upgradeResponse(
      await answer(async () => {
        return await this.#alive().socketAdmission.open(readUpgradeRequest(request));
      }),
    );
  }

  override async webSocketMessage(socket: WebSocket, data: string | ArrayBuffer): Promise<void> {
    await this.#life?.socketAdmission.message(socket, data);
  }

  override webSocketClose(socket: WebSocket, code: number): void {
    this.#life?.socketAdmission.closed(socket, code);
  }

  override webSocketError(socket: WebSocket): void {
    this.#life?.socketAdmission.closed(socket);
  }

  async deliver(delivery: Delivery): Promise<Answer<null>> {
    return await answer(async () => {
      const { admission, channelAdmission } = this.#alive();
      if (delivery.channel === undefined) await admission.deliver(delivery);
      else await channelAdmission.deliver(delivery);
      return null;
    });
  }

  async waits(callId: string): Promise<Answer<Wait | null>> {
    return await answer(async () => this.#alive().waits(callId));
  }

  async openChannel(input: ChannelInput): Promise<Answer<ChannelAnswer>> {
    return await answer(async () => await this.#alive().channelAdmission.open(input));
  }

  async isBorn(): Promise<Answer<boolean>> {
    return await answer(() => Promise.resolve(this.#life !== undefined));
  }

  async change(
    change: LifecycleChange,
    principal: string,
    key: string | null,
  ): Promise<Answer<{ status: ActorStatus; event: EventRef }>> {
    return await answer(async () => {
      const life = this.#alive();
      const changed = await life.control.change(change, principal, key);
      try {
        await life.upkeep.settle(false);
      } catch (thrown) {
        if (!ENDS.has(change)) throw thrown; // it has ended; what the ledger lacks, or refuses, is the alarm's
      }
      return changed;
    });
  }

  async inspect(): Promise<Answer<ActorSummary>> {
    return await answer(async () => this.#alive().summary());
  }

  async adopt(input: BirthInput): Promise<Answer<{ head: EventRef }>> {
    return await answer(async () => {
      const { family } = this.#alive();
      if (family !== undefined) return await family.adopt(input);
      throw new TheaterError("internal", "only a supervisor adopts");
    });
  }

  async obey(order: Order): Promise<Answer<Obeyed>> {
    return await answer(async () => {
      const id = this.ctx.id.name ?? "";
      if (this.#life === undefined) return callOff(this.ctx.storage, id, order);
      const { family } = this.#life;
      if (family !== undefined) return await family.subordinate.obey(order);
      throw new TheaterError("forbidden", "This actor has no supervisor.");
    });
  }

  async notice(notice: Notice): Promise<Answer<number>> {
    return await answer(async () => {
      const { family } = this.#alive();
      if (family === undefined) throw new TheaterError("not-found", "This actor has no children.");
      await family.keeper.take(notice);
      return family.keeper.state.decisions;
    });
  }

  async restartChild(restart: ChildRestart): Promise<Answer<boolean>> {
    return await answer(
      async () => (await this.#alive().family?.commands.restart(restart)) ?? false,
    );
  }

  async expects(child: string): Promise<Answer<boolean>> {
    return await answer(async () => (await this.#alive().family?.expects(child)) ?? false);
  }

  async parentage(): Promise<Answer<Parentage>> {
    return await answer(async () => this.#alive().parentage());
  }

  async branch(): Promise<Answer<Branch>> {
    return await answer(async () => branchOf(this.#alive()));
  }

  async state(): Promise<Answer<Uint8Array | null>> {
    return await answer(async () => this.#alive().cell.state);
  }

  async stateAt(at: number): Promise<Answer<PastState>> {
    return await answer(async () => await this.#alive().past.stateAt(at));
  }

  async turn(turn: number): Promise<Answer<TurnPlace>> {
    return await answer(async () => await this.#alive().past.turn(turn));
  }

  async upgradeView(key: MessageKey | null, purpose: UpgradePurpose): Promise<Answer<UpgradeView>> {
    return await answer(async () => await upgradeView(this.#alive(), key, purpose));
  }

  async rehearsalStart(from: number): Promise<Answer<Pick<RehearsalMark, "from" | "at">>> {
    return await answer(async () => await rehearsalStart(this.#alive(), from));
  }

  async noteRehearsal(mark: RehearsalMark): Promise<Answer<null>> {
    return await answer(async () => {
      this.#alive().upgrading.note(mark);
      return null;
    });
  }

  async upgrade(input: UpgradeInput): Promise<Answer<UpgradeAnswer>> {
    return await answer(async () => {
      const life = this.#alive();
      const upgraded = await life.upgrading.upgrade(input);
      await life.upkeep.settle(false);
      return upgraded;
    });
  }

  async revert(input: RevertInput): Promise<Answer<Reverted>> {
    return await answer(async () => {
      const life = this.#alive();
      const reverted = await life.reverter.revert(input);
      await life.upkeep.settle(false);
      return reverted;
    });
  }

  async forkPoint(at: number): Promise<Answer<ForkPoint>> {
    return await answer(async () => await forkPointOf(this.#alive(), at));
  }

  async settle(recheck = false): Promise<Answer<Mark>> {
    return await answer(async () => await this.#alive().upkeep.settle(recheck));
  }

  async checkpoint(): Promise<Answer<string>> {
    return await answer(async () => (await this.#alive().upkeep.notary.checkpoint()).note);
  }

  async receipt(seq: number): Promise<Answer<string>> {
    return await answer(async () => await this.#alive().upkeep.notary.receipt(seq));
  }

  async consistency(from: number, to: number): Promise<Answer<Consistency>> {
    return await answer(async () => await this.#alive().upkeep.notary.consistency(from, to));
  }

  async tile(place: TilePlace): Promise<Answer<Uint8Array>> {
    return await answer(async () => await this.#alive().upkeep.notary.tile(place));
  }

  async follow(after: number, waitMs: number): Promise<Answer<EventRef>> {
    return await answer(async () => await this.#alive().follow(after, waitMs));
  }

  async erase(input: ErasureInput): Promise<Answer<Erasure>> {
    return await answer(async () => await this.#alive().upkeep.erase(input));
  }

  async journal(from: number, limit: number): Promise<Answer<ChainEntry[]>> {
    return await answer(async () => {
      return await this.#alive().history.chainEntries(from, Math.min(limit, JOURNAL_PAGE_MAX));
    });
  }

  async kept(from: number, limit: number): Promise<Answer<LedgerEntry[]>> {
    return await answer(async () => {
      return this.#alive().journal.kept(from, Math.min(limit, JOURNAL_PAGE_MAX));
    });
  }

  async segments(): Promise<Answer<{ segments: Segment[]; sealing: number | null }>> {
    return await answer(async () => {
      const { history, cell } = this.#alive();
      return { segments: history.segments, sealing: cell.get("sealing") ?? null };
    });
  }

  async wake(): Promise<Answer<null>> {
    return await answer(async () => {
      await this.#alive().onAlarm();
      return null;
    });
  }

  /** Never throws: six failed tries, and the platform forgets the alarm. */
  override async alarm(): Promise<void> {
    try {
      await this.#life?.onAlarm();
    } catch (thrown) {
      // oxlint-disable-next-line no-console -- the operator's log is all that is left
      console.error("alarm", ensureTheaterError(thrown).message);
    }
  }

  #alive(): Life {
    if (this.#life !== undefined) return this.#life;
    throw new TheaterError("not-found", "There is no actor with this id.");
  }
}
