// An actor among its relatives: the children that it keeps, and the supervisor that keeps it. An actor
// that can have neither has no family, and pays nothing for one.

import type { Failure, Payloads } from "../../chain/event-types.ts";
import { decodePayload } from "../../chain/payload.ts";
import { Link, type Value } from "../../chain/value.ts";
import { returned, type HandlerAnswer } from "../../handlers/handler.ts";
import { fromUtf8 } from "../../lib/bytes.ts";
import { isToBoot } from "../../supervision/advance.ts";
import { findChild } from "../../supervision/children.ts";
import { isUp } from "../../supervision/lifecycle.ts";
import type { EndKind } from "../../supervision/plan.ts";
import type { ExitKind } from "../../supervision/spec.ts";
import { reached } from "../answers.ts";
import type { Genesis } from "../birth/genesis.ts";
import type { Starter } from "../birth/starter.ts";
import { failActor } from "../lifecycle.ts";
import type { Deadlocks } from "../mail/deadlocks.ts";
import type { Idempotency } from "../mail/idempotency.ts";
import type { Mailbox } from "../mail/mailbox.ts";
import type { ActorRpc, BranchChild, BirthInput, EventRef } from "../protocol.ts";
import type { Cell } from "../record/cell.ts";
import type { Blocks } from "../record/content.ts";
import type { History } from "../record/history.ts";
import type { Journal } from "../record/journal.ts";
import type { Runner } from "../turn/runner.ts";
import type { CurrentVersion } from "../upgrade/version.ts";
import { ChildRows, type ChildRow } from "./child-rows.ts";
import { Commands } from "./commands.ts";
import { Keeper } from "./keeper.ts";
import { Notices } from "./notices.ts";
import type { Notice } from "./orders.ts";
import { Spawner, type Spawn } from "./spawner.ts";
import { Subordinate, type Beginning } from "./subordinate.ts";

/** Whether an actor has a supervisor, or can have children. */
export function hasFamily({ parent, permissions, supervision }: Genesis): boolean {
  return (
    parent !== null || "supervisor" in permissions.held || supervision.spec.children.length > 0
  );
}

interface FamilyParts {
  sql: SqlStorage;
  journal: Journal;
  history: History;
  cell: Cell;
  mailbox: Mailbox;
  genesis: Genesis;
  version: CurrentVersion;
  starter: Starter;
  blocks: Blocks;
  deadlocks: Deadlocks;
  unreachableMs: number;
  idempotency: Idempotency;
  peer: (id: string) => ActorRpc;
  runner: () => Runner;
}

export class Family {
  readonly #parts: FamilyParts;
  readonly #rows: ChildRows;
  readonly #notices: Notices;
  readonly #spawner: Spawner;
  readonly #admitted: { seq: number; isInit: boolean }[] = [];
  readonly keeper: Keeper;
  readonly commands: Commands;
  readonly subordinate: Subordinate;

  constructor(parts: FamilyParts) {
    this.#parts = parts;
    const { sql, journal, cell, genesis, peer } = parts;
    const { spec } = genesis.supervision;
    const parent = genesis.parent?.actor ?? null;
    this.#rows = new ChildRows(sql);
    this.#notices = new Notices({ ...parts, parent });
    this.keeper = new Keeper({
      sql,
      journal,
      rows: this.#rows,
      spec,
      peer,
      deadlocks: parts.deadlocks,
      unreachableMs: parts.unreachableMs,
      mayRun: () => cell.status === "running" || cell.status === "paused",
      openTurn: () => cell.get("openTurn")?.turn,
      keep: async (value, write) => {
        if (genesis.supervision.callbacks) await parts.blocks.keep(value, write);
        else write();
      },
      conceive: (name) => this.#conceive(name),
      tellGuest: (row, notice) => this.#tellGuest(row, notice),
      onEnd: (kind, reason) => this.#end(kind, reason),
      settled: () => this.#onSettled(),
    });
    this.#spawner = new Spawner({
      ...parts,
      rows: this.#rows,
      keeper: this.keeper,
      spec,
      permissions: () => parts.version.now.permissions,
    });
    this.commands = new Commands({
      ...parts,
      rows: this.#rows,
      keeper: this.keeper,
      keepsChildren: hasFamily({ ...genesis, parent: null }),
    });
    this.subordinate = new Subordinate({
      ...parts,
      notices: this.#notices,
      keeper: () => this.keeper,
      raise: () => this.open(),
      beginning: () => this.#beginning(),
      keep: (value, start) => parts.blocks.keep(value, start),
      admit: (message) => this.#admit(message),
      admitted: () => this.#line(),
    });
  }

  get isPending(): boolean {
    return this.#notices.isPending || this.keeper.isPending || this.#spawner.isPending;
  }

  /** When the policy wants to be asked again, ms since the epoch. */
  get wakeMs(): number | undefined {
    return this.keeper.wakeMs;
  }

  /** At a wake-up, and whenever something has happened: the children are to run once init has. */
  open(): void {
    const { cell, genesis } = this.#parts;
    const { phase, children } = this.keeper.state;
    const count = genesis.supervision.spec.children.length + children.length;
    const isDown = phase === "ended" && count > 0;
    if (isDown && cell.status === "running" && cell.get("begun") === true) this.keeper.ensureUp();
    this.tick();
  }

  /** After a transaction that was undone. */
  forget(): void {
    this.#admitted.length = 0;
    this.keeper.forget();
  }

  tick(): void {
    this.keeper.tick();
    this.#spawner.finish();
    void this.#notices.tell();
  }

  /** In the transaction that ends a turn. */
  onTurnEnd(
    turn: number,
    how: { committed: boolean; failure: { kind: Failure; code: string } | null },
  ): void {
    this.#spawner.settle(turn, how.committed);
    const { cell } = this.#parts;
    const isStillborn = cell.status === "failed" && cell.get("begun") !== true;
    if (isStillborn) this.#leaveAlone("it could not begin");
    if (how.failure !== null) this.subordinate.fail(how.failure.kind, how.failure.code);
  }

  /** In the transaction that records that the guest has shut itself down. */
  onShutdown(data: Value): void {
    this.#leaveAlone("it shut itself down");
    this.subordinate.leave("normal", "shutdown", data);
  }

  /** In the transaction that fails an actor whose chain has two histories. `wasDown`: its end was told before. */
  onForked(wasDown: boolean): void {
    if (!wasDown) this.subordinate.leave("corrupted-state", "forked", null);
  }

  /** In a transaction: the actor is down by its own doing, and its children go down too. */
  #leaveAlone(reason: string): void {
    const { state } = this.keeper;
    if (state.phase !== "up" && !isToBoot(state)) return;
    this.keeper.decide({ on: "shutdown", kind: "shutdown", reason, brutal: false });
  }

  /** In the transaction that records that an operator stopped or deleted the actor. */
  onStopped(change: string, principal: string): void {
    if (change === "delete") return this.subordinate.vanish(principal);
    this.subordinate.leave("stopped", `${change} by ${principal}`, null, principal);
  }

  spawn(spawn: Spawn): Promise<HandlerAnswer> {
    return this.#spawner.spawn(spawn);
  }

  adopt(birth: BirthInput): Promise<{ head: EventRef }> {
    return this.#spawner.adopt(birth);
  }

  list(): HandlerAnswer {
    const ids = this.keeper.state.children.flatMap(({ spec, state }) => {
      const row = state === "stopped" ? undefined : this.#rows.byName(spec.id);
      return row === undefined ? [] : [row.actor];
    });
    return returned(ids);
  }

  /** All that are on the list, whether they run or not. */
  children(): BranchChild[] {
    return this.keeper.state.children.map(({ spec, state, incarnation, starts, lastExit }) => {
      const actor = this.#rows.byName(spec.id)?.actor ?? null;
      return { name: spec.id, actor, status: state, incarnation, starts, lastExit };
    });
  }

  /** Whether a child that is down is going to be started, as far as its supervisor knows by now. */
  async expects(child: string): Promise<boolean> {
    const row = this.#rows.byActor(child);
    if (row === undefined) return false;
    const { state } = this.keeper;
    if (state.phase !== "up") return await this.comesBack(); // and its children with it
    const known = findChild(state, row.name);
    return known !== undefined && known.state !== "stopped";
  }

  /** Whether this actor runs, or is down only until somebody above it starts it again. */
  async comesBack(): Promise<boolean> {
    const { cell, journal, peer } = this.#parts;
    if (cell.status === "running" || cell.status === "paused") return true;
    const parent = cell.get("parent") ?? null;
    const isMeant = ["stop", "terminate"].includes(cell.get("reason") ?? ""); // by an operator
    if (parent === null || isMeant || cell.get("forked") !== undefined) return false;
    const answer = await reached(() => peer(parent).expects(journal.actor));
    return answer.ok ? answer.value : answer.error.code !== "not-found";
  }

  isChild(id: string): boolean {
    return this.#rows.byActor(id) !== undefined;
  }

  /** A child of the manifest, composed once. */
  async #conceive(name: string): Promise<ChildRow> {
    const { genesis, version, journal, starter } = this.#parts;
    const source = genesis.supervision.sources.get(name);
    const { seq, digest } = journal.head;
    const cause = { actor: journal.actor, seq, event: new Link("dag-cbor", digest) };
    const parent = { id: journal.actor, permissions: version.now.permissions, cause };
    const child = await starter.conceive({
      manifest: source?.manifest ?? "",
      initState: source?.initState ?? null,
      parent,
    });
    const known = this.#rows.byName(name); // composed meanwhile by another call
    if (known !== undefined) return known;
    const row = { name, actor: child.id, genesis: child.genesis, initState: child.initState };
    journal.transaction(() => this.#rows.add({ ...row, asIs: false, call: null, turn: 0 }));
    return { ...row, asIs: false, call: null, turn: 0, born: false, exited: -1 };
  }

  /** The supervisor gives up, or has nothing left to do. */
  #end(kind: EndKind, reason: string): void {
    const { journal, cell } = this.#parts;
    if (!isUp(cell.status)) return;
    if (kind === "escalated") {
      failActor({ journal, cell }, `escalated: ${reason}`);
    } else {
      const fields = { reason: `${kind}: ${reason}`, by: null, data: null };
      journal.append({ type: "actor.stopped", about: "", turn: 0, fields });
      cell.set("status", "stopped");
      cell.set("reason", fields.reason);
    }
    this.subordinate.leave(kind, reason, null);
  }

  #onSettled(): void {
    const { cell, runner } = this.#parts;
    // It has given up: its turn does not act on. Whoever stops it otherwise waits for the turn.
    if (cell.status === "failed" && runner().isTurning) {
      void runner()
        .between(() => undefined, "escalated")
        .catch(() => undefined);
    }
    void this.#notices.tell();
    this.#line();
  }

  /** Tells a guest that wants to know, as a message of its own; it cannot change the decision. */
  #tellGuest(row: ChildRow, { kind, detail, data, head }: Notice): void {
    if (!this.#parts.genesis.supervision.callbacks) return;
    const { actor: id } = row;
    const cause = { actor: id, seq: head.seq, event: new Link("dag-cbor", head.digest) };
    const params = paramsFor(id, kind, { detail, data });
    const random = crypto.getRandomValues(new Uint8Array(48));
    const name = [...random.subarray(0, 16)].map((byte) => byte.toString(16).padStart(2, "0"));
    this.#admit({
      id: name.join(""),
      kind: "child-notice",
      from: id,
      cause,
      params,
      seed: random.slice(16),
    });
  }

  #admit(fields: Payloads["message.received"]): void {
    const { journal, mailbox } = this.#parts;
    const draft = { type: "message.received", about: fields.kind, turn: 0, fields } as const;
    const { seq } = journal.append(draft);
    mailbox.admit(seq);
    this.#admitted.push({ seq, isInit: fields.kind === "lifecycle" });
  }

  /** After a transaction: what it admitted takes its place in line. */
  #line(): void {
    const { mailbox, runner } = this.#parts;
    for (const { seq, isInit } of this.#admitted.splice(0)) mailbox.putSend(seq, isInit);
    runner().start();
  }

  async #beginning(): Promise<Beginning | undefined> {
    const { history, blocks } = this.#parts;
    const [started] = await history.entries(STARTED, 1);
    if (started?.payload.block == null) return undefined;
    const { state } = decodePayload("actor.started", started.payload.block);
    if (state !== null) {
      return { init: null, state: (await blocks.resolve(state)) as readonly Uint8Array[] };
    }
    const [first] = await history.entries(FIRST_MESSAGE, 1);
    if (first?.payload.block == null || first.about !== "lifecycle") return undefined;
    const { salt: _, ...read } = decodePayload("message.received", first.payload.block);
    const fields = { ...read, params: await blocks.resolve(read.params) };
    return { init: { ...fields, seed: crypto.getRandomValues(new Uint8Array(32)) }, state: null };
  }
}

/** The events behind actor.created: how it began, and init where it did not begin as it is. */
const STARTED = 1;
const FIRST_MESSAGE = 2;

/** As `theater:simple/supervisor-handlers` has it: an exit, an external stop, or an error. */
function paramsFor(
  id: string,
  kind: ExitKind,
  { detail, data }: { detail: string; data: Uint8Array | null },
): Value[] {
  if (kind === "normal" || kind === "shutdown") return [id, data === null ? null : [data]];
  if (kind === "stopped") return [id];
  const type = kind === "cut" ? "operation-timeout" : "internal";
  return [id, { "error-type": type, data: [fromUtf8(`${kind}: ${detail}`)] }];
}
