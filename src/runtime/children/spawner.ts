// Children that a guest spawns. Exactly once in effect: the genesis is composed once and noted under the
// call's id before the child is born, and a birth may be repeated.

import { actorId } from "../../chain/actor-id.ts";
import { err, failed, ok, type HandlerAnswer } from "../../handlers/handler.ts";
import { ensureTheaterError, TheaterError } from "../../lib/errors.ts";
import type { Permissions } from "../../manifest/permissions.ts";
import { findChild } from "../../supervision/children.ts";
import { problemOfJoining } from "../../supervision/roster.ts";
import type { SupervisorSpec } from "../../supervision/spec.ts";
import { reached, settled } from "../answers.ts";
import type { Starter } from "../birth/starter.ts";
import { controlId, type Deadlocks } from "../mail/deadlocks.ts";
import type { ActorRpc, Answer, BirthInput, EventRef } from "../protocol.ts";
import type { Journal } from "../record/journal.ts";
import type { Intent } from "../turn/turn-parts.ts";
import { Link } from "../../chain/value.ts";
import type { ChildRow, ChildRows } from "./child-rows.ts";
import type { Keeper } from "./keeper.ts";

interface SpawnerParts {
  journal: Journal;
  rows: ChildRows;
  keeper: Keeper;
  spec: SupervisorSpec;
  /** What it may pass on by now. */
  permissions: () => Permissions;
  starter: Starter;
  peer: (id: string) => ActorRpc;
  deadlocks: Deadlocks;
}

export interface Spawn {
  manifest: string;
  initState: Uint8Array | null;
  /** Whether it begins with that state as it is, without init. */
  asIs: boolean;
  callId: string;
  turn: number;
  intent: Intent;
  /** Whether the turn that waits for the birth goes on. */
  isLive: () => boolean;
}

export class Spawner {
  readonly #parts: SpawnerParts;
  /** Children of operators whose birth is not known to have happened; undefined before they were looked up. */
  #adopting: Set<string> | undefined;
  readonly #bearing = new Set<string>();

  constructor(parts: SpawnerParts) {
    this.#parts = parts;
  }

  /** The child's id, or an err that says why there is none. */
  async spawn(spawn: Spawn): Promise<HandlerAnswer> {
    const known = this.#parts.rows.byCall(spawn.callId);
    if (known !== undefined) return await this.#bear(known, spawn);
    let row: ChildRow | string;
    try {
      row = await this.#conceive(spawn);
    } catch (thrown) {
      const { code, message } = ensureTheaterError(thrown);
      return err(`${code}: ${message}`);
    }
    return typeof row === "string" ? err(row) : await this.#bear(row, spawn);
  }

  /** The row of the child that is to be, or why it may not be. */
  async #conceive({
    manifest,
    initState,
    asIs,
    callId,
    turn,
    intent,
  }: Spawn): Promise<ChildRow | string> {
    const { journal, rows, keeper, spec, permissions, starter } = this.#parts;
    const id = journal.actor;
    const cause = { actor: id, seq: intent.seq, event: new Link("dag-cbor", intent.event) };
    const parent = { id, permissions: permissions(), cause };
    const child = await starter.conceive({ manifest, initState, parent });
    keeper.ensureUp();
    const problem = problemOfJoining(spec, keeper.state, { id: child.id, ...spec.spawned });
    if (problem !== null) return problem;
    const { genesis } = child;
    const named = { name: child.id, actor: child.id, genesis, initState: child.initState };
    journal.transaction(() => rows.add({ ...named, asIs, call: callId, turn }));
    return { ...named, asIs, call: callId, turn, born: false, exited: -1 };
  }

  /** The child of an operator. It joins as one that was spawned; what comes twice is the same child. */
  async adopt({ genesis, initState }: BirthInput): Promise<{ head: EventRef }> {
    const { journal, rows, keeper, spec } = this.#parts;
    const id = actorId(genesis);
    let row = rows.byActor(id);
    if (row === undefined) {
      keeper.ensureUp();
      const problem = problemOfJoining(spec, keeper.state, { id, ...spec.spawned });
      if (problem !== null) {
        throw new TheaterError("wrong-state", problem, { parent: journal.actor });
      }
      const named = { name: id, actor: id, genesis, initState, asIs: false };
      const call = `operator/${id}`;
      journal.transaction(() => rows.add({ ...named, call, turn: 0 }));
      row = { ...named, call, turn: 0, born: false, exited: -1 };
      this.#unborn.add(id);
    }
    return settled(await this.#adopt(row));
  }

  get #unborn(): Set<string> {
    const { rows } = this.#parts;
    this.#adopting ??= new Set(rows.unbornOfTurn(0).map(({ name }) => name));
    return this.#adopting;
  }

  /** Whether a birth that an operator asked for was cut off: it may have happened. */
  get isPending(): boolean {
    return this.#unborn.size > 0;
  }

  /** Goes on with those births, or calls them off where the supervisor takes no children. */
  finish(): void {
    const { rows, keeper, journal } = this.#parts;
    for (const name of this.#unborn) {
      const row = rows.byName(name);
      const isListed = findChild(keeper.state, name) !== undefined; // its end is ordered
      if (row === undefined || row.born || isListed) {
        this.#unborn.delete(name);
      } else if (keeper.state.phase === "up") {
        if (!this.#bearing.has(name)) void this.#adopt(row);
      } else {
        this.#unborn.delete(name);
        journal.transaction(() => this.#keepOrEnd(name, false));
        keeper.act();
      }
    }
  }

  async #adopt(row: ChildRow): Promise<Answer<{ head: EventRef }>> {
    const { keeper, journal } = this.#parts;
    this.#bearing.add(row.name);
    try {
      const answer = await this.#create(row);
      if (!answer.ok && isUnknown(answer.error.code)) return answer; // tried again, see `finish`
      this.#unborn.delete(row.name);
      journal.transaction(() => this.#keepOrEnd(row.name, true));
      keeper.act();
      return answer;
    } finally {
      this.#bearing.delete(row.name);
    }
  }

  async #bear(row: ChildRow, { callId, isLive }: Spawn): Promise<HandlerAnswer> {
    const edge = { to: row.actor, callId: controlId(callId), isLive };
    const answer = await this.#parts.deadlocks.during(edge, () => this.#create(row));
    if (answer.ok) return ok(row.actor);
    const { code, message } = answer.error;
    // What nobody knows is ended with the turn, see `settle`.
    return isUnknown(code) ? failed(`outcome-unknown: ${message}`) : err(`${code}: ${message}`);
  }

  /** The birth, and the child's place on the list. A birth that was refused leaves nothing. */
  async #create(row: ChildRow): Promise<Answer<{ head: EventRef }>> {
    const { journal, rows, keeper, peer } = this.#parts;
    const { actor, genesis, initState, asIs } = row;
    const birth = { genesis, initState, asIs, incarnation: 0, createdMs: Date.now() };
    const answer = await reached(() => peer(actor).create(birth));
    if (answer.ok) {
      journal.transaction(() => keeper.noteBorn(row));
      keeper.act();
    } else if (!isUnknown(answer.error.code)) {
      journal.transaction(() => rows.remove(row.name));
    }
    return answer;
  }

  /**
   * In the transaction that ends a turn: what it spawned stays if it committed. The rest is ended, and so is
   * a child of which nobody knows whether it was born, or that was born while the supervisor was ending.
   */
  settle(turn: number, committed: boolean): void {
    for (const { name } of this.#parts.rows.ofTurn(turn)) this.#keepOrEnd(name, committed);
  }

  #keepOrEnd(name: string, isWanted: boolean): void {
    const { rows, keeper, spec } = this.#parts;
    const row = rows.byName(name);
    if (row === undefined) return;
    const isListed = findChild(keeper.state, name) !== undefined;
    if (isWanted && row.born && isListed) return;
    if (!isListed && row.exited >= 0) {
      rows.remove(name); // forgotten already
    } else {
      const child = { id: name, ...spec.spawned };
      keeper.decide({ on: "discard-child", spec: child, incarnation: 0 });
    }
  }
}

/** Whether nobody knows if the child was born. */
function isUnknown(code: string): boolean {
  return code === "outcome-unknown" || code === "unavailable" || code === "internal";
}
