// A born actor: its parts, wired together at every wake-up of its object. It admits messages, answers
// questions and repairs what the last life left open; the turns themselves are the runner's.

import { Secrets } from "../handlers/secrets.ts";
import { assert, TheaterError } from "../lib/errors.ts";
import { Alarm, LINE_MS_MAX, within } from "./alarm.ts";
import type { Admission } from "./mail/admission.ts";
import type { ChannelAdmission } from "./mail/channel-admission.ts";
import { Control } from "./control.ts";
import { Cell } from "./record/cell.ts";
import { Followers } from "./record/followers.ts";
import { Family, hasFamily } from "./children/family.ts";
import { FileTree } from "./files/file-tree.ts";
import { readGenesis, type Genesis } from "./birth/genesis.ts";
import { History } from "./record/history.ts";
import { Idempotency } from "./mail/idempotency.ts";
import { Journal } from "./record/journal.ts";
import type { Wait } from "./mail/wait-cycle.ts";
import { Mailbox } from "./mail/mailbox.ts";
import { Mail } from "./mail/mail.ts";
import type { ActorSummary, EventRef, Parentage, Refusal } from "./protocol.ts";
import { Past } from "./past/past.ts";
import { Reverter } from "./past/reverter.ts";
import { Runner } from "./turn/runner.ts";
import type { Surroundings } from "./surroundings.ts";
import { servicesFor } from "./turn/services.ts";
import { turnVersions } from "./upgrade/turn-version.ts";
import { Upgrading } from "./upgrade/upgrading.ts";
import { CurrentVersion } from "./upgrade/version.ts";
import { Timers } from "./timers/timers.ts";
import { Upkeep } from "./upkeep.ts";
import { HttpAdmission } from "./web/http-admission.ts";
import { SiteRows } from "./web/site-rows.ts";
import { Connections } from "./sockets/connections.ts";
import { SocketAdmission } from "./sockets/socket-admission.ts";
import { summaryOf } from "./summary.ts";

/** The actor.started of a birth. */
const STARTED = 1;

export class Life {
  readonly id: string;
  readonly journal: Journal;
  readonly history: History;
  readonly past: Past;
  readonly reverter: Reverter;
  readonly upgrading: Upgrading;
  readonly cell: Cell;
  readonly admission: Admission;
  readonly channelAdmission: ChannelAdmission;
  readonly httpAdmission: HttpAdmission;
  readonly socketAdmission: SocketAdmission;
  readonly control: Control;
  readonly genesis: Genesis;
  readonly version: CurrentVersion;
  readonly upkeep: Upkeep;
  readonly #sql: SqlStorage;
  readonly #genesisBlock: Uint8Array;
  readonly #around: Surroundings;
  readonly #mailbox: Mailbox;
  readonly #mail: Mail;
  readonly #idempotency: Idempotency;
  readonly #runner: Runner;
  readonly #followers = new Followers();
  readonly #alarm: Alarm;
  readonly #timers: Timers;
  readonly #site: SiteRows;
  readonly #connections: Connections;
  /** Undefined for an actor that has no supervisor and can have no children. */
  readonly family: Family | undefined;

  constructor(storage: DurableObjectStorage, id: string, around: Surroundings) {
    const { sql } = storage;
    this.id = id;
    this.#sql = sql;
    this.#around = around;
    this.journal = new Journal(storage, id);
    this.journal.open();
    this.cell = new Cell(sql);
    this.#alarm = this.#makeAlarm(storage);
    this.history = new History(sql, this.journal, around.archive);
    const { journal, history } = this;
    this.past = new Past({ sql, journal, history, blocks: around.blocks });
    const [entry] = this.journal.entries(0, 1);
    assert(entry?.payload.block != null, "a genesis payload is never erased");
    this.#genesisBlock = entry.payload.block;
    this.genesis = readGenesis(entry.payload.block);
    this.version = new CurrentVersion(this);
    this.#mailbox = new Mailbox(sql);
    this.#idempotency = new Idempotency(sql);
    this.#mail = this.#makeMail(sql);
    this.#timers = this.#makeTimers(sql);
    this.#site = new SiteRows(sql);
    this.#connections = this.#makeConnections(sql);
    this.family = this.#makeFamily();
    this.upkeep = new Upkeep({
      ...this.#records(),
      around,
      sql,
      outbox: this.#mail.outbox,
      genesis: this.genesis,
      version: this.version,
      timerMs: () => this.#timerMs(),
      onFork: (error) => this.#onFork(error),
    });
    this.#runner = this.#makeRunner();
    this.upkeep.feeder.isTurning = () => this.#runner.isTurning;
    this.control = new Control({
      ...this.#records(),
      family: this.family,
      feeder: this.upkeep.feeder,
      runner: this.#runner,
    });
    this.upgrading = new Upgrading({
      ...around,
      ...this.#records(),
      sql,
      past: this.past,
      version: this.version,
      feeder: this.upkeep.feeder,
      runner: this.#runner,
      relist: () => this.upkeep.relist(),
    });
    this.reverter = new Reverter({
      ...this.#records(),
      sql,
      past: this.past,
      genesis: this.genesis,
      version: this.version,
      blocks: around.blocks,
      feeder: this.upkeep.feeder,
      runner: this.#runner,
    });
    const { admission, channelAdmission } = this.#makeAdmissions();
    this.admission = admission;
    this.channelAdmission = channelAdmission;
    this.httpAdmission = this.#makeHttpAdmission();
    this.socketAdmission = this.#makeSocketAdmission();
    this.#open();
  }

  /** Takes up what the last life left. */
  #open(): void {
    const forked = this.cell.get("forked");
    if (forked !== undefined) this.upkeep.feeder.stayForked(forked);
    this.journal.onAppend = () => {
      this.#arm();
      this.#followers.wake();
    };
    this.journal.onUndone = () => {
      this.#alarm.forget();
      this.cell.forget();
      this.#timers.forget();
      this.#site.forget();
      this.#connections.forget();
      this.#mail.forget();
      this.family?.forget();
    };
    this.#mailbox.open(this.journal);
    this.#connections.sweep();
    this.family?.open();
    void this.#alarm.open().catch(() => undefined); // storage that does not answer ends this life
    this.#runner.start();
    this.upkeep.feeder.poke();
  }

  #makeAlarm(storage: DurableObjectStorage): Alarm {
    const isPending = (): boolean =>
      (this.cell.status === "running" && this.#mailbox.holdsSends) ||
      this.cell.get("openTurn") != null ||
      this.#mail.outbox.nextDueMs() !== undefined ||
      this.upkeep.isPending ||
      this.family?.isPending === true;
    const timerMs = (): number | undefined => {
      const wakes = [this.#timerMs(), this.#mail.deferred.nextDueMs, this.family?.wakeMs];
      const dueMs = Math.min(...wakes.map((ms) => ms ?? Infinity));
      return dueMs === Infinity ? undefined : dueMs;
    };
    return new Alarm({ storage, isPending, timerMs });
  }

  #makeFamily(): Family | undefined {
    const { genesis } = this;
    if (!hasFamily(genesis)) return undefined;
    const { deadlocks } = this.#mail;
    const { version } = this;
    const given = { ...this.#records(), sql: this.#sql, genesis, version, deadlocks };
    return new Family({ ...this.#around, ...given, runner: () => this.#runner });
  }

  #makeTimers(sql: SqlStorage): Timers {
    const room = (): number => this.admission.room;
    return new Timers({ ...this.#records(), sql, room });
  }

  /** When the earliest timer is due, ms since the epoch. The timers of an actor that does not run wait. */
  #timerMs(): number | undefined {
    const { nextDueMs } = this.#timers;
    return nextDueMs === undefined || this.cell.status !== "running" ? undefined : nextDueMs;
  }

  #records() {
    return {
      journal: this.journal,
      history: this.history,
      cell: this.cell,
      mailbox: this.#mailbox,
      idempotency: this.#idempotency,
    };
  }

  #makeMail(sql: SqlStorage): Mail {
    const { peer } = this.#around;
    const onFork = ({ message }: Refusal): void => {
      this.upkeep.feeder.stayForked(message);
      const fail = (): void => this.#onFork(new TheaterError("chain-fork", message));
      void this.#runner.between(fail, "set-back").catch(() => undefined); // repeated by what found it
    };
    return new Mail({ ...this.#records(), sql, peer, onFork, run: () => this.#runner.start() });
  }

  #makeAdmissions(): ReturnType<Mail["admissions"]> {
    return this.#mail.admissions({
      registry: this.#around.registry,
      content: this.#around.blocks,
      version: this.version,
      feeder: this.upkeep.feeder,
      endOfOpenTurn: () => this.#runner.endOfOpenTurn(),
      comesBack: async () => (await this.family?.comesBack()) ?? false,
    });
  }

  #makeHttpAdmission(): HttpAdmission {
    return new HttpAdmission({
      ...this.#records(),
      content: this.#around.blocks,
      version: this.version,
      site: this.#site,
      salt: this.genesis.salt,
      admission: this.admission,
      run: () => this.#runner.start(),
      endOfOpenTurn: () => this.#runner.endOfOpenTurn(),
    });
  }

  #makeConnections(sql: SqlStorage): Connections {
    const given = { site: this.#site, host: this.#around.sockets, channels: this.#mail.channels };
    return new Connections({
      ...this.#records(),
      sql,
      ...given,
      run: () => this.#runner.start(),
    });
  }

  #makeSocketAdmission(): SocketAdmission {
    return new SocketAdmission({
      ...this.#records(),
      version: this.version,
      site: this.#site,
      connections: this.#connections,
      host: this.#around.sockets,
      salt: this.genesis.salt,
      admission: this.admission,
      channelAdmission: this.channelAdmission,
      run: () => this.#runner.start(),
    });
  }

  #makeRunner(): Runner {
    const around = this.#around;
    const { variables, secrets: values } = around.settings;
    const secrets = new Secrets(values, this.genesis.salt);
    const { outbox, deferred, channels, peers, asking } = this.#mail;
    return new Runner({
      ...this.#records(),
      outbox,
      deferred,
      channels,
      timers: this.#timers,
      executor: around.executor,
      content: around.blocks,
      version: turnVersions(this.version, around),
      files: new FileTree(this.#sql),
      site: this.#site,
      connections: this.#connections,
      services: (turn, waiting) => {
        const { journal, history } = this;
        const mine = { journal, history, timers: this.#timers, peers, asking, family: this.family };
        const given = { ...mine, waiting, variables, secrets };
        return servicesFor({ ...around, ...given }, turn);
      },
      ended: (turn, end) => this.family?.onTurnEnd(turn, end),
      shutDown: (data) => this.family?.onShutdown(data),
      halted: () => {
        this.#mail.halted(this.cell.status);
        this.#connections.halted(this.cell.status);
      },
      settled: () => {
        this.family?.open();
        this.upkeep.feeder.poke();
        this.#mail.settled();
      },
    });
  }

  /** Waits for init and says which event ended it, or throws what became of it. */
  async firstTurn(): Promise<EventRef> {
    if (this.cell.get("begun") !== true) {
      await this.#mail.deadlocks.bearing(() => this.#runner.run());
    }
    const end = this.journal.endOfTurn(1);
    this.family?.open();
    const isInit = end !== undefined && this.journal.about(end)?.type === "turn.committed";
    // Born as it is, or begun anew since: then the first turn says nothing about the birth.
    if (!isInit && this.cell.get("begun") === true) return this.journal.ref(STARTED);
    if (end === undefined) {
      const message =
        "The actor was born, but its first turn could not be run yet: look at it in a moment.";
      throw new TheaterError("outcome-unknown", message, { id: this.id });
    }
    // Asked by type: the payload may have been erased, and the birth is still the same.
    if (isInit) return this.journal.ref(end);
    return (await this.admission.outcomeOf(end)).event;
  }

  #onFork(error: TheaterError): void {
    const isDown = this.cell.status === "failed" || this.cell.status === "stopped";
    this.journal.transaction(() => {
      this.cell.set("status", "failed");
      this.cell.set("reason", `forked: ${error.message}`);
      this.cell.set("forked", error.message);
      this.family?.onForked(isDown);
      this.#arm(); // for the directory
    });
    this.#runner.start(); // tells those who wait
    this.family?.tick();
  }

  /** In every transaction that appends: if this object dies now, the alarm wakes it. */
  #arm(): void {
    this.upkeep.feeder.poke();
    this.upkeep.noteAcknowledged(false);
    this.#alarm.arm();
  }

  /** What the alarm does, and the cron trigger for actors whose alarm was lost. */
  async onAlarm(): Promise<void> {
    await this.#alarm.handle(async () => {
      this.#runner.start(); // timers and messages do not wait for the ledger
      this.family?.open();
      await Promise.allSettled([
        this.#mail.deferred.expire(),
        this.#mail.outbox.deliver(),
        this.upkeep.feed(),
      ]);
      await this.upkeep.seal();
      this.upkeep.noteAcknowledged(true); // so that the next life knows that nothing is pending
      // An object with a request in it stays in memory: so wait, but not so long that all else waits too.
      await within(LINE_MS_MAX, this.#runner.run()).catch(() => undefined);
    });
  }

  /** See `ActorRpc`. */
  waits(callId: string): Wait | null {
    return this.#mail.deadlocks.waits(callId);
  }

  summary(): ActorSummary {
    const { genesis, version } = this;
    return summaryOf({ ...this.#records(), genesis, version, feeder: this.upkeep.feeder });
  }

  parentage(): Parentage {
    const { seq, digest } = this.journal.head;
    const version = this.version.now.seq;
    const upgrade =
      version === 0 ? null : (this.journal.entries(version, 1)[0]?.payload.block ?? null);
    return {
      genesis: this.#genesisBlock,
      upgrade,
      head: { seq, digest },
      status: this.cell.status,
    };
  }

  /** The head once it is behind `after`, or whatever it is after `waitMs`. */
  async follow(after: number, waitMs: number): Promise<EventRef> {
    if (this.journal.head.seq <= after) await this.#followers.wait(waitMs);
    return this.journal.headRef();
  }
}
