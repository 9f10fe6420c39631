// An actor as its supervisor's child: it obeys the orders of the one actor that its genesis names, and
// says so once it has. It never restarts itself.
//
// Invariants: an order about an older incarnation changes nothing; an incarnation that was stopped never
// runs again; going down by itself and the notice of it are one transaction.

import type { Failure, Payloads } from "../../chain/event-types.ts";
import type { Value } from "../../chain/value.ts";
import { assert, TheaterError } from "../../lib/errors.ts";
import { isUp } from "../../supervision/lifecycle.ts";
import type { ExitKind } from "../../supervision/spec.ts";
import { reached, settled } from "../answers.ts";
import { failActor, INIT_FAILED, lifecycleEvent } from "../lifecycle.ts";
import type { Deadlocks } from "../mail/deadlocks.ts";
import type { Idempotency, MessageKey } from "../mail/idempotency.ts";
import type { ActorRpc, EventRef } from "../protocol.ts";
import type { Cell } from "../record/cell.ts";
import type { Journal } from "../record/journal.ts";
import type { Runner } from "../turn/runner.ts";
import type { Keeper } from "./keeper.ts";
import type { Notices } from "./notices.ts";
import type { Answered, HeadMark, Notice, Order } from "./orders.ts";

interface SubordinateParts {
  journal: Journal;
  cell: Cell;
  notices: Notices;
  deadlocks: Deadlocks;
  idempotency: Idempotency;
  peer: (id: string) => ActorRpc;
  runner: () => Runner;
  /** Of its own children, which go down before it does. */
  keeper: () => Keeper | undefined;
  /** Starts them, where there are any. */
  raise: () => void;
  /** What it begins with anew; undefined where it was erased. */
  beginning: () => Promise<Beginning | undefined>;
  /** Puts what of the value is too large for a payload aside, and then calls `start`. */
  keep: (value: Value, start: () => Promise<void>) => Promise<void>;
  /** Appends a message, in a transaction, and puts it in line. */
  admit: (message: Payloads["message.received"]) => void;
  /** After that transaction. */
  admitted: () => void;
}

/** As it was born: with init, or with a state as it is, a list of none or one. */
export type Beginning =
  | { init: Payloads["message.received"]; state: null }
  | { init: null; state: readonly Uint8Array[] };

/** A supervisor counts as started once its children are, as OTP's does; or once its own supervisor has waited so long. */
const BOOT_MS_MAX = 20_000;

export class Subordinate {
  readonly #parts: SubordinateParts;

  constructor(parts: SubordinateParts) {
    this.#parts = parts;
  }

  get incarnation(): number {
    return this.#parts.cell.get("incarnation") ?? 0;
  }

  get #stoppedUpTo(): number {
    return this.#parts.cell.get("stoppedUpTo") ?? -1;
  }

  /** Throws `forbidden` for an order of anybody else. */
  async obey(order: Order): Promise<Answered> {
    const { cell, runner, deadlocks } = this.#parts;
    if (order.parent !== cell.get("parent")) {
      const message =
        "Only its supervisor gives this actor orders: use stop, restart and the like.";
      throw new TheaterError("forbidden", message);
    }
    try {
      return await deadlocks.obeying(() =>
        order.what === "start" ? this.#start(order) : this.#stop(order),
      );
    } finally {
      runner().start();
    }
  }

  async #start({ parent, incarnation, from, by }: Order): Promise<Answered> {
    const { cell, journal, runner, keeper } = this.#parts;
    if (this.#isPast(incarnation)) return this.#stopped(incarnation);
    if (this.#isNew(incarnation)) {
      if (this.#parts.notices.isHeld(incarnation)) {
        const detail = "somebody else has stopped it meanwhile";
        return this.#told({ saw: "start-failed", kind: "stopped", detail });
      }
      if (cell.status === "deleted") {
        return this.#told({ saw: "start-failed", kind: "corrupted-state", detail: "deleted" });
      }
      if (cell.get("forked") !== undefined) {
        return this.#told({ saw: "start-failed", kind: "corrupted-state", detail: "forked" });
      }
      const begins = from === "init" || cell.get("begun") !== true;
      const anew = begins ? await this.#parts.beginning() : null;
      if (anew === undefined) {
        const detail = "what it began with was erased";
        return this.#told({ saw: "start-failed", kind: "corrupted-state", detail });
      }
      const start = (): void =>
        journal.transaction(() => {
          // Again: the order may have come twice, or have been overtaken by the one to stop.
          if (!this.#isNew(incarnation)) return;
          const state = anew?.state ?? null;
          const event = lifecycleEvent("restart", by ?? parent, incarnation, state);
          this.#noteStarted(journal.append(event));
          cell.set("incarnation", incarnation);
          cell.set("status", "running");
          cell.set("reason", "");
          cell.set("initFailure", null);
          if (state !== null) cell.setState(state[0] ?? null);
          if (anew?.init != null) this.#parts.admit(anew.init);
        });
      const restart = (): Promise<void> => runner().between(start, "superseded");
      const named = anew === null ? null : (anew.state ?? anew.init.params);
      await (named === null ? restart() : this.#parts.keep(named, restart));
      this.#parts.admitted();
      if (begins) await runner().run();
    }
    if (incarnation <= this.#stoppedUpTo) return this.#stopped(incarnation);
    if (cell.status === "failed" && cell.get("reason") === INIT_FAILED) {
      const kind = cell.get("initFailure") ?? "trap";
      return this.#told({ saw: "start-failed", kind, detail: INIT_FAILED });
    }
    this.#parts.raise();
    await keeper()?.isQuiet(BOOT_MS_MAX);
    // Down again already: its notice says why, and the policy decides about that.
    return this.#told({ saw: "started" });
  }

  /** An operator who has asked for a start has it with the next one, whoever decided that. */
  #noteStarted({ seq }: EventRef): void {
    const { cell, idempotency } = this.#parts;
    cell.set("started", seq);
    const key = cell.get("restartKey");
    if (key == null) return;
    idempotency.keep("restart", key, seq);
    cell.set("restartKey", null);
  }

  /**
   * Has the supervisor start this actor, which is down, because an operator asked for it: the event that says
   * so; null where the parent keeps no children. Throws what the supervisor answers.
   */
  async restart(by: string, key: MessageKey | null): Promise<EventRef | null> {
    const { cell, journal, notices, peer } = this.#parts;
    const parent = cell.get("parent") ?? null;
    if (parent === null) return null;
    await notices.tell(); // or it would learn of the end later, and from nobody
    if (notices.isPending) {
      const message = "The actor's supervisor does not answer: ask again in a moment.";
      throw new TheaterError("unavailable", message, { parent });
    }
    if (key !== null) journal.transaction(() => cell.set("restartKey", key));
    const child = journal.actor;
    const answer = await reached(() => peer(parent).restartChild({ child, by }));
    const isDone = answer.ok ? answer.value : answer.error.code === "outcome-unknown";
    if (!isDone && key !== null) journal.transaction(() => cell.set("restartKey", null));
    if (!settled(answer)) return null;
    const started = cell.get("started");
    assert(started !== undefined, "whoever was started knows it");
    return journal.ref(started);
  }

  /** An incarnation that is down for good, whether or not it ever ran. */
  #isPast(incarnation: number): boolean {
    return incarnation <= this.#stoppedUpTo || incarnation < this.incarnation;
  }

  #isNew(incarnation: number): boolean {
    return !this.#isPast(incarnation) && incarnation > this.incarnation;
  }

  async #stop({ parent, incarnation, what }: Order): Promise<Answered> {
    const { cell, journal, runner, keeper } = this.#parts;
    if (incarnation < this.incarnation) return this.#stopped(incarnation);
    const down = (): void =>
      journal.transaction(() => {
        cell.set("stoppedUpTo", Math.max(incarnation, this.#stoppedUpTo));
        if (!isUp(cell.status)) return;
        const change = what === "kill" ? "terminate" : "stop";
        journal.append(lifecycleEvent(change, parent, incarnation));
        cell.set("status", "stopped");
        cell.set("reason", "stopped by its supervisor");
      });
    const end = (): Promise<void> =>
      runner().between(down, what === "kill" ? "terminated" : undefined);
    const brutal = what === "kill";
    const told = { kind: "shutdown", reason: "its supervisor ordered it", brutal } as const;
    await (keeper()?.ending(told, end) ?? end());
    return this.#stopped(incarnation);
  }

  #stopped(incarnation: number): Answered {
    return this.#told({ saw: "stopped", notice: this.#parts.notices.find(incarnation) });
  }

  /**
   * In the transaction that ends a turn which no supervisor wants to go on from: the actor is down, and the
   * supervisor will know. An actor without one goes on: nobody could start it again.
   */
  fail(kind: Failure, code: string): void {
    const { cell, journal } = this.#parts;
    if (cell.get("parent") == null) return;
    if (cell.get("reason") === INIT_FAILED) cell.set("initFailure", exitKind(kind, code));
    if (!isUp(cell.status)) return;
    if (code === "terminated" || code === "superseded") return; // whoever cut it says the rest
    failActor({ journal, cell }, `${kind}: ${code}`);
    this.#notify(exitKind(kind, code), code, { data: null, by: null, isDeleted: false });
  }

  /** In the transaction that records that the actor ended by itself, or that somebody else ended it. */
  leave(kind: ExitKind, detail: string, data: Value, by: string | null = null): void {
    if (this.#parts.cell.get("parent") == null) return;
    const [bytes = null] = (data ?? []) as readonly (null | readonly [Uint8Array])[];
    this.#notify(kind, detail, { data: bytes === null ? null : bytes[0], by, isDeleted: false });
  }

  /** In the transaction that records that an operator has deleted the actor, which was down. */
  vanish(by: string): void {
    if (this.#parts.cell.get("parent") == null) return;
    this.#notify("stopped", `delete by ${by}`, { data: null, by, isDeleted: true });
  }

  #notify(kind: ExitKind, detail: string, told: Pick<Notice, "data" | "by" | "isDeleted">): void {
    const { journal, notices } = this.#parts;
    const { seq, digest } = journal.head;
    const head = { seq, digest };
    const { incarnation } = this;
    notices.add({ child: journal.actor, incarnation, kind, detail, ...told, head });
  }

  #told<S>(seen: S): S & { head: HeadMark } {
    const { seq, digest } = this.#parts.journal.head;
    return { ...seen, head: { seq, digest } };
  }
}

/** A failed turn as supervision knows it. */
function exitKind(kind: Failure, code: string): ExitKind {
  if (code === "crash-loop") return "crash-loop";
  return kind === "lost" ? "cut" : kind;
}
