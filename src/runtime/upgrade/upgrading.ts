// Puts another version in force, between two turns.
//
// Invariants: the event, the version, the state that its migration made and the key are one transaction, so a crash
// leaves the old version or the new one; every turn up to that transaction was rehearsed, or one that differs was
// accepted; a version that fails on the way (its rehearsal, its migration) leaves everything as it was.

import { decodePayload } from "../../chain/payload.ts";
import { Link, type Value } from "../../chain/value.ts";
import type { Executor } from "../../executor/executor.ts";
import type { Registry } from "../../handlers/registry.ts";
import { assert, TheaterError } from "../../lib/errors.ts";
import { hasMigrate, migrate } from "../../replay/migration.ts";
import { readCursor } from "../../replay/place.ts";
import { replayPart } from "../../replay/replay.ts";
import type { ContentStore } from "../../store/store.ts";
import { readModuleSet } from "../birth/module-sets.ts";
import { FILE_TABLES } from "../files/file-tree.ts";
import type { Idempotency, MessageKey } from "../mail/idempotency.ts";
import type { Past } from "../past/past.ts";
import type { ActorRpc } from "../protocol.ts";
import type { Cell } from "../record/cell.ts";
import type { Blocks } from "../record/content.ts";
import type { Feeder } from "../record/feeder.ts";
import type { History } from "../record/history.ts";
import type { Journal } from "../record/journal.ts";
import type { Runner } from "../turn/runner.ts";
import { migrationFailed } from "./migration-failed.ts";
import { ownSource } from "./own-source.ts";
import { differs } from "./rehearsal-differs.ts";
import { candidateOf, checkPlace } from "./rehearse-part.ts";
import { checkSound, rehearsing, reshapeBy, type Candidate } from "./rehearsal.ts";
import {
  addTurns,
  rehearsedBy,
  type RehearsalMark,
  type UpgradeAnswer,
  type Upgraded,
  type UpgradeInput,
} from "./upgrade-input.ts";
import type { CurrentVersion } from "./version.ts";

interface UpgradingParts {
  sql: SqlStorage;
  journal: Journal;
  history: History;
  cell: Cell;
  idempotency: Idempotency;
  feeder: Feeder;
  runner: Runner;
  version: CurrentVersion;
  past: Past;
  executor: Executor;
  registry: Registry;
  content: ContentStore;
  blocks: Blocks;
  peer: (id: string) => ActorRpc;
  /** In the transaction: lists show another component. */
  relist: () => void;
}

/** How long the line stands still for the rest of a rehearsal. */
const REST_MS_MAX = 5_000;
/** How long a migration may take. */
const MIGRATE_MS_MAX = 30_000;
const ROLLBACK = "rollback";

/** The state that comes with a version; the event that says so stands right behind it. */
type NextState =
  | { by: "migrate"; state: Uint8Array | null }
  | { by: "rollback"; state: Uint8Array | null; toSeq: number };

export class Upgrading {
  readonly #parts: UpgradingParts;

  constructor(parts: UpgradingParts) {
    this.#parts = parts;
  }

  /** The rehearsal that is under way. */
  get mark(): RehearsalMark | null {
    return this.#parts.cell.get("rehearsal") ?? null;
  }

  /** Keeps how far a rehearsal is, for the call that goes on with it. */
  note(mark: RehearsalMark): void {
    const { journal, cell } = this.#parts;
    journal.transaction(() => cell.set("rehearsal", mark));
  }

  /** What the same key did before. Throws `key-reused`. */
  known(key: MessageKey | null): (Upgraded & { component: Uint8Array }) | null {
    const { idempotency, journal } = this.#parts;
    const seq = key === null ? undefined : idempotency.find("upgrade", key);
    if (seq === undefined) return null;
    const [entry] = journal.entries(seq, 1);
    assert(entry?.payload.block != null, "an upgrade stays in the journal");
    const upgraded = decodePayload("actor.upgraded", entry.payload.block);
    const { rehearsal, accepted } = upgraded as unknown as Omit<Upgraded, "event">;
    return { event: journal.ref(seq), rehearsal, accepted, component: upgraded.component.digest };
  }

  /**
   * Waits for the running turn, and holds the next one until it is done. Throws `rehearsal-differs`, what became of
   * the migration, and `wrong-state`.
   */
  async upgrade(input: UpgradeInput): Promise<UpgradeAnswer> {
    const { runner } = this.#parts;
    this.#requireVersion(input);
    try {
      return await runner.between(async () => {
        const known = this.known(input.key); // a repetition may have come through meanwhile
        if (known !== null) return { upgraded: known };
        this.#requireVersion(input);
        // It goes on under the version that began it, as soon as storage and store let it.
        if (this.#parts.cell.get("openTurn") != null) {
          throw busy("A turn has acted and could not be ended yet: try again.");
        }
        return await this.#between(input);
      });
    } finally {
      runner.start();
    }
  }

  async #between(input: UpgradeInput): Promise<UpgradeAnswer> {
    const { cell, blocks } = this.#parts;
    const before = cell.state; // a revert may come in between, and then this one starts again
    const candidate = await this.#candidate(input);
    const back = input.isRollback ? await this.stateBack() : null;
    const rest = await this.#rehearseRest(input, candidate, back);
    if (rest === "behind") return { behind: this.mark ?? input.mark };
    const next = input.isRollback ? back : await this.#migrate(input, candidate, before);
    const held: Value = next === null || next.state === null ? [] : [next.state];
    const upgraded = await blocks.keep(held, () => {
      this.#requireVersion(input);
      if (!cell.isState(before)) throw busy("The state was changed meanwhile: try again.");
      return this.#write(input, rest, next);
    });
    return { upgraded };
  }

  /**
   * The state that a rollback restores: the one before the migration of the version in force. Null where that had
   * none. Throws `wrong-state` where a turn has changed the migrated state, which the version before cannot read.
   */
  async stateBack(): Promise<Extract<NextState, { by: "rollback" }> | null> {
    const { journal, cell, past, version } = this.#parts;
    const { seq } = version.now;
    const behind = await this.#parts.history.entries(seq + 1, 1);
    if (behind[0]?.type !== "actor.migrated") return null;
    const { event } = await past.stateAt(journal.head.seq);
    const { state: migrated } = await past.stateAt(seq + 1);
    if (!cell.isState(migrated)) {
      const message =
        `The upgrade at event ${seq} migrated the state, and it was changed at event ${event?.seq} since: the ` +
        `component before cannot read it. Revert to event ${seq + 1} first, or upgrade to a component that can.`;
      throw new TheaterError("wrong-state", message, { upgraded: seq, changed: event?.seq });
    }
    const { state } = await past.stateAt(seq - 1);
    return { by: "rollback", state, toSeq: seq - 1 };
  }

  /** Every turn that ended since the rehearsal so far, or "behind" where that is too much for now. */
  async #rehearseRest(
    { mark, accepted }: UpgradeInput,
    candidate: Candidate,
    back: NextState | null,
  ): Promise<RehearsalMark | "behind"> {
    const { executor, registry } = this.#parts;
    const source = ownSource(this.#parts);
    const isThrough = mark.at !== null && readCursor(mark.at).seq > source.head.seq;
    if (accepted !== null || isThrough) return mark;
    const reshape = back === null ? reshapeBy(candidate, executor) : async () => back.state;
    const { report, at } = await replayPart({
      ...rehearsing(candidate, source, reshape),
      executor,
      functions: (about) => registry.findHostFunction(about)?.fn,
      cursor: mark.at,
      runMs: REST_MS_MAX,
    });
    checkSound(report.verdict, report.chain.firstBad);
    checkPlace(at, report.difference);
    const turns = addTurns(mark.turns, report.turns);
    const rest = { ...mark, at: at ?? mark.at, turns };
    this.note(rest);
    if (report.difference !== null) throw differs(rest, report.difference);
    return report.next === null ? rest : "behind";
  }

  async #candidate({ version }: UpgradeInput): Promise<Candidate> {
    const { content } = this.#parts;
    const { description } = await readModuleSet(content, version.modules);
    return candidateOf({ version, description }, content);
  }

  /** Null: the state stays as it is. */
  async #migrate(
    { version }: UpgradeInput,
    { modules, description }: Candidate,
    before: Uint8Array | null,
  ): Promise<NextState | null> {
    const { executor } = this.#parts;
    if (!hasMigrate(description)) return null;
    const made = await inTime(migrate({ executor, modules }, before));
    if (made.kind !== "migrated") throw migrationFailed(made);
    const bytes = made.state?.length ?? 0;
    const { stateBytes } = version.limits;
    if (bytes <= stateBytes) return { by: "migrate", state: made.state };
    const message = `migrate gave a state of ${bytes} bytes; the limit is ${stateBytes} (limits.state_bytes).`;
    throw new TheaterError("limit-exceeded", message, { limit: stateBytes });
  }

  /** The commit point of an upgrade: this one transaction. */
  #write(input: UpgradeInput, mark: RehearsalMark, next: NextState | null): Upgraded {
    const { sql, journal, cell, idempotency, version, relist } = this.#parts;
    const { by, accepted, key, runtime } = input;
    const { component, modules, manifest, permissions, limits } = input.version;
    const rehearsal = rehearsedBy(mark, accepted);
    const raw = (digest: Uint8Array): Link => new Link("raw", digest);
    const event = journal.transaction(() => {
      const upgraded = journal.append({
        type: "actor.upgraded",
        about: "",
        turn: 0,
        fields: {
          by,
          component: raw(component),
          modules: raw(modules),
          manifest: raw(manifest),
          grants: { ...permissions },
          limits: { ...limits },
          runtime,
          rehearsal: { ...rehearsal, turns: { ...rehearsal.turns } },
          accepted: accepted && { ...accepted },
        },
      });
      if (next !== null) this.#appendState(next, by);
      cell.set("version", upgraded.seq);
      cell.set("rehearsal", null);
      if (key !== null) idempotency.keep("upgrade", key, upgraded.seq);
      if ("filesystem" in permissions.held && !hasTable(sql, "file")) sql.exec(FILE_TABLES);
      relist();
      return { seq: upgraded.seq, cid: upgraded.cid };
    });
    version.take({ ...input.version, seq: event.seq });
    return { event, rehearsal, accepted };
  }

  #appendState(next: NextState, by: string): void {
    const { journal, cell } = this.#parts;
    const place = { about: "", turn: 0 };
    const state = next.state === null ? [] : [next.state];
    if (next.by === "migrate") {
      journal.append({ ...place, type: "actor.migrated", fields: { state } });
    } else {
      const fields = { toSeq: next.toSeq, by, reason: ROLLBACK, state };
      journal.append({ ...place, type: "actor.reverted", fields });
    }
    cell.setState(next.state);
  }

  /** Throws `wrong-state` for an actor that stays as it is. */
  requireUpgradable(): void {
    const { cell, feeder } = this.#parts;
    const { status } = cell;
    if (feeder.isForked) {
      const message = "The ledger holds another history of this actor: it cannot go on as either.";
      throw new TheaterError("chain-fork", message);
    }
    if (status === "deleted" || cell.get("begun") !== true) {
      const message =
        status === "deleted"
          ? "The actor is deleted, and stays as it is."
          : "The actor's init did not succeed: start a new one from the mended component.";
      throw new TheaterError("wrong-state", message, { status });
    }
  }

  #requireVersion({ replaces }: UpgradeInput): void {
    const { version } = this.#parts;
    this.requireUpgradable();
    if (version.now.seq !== replaces) {
      const message = `Another upgrade came first, at event ${version.now.seq}: look at it, and try again.`;
      throw new TheaterError("wrong-state", message, { upgraded: version.now.seq });
    }
  }
}

function hasTable(sql: SqlStorage, name: string): boolean {
  return sql.exec("SELECT 1 FROM sqlite_master WHERE name = ?", name).toArray().length > 0;
}

function busy(message: string): TheaterError {
  return new TheaterError("busy", message);
}

async function inTime<T>(work: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const message = `migrate took more than ${MIGRATE_MS_MAX} ms.`;
    reject(new TheaterError("limit-exceeded", message, { limit: MIGRATE_MS_MAX }));
  }, MIGRATE_MS_MAX);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
